"""Measure the store beside its limits: `python -m bench --help`."""

import argparse
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import NoReturn

import psycopg
from psycopg.rows import scalar_row
from tqdm import tqdm

from bench import access, large, listing, memory, pages, parts, report, search, small
from bench.report import Result, Row
from bench.scale import FULL, QUICK, Bench
from bench.servers import Setup
from objectstore.config import BASE_DIR
from tests.servers.postgresql import postgresql
from tests.servers.s3 import seaweedfs, weed

FAMILIES = (small, access, large, parts, listing, memory, search, pages)
SETUPS = ("sqlite+files", "postgresql+files", "postgresql+s3")
NAMES = [name for family in FAMILIES for name in family.NAMES]
_TOLD_OF_POSTGRESQL = (
    "server_version",
    "fsync",
    "synchronous_commit",
    "shared_buffers",
)
LATEST = BASE_DIR / "bench" / "results" / "latest.json"


def main(arguments: list[str]) -> int:
    """Measure, print the table, write the JSON; 130 when it was interrupted."""
    options = _parse(arguments)
    scale = QUICK if options.quick else FULL
    scale = scale._replace(rounds=options.rounds or scale.rounds)
    wanted = options.only or NAMES
    signal.signal(signal.SIGTERM, _leave)
    results: list[Result] = []
    about = report.machine(Path(tempfile.gettempdir()))
    status = 0
    with ExitStack() as stack:
        setups = _setups(options.setup or SETUPS, stack)
        about["servers"] = sorted({_describe(setup) for setup in setups})
        bar = stack.enter_context(tqdm(total=len(wanted) * len(setups), unit="row"))
        try:
            for setup in setups:
                results.extend(_measure(Bench(setup, scale), wanted, bar))
        except KeyboardInterrupt:
            status = 130
    if results:
        print(report.table(results))
    print(f"\n{report.machine_line(about)}")
    if not status:
        report.write_json(options.json, about, results, quick=options.quick)
        print(f"All rounds: {options.json}")
    return status


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m bench", description=sys.modules["bench"].__doc__
    )
    parser.add_argument(
        "--quick", action="store_true", help="smaller sizes, two minutes"
    )
    parser.add_argument("--only", action="append", choices=NAMES, help="again for more")
    parser.add_argument(
        "--json", type=Path, default=LATEST, help="where to write it all"
    )
    parser.add_argument("--rounds", type=int, help="how often each row is measured")
    parser.add_argument(
        "--setup", action="append", choices=SETUPS, help="again for more"
    )
    return parser.parse_args(arguments)


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _setups(chosen: Sequence[str], stack: ExitStack) -> list[Setup]:
    """Return the setups in SETUPS' order, with the servers they need running."""
    setups = [Setup("sqlite+files")] if "sqlite+files" in chosen else []
    if {"postgresql+files", "postgresql+s3"}.intersection(chosen):
        url = stack.enter_context(postgresql(durable=True))
        if "postgresql+files" in chosen:
            setups.append(Setup("postgresql+files", url))
    if "postgresql+s3" in chosen:
        s3 = stack.enter_context(seaweedfs(durable=True))
        s3.let_anybody_in()
        setups.append(Setup("postgresql+s3", url, s3))
    return setups


def _describe(setup: Setup) -> str:
    if setup.s3 is not None:
        told = subprocess.check_output([weed(), "version"], text=True).split()
        return f"SeaweedFS {told[2]} (fsync on)"
    if setup.database_url is None:
        return f"SQLite {sqlite3.sqlite_version} (WAL, synchronous FULL)"
    with psycopg.connect(setup.database_url) as connection:
        cursor = connection.cursor(row_factory=scalar_row)
        version, *settings = (
            f"{name} {cursor.execute(f'SHOW {name}').fetchone()}"
            for name in _TOLD_OF_POSTGRESQL
        )
    version = version.removeprefix("server_version ")
    return f"PostgreSQL {version} ({', '.join(settings)})"


def _measure(
    bench: Bench, wanted: list[str], bar: "tqdm[NoReturn]"
) -> Iterator[Result]:
    for family in FAMILIES:
        if not set(family.NAMES).intersection(wanted):
            continue
        bar.set_description(f"{bench.setup.name}: starting {', '.join(family.NAMES)}")
        with family.rows(bench) as rows:
            for row in rows:
                if row.name in wanted:
                    yield from _rounds(row, bench, bar)
                    bar.update()


def _rounds(row: Row, bench: Bench, bar: "tqdm[NoReturn]") -> Iterator[Result]:
    """Measure a row and its limits in turns."""
    bar.set_description(f"{bench.setup.name}: {row.name}")
    row.prepare()
    values: list[float] = []
    cpu: list[float] = []
    limits: list[list[float]] = [[] for _ in row.limits]
    rounds = row.rounds or bench.scale.rounds
    for number in range(rounds):
        bar.set_postfix_str(f"round {number + 1} of {rounds}")
        values.append(row.measure())
        if row.cpu is not None:
            cpu.append(row.cpu())
        for limit, measured in zip(row.limits, limits, strict=True):
            measured.append(limit.measure())
    for limit, measured in zip(row.limits, limits, strict=True):
        yield Result(
            name=row.name,
            title=row.title,
            setup=bench.setup.name,
            unit=row.unit,
            values=values,
            limit_title=limit.title,
            limits=measured,
            target=limit.target,
            cpu=cpu,
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
