"""How much memory the busiest worker needs beyond what it has when idle (Linux)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from bench.client import download, upload
from bench.report import Limit, Row, Target
from bench.scale import Bench, in_words
from bench.servers import store

NAMES = ("memory-up", "memory-down")
ALLOWANCE_MIB = 120
_RESET_PEAK = "5"
_WARMING = 50


@contextmanager
def rows(bench: Bench) -> Iterator[list[Row]]:
    """Yield the rows while their store runs; none where there is no /proc."""
    if not Path("/proc/self/clear_refs").exists():
        yield []
        return
    with store(bench.setup) as target:
        size = bench.scale.memory_bytes
        path = "/buckets/bench/objects/large"
        for number in range(_WARMING):
            target.request("PUT", f"/buckets/bench/objects/{number}", b"warm")
        idle = {pid: _mib(pid, "VmRSS") for pid in target.workers()}
        up = partial(upload, target.port, path, size)
        down = partial(download, target.port, path)

        def prepare_down() -> None:
            try:
                down()
            except RuntimeError:  # the row that uploads was not asked for
                up()

        words = in_words(size)
        yield [
            _row("memory-up", f"{words} up", idle, up, lambda: None),
            _row("memory-down", f"{words} down", idle, down, prepare_down),
        ]


def _row(
    name: str,
    way: str,
    idle: dict[int, float],
    move: Callable[[], object],
    prepare: Callable[[], object],
) -> Row:
    busiest: list[int] = []

    def peak() -> float:
        for pid in idle:
            with suppress(OSError):  # then the peak is the one since the start
                Path(f"/proc/{pid}/clear_refs").write_text(_RESET_PEAK)
        move()
        peaks = {pid: _mib(pid, "VmHWM") for pid in idle}
        busiest.append(max(idle, key=lambda pid: peaks[pid] - idle[pid]))
        return peaks[busiest[-1]]

    return Row(
        name=name,
        title=f"Peak memory of the busiest worker, {way}",
        unit="MiB",
        measure=peak,
        limits=(
            Limit(
                "the same worker idle",
                lambda: idle[busiest[-1]],
                Target("MiB above or less", ALLOWANCE_MIB),
            ),
        ),
        prepare=prepare,
        rounds=1,
    )


def _mib(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/{pid}/status has no {name}")
