"""From measured rounds to a table and to JSON."""

import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

Unit = Literal["/s", "MiB/s", "ms", "us CPU", "MiB", "statements"]


class Target(NamedTuple):
    """What a value shall be against its limit."""

    kind: Literal["times or more", "times or less", "MiB above or less"]
    bound: float

    @property
    def text(self) -> str:
        """The target in one short word."""
        if self.kind == "MiB above or less":
            return f"<= +{self.bound:.0f} MiB"
        return f"{'>=' if self.kind == 'times or more' else '<='} {self.bound:.2f}x"


@dataclass(frozen=True)
class Limit:
    """What a row's value is held against; without a target just for comparison."""

    title: str
    measure: Callable[[], float]
    target: Target | None = None


@dataclass(frozen=True)
class Row:
    """One number of the store. `prepare` runs once, before the first round.

    `cpu` returns what each operation of the last round cost the server, in microseconds
    of a processor: what the machine was doing besides changes that least.
    """

    name: str
    title: str
    unit: Unit
    measure: Callable[[], float]
    limits: tuple[Limit, ...]
    prepare: Callable[[], object] = lambda: None
    rounds: int | None = None
    cpu: Callable[[], float] | None = None


@dataclass(frozen=True)
class Result:
    """A row beside one of its limits; each round measured one after the other."""

    name: str
    title: str
    setup: str
    unit: Unit
    values: list[float]
    limit_title: str
    limits: list[float]
    target: Target | None
    cpu: list[float] = field(default_factory=list)

    @property
    def value(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.values)

    @property
    def limit(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.limits)

    @property
    def ratios(self) -> list[float]:
        """The ratio of each round: what disturbed a round disturbed both."""
        return [v / m for v, m in zip(self.values, self.limits, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios, not the ratio of the medians."""
        return statistics.median(self.ratios)

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        kind, bound = self.target
        if kind == "times or more":
            return self.ratio >= bound
        if kind == "times or less":
            return self.ratio <= bound
        above = [v - m for v, m in zip(self.values, self.limits, strict=True)]
        return statistics.median(above) <= bound

    def as_json(self) -> dict[str, Any]:
        """Everything, also what follows from the rest."""
        derived = {"value": self.value, "limit": self.limit, "ratio": self.ratio}
        return asdict(self) | derived | {"met": self.met}


_HEADINGS = ("", "value", "CPU each", "limit", "", "ratio", "(spread)", "target", "")
_ALIGNED = ("<", ">", ">", ">", "<", ">", "<", "<", "<")


def table(results: Sequence[Result]) -> str:
    """Return the results, a line for each limit, grouped by setup."""
    lines: list[tuple[str, ...]] = []
    for setup in dict.fromkeys(result.setup for result in results):
        lines += [(), (setup, *_HEADINGS[1:])]
        previous = ""
        for result in results:
            if result.setup == setup:
                lines.append(_line(result, again=result.name == previous))
                previous = result.name
    columns = range(len(_HEADINGS))
    widths = [max(len(line[i]) for line in lines if line) for i in columns]
    return "\n".join(
        "  ".join(
            f"{cell:{side}{width}}"
            for cell, side, width in zip(line, _ALIGNED, widths, strict=False)
        ).rstrip()
        for line in lines
    )


def _line(result: Result, *, again: bool) -> tuple[str, ...]:
    spread = f"({min(result.ratios):.2f}-{max(result.ratios):.2f})"
    verdict = {True: "met", False: "MISSED", None: ""}[result.met]
    return (
        "" if again else result.title,
        "" if again else _number(result.value, result.unit),
        "" if again or not result.cpu else f"{statistics.median(result.cpu):,.0f} us",
        _number(result.limit, result.unit),
        result.limit_title,
        f"{result.ratio:.2f}x",
        spread if len(result.values) > 1 else "",
        result.target.text if result.target else "",
        verdict,
    )


def _number(value: float, unit: Unit) -> str:
    decimals = {"ms": 2, "us CPU": 1}.get(unit, 0)
    return f"{value:,.{decimals}f} {unit}"


def machine(folder: Path) -> dict[str, Any]:
    """Return what the numbers depend on besides the databases."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "filesystem": _filesystem(folder),
        "load_before": round(os.getloadavg()[0], 2),
    }


def machine_line(about: dict[str, Any]) -> str:
    """Return the same in a sentence."""
    return (
        f"{about['cores']} cores ({about['processor']}), {about['system']}, "
        f"Python {about['python']}; files on {about['filesystem']}; "
        f"{'; '.join(about['servers'])}; load before {about['load_before']}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _filesystem(folder: Path) -> str:
    """Return the type of the filesystem that the folder is on."""
    try:
        mounts = [
            line.split() for line in Path("/proc/mounts").read_text().splitlines()
        ]
    except OSError:
        return sys.platform
    place = folder.resolve()
    holding = [
        (len(point), kind)
        for _, point, kind, *_ in mounts
        if place.is_relative_to(point)
    ]
    return max(holding)[1] if holding else "an unknown filesystem"


def write_json(
    path: Path, about: dict[str, Any], results: Sequence[Result], *, quick: bool
) -> None:
    """Write it all to a file, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "machine": about,
        "quick": quick,
        "rows": [result.as_json() for result in results],
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
