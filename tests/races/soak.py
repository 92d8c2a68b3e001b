"""Real threads on a real database: `MINUTES=30 python -m tests.races.soak`.

Many writers of few contents, overwriters, deleters, readers, sweepers without grace and
random crashes between the steps; at the end every object is read back. On SQLite the
explorer first searches everything. The exit status is 1 if anything was lost. SEED
chooses what everybody does; how the threads interleave is up to the machine.
"""

import importlib
import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import django
from django.db import connection


def main() -> int:
    """Make a test database, explore and soak; return the exit status."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    logging.disable(logging.INFO)  # every sweep says what a backup holds back
    seconds = float(os.environ.get("MINUTES", "1")) * 60
    seed = os.environ.get("SEED", str(time.time_ns()))
    before = str(connection.settings_dict["NAME"])
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        with tempfile.TemporaryDirectory(prefix="objectstore-soak-") as folder:
            sound = connection.vendor != "sqlite" or _explore(Path(folder))
            print(f"{connection.vendor}, SEED={seed}", flush=True)
            run: Any = importlib.import_module("tests.races.soak_run")
            made = run.soak(Path(folder), seconds=seconds, seed=seed, report=_print)
    finally:
        connection.creation.destroy_test_db(before, verbosity=0)
    for busy, times in made.busy.most_common():
        print(f"503, {times} times: {busy}")
    for problem in made.losses:
        print(f"LOST: {problem}")
    return 0 if sound and not made.losses else 1


def _explore(spool_dir: Path) -> bool:
    """Search every scenario to its end; return whether nothing was found."""
    scenarios: Any = importlib.import_module("tests.races.scenarios")
    sound = True
    for explored in scenarios.explore_all(
        scenarios.SMALL + scenarios.TRANSACTIONS + scenarios.LARGE,
        seconds=float("inf"),
        spool_dir=spool_dir,
    ):
        _print(str(explored))
        sound = sound and explored.complete
    return sound


def _print(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
