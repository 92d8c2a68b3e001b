"""Searches of what was broken on purpose, to see that it shows."""

import os
from collections.abc import Iterable
from typing import Any
from unittest.mock import patch

from objects_app.queries import sqlite
from tests.races.explorer import (
    Explored,
    Explorer,
    Judge,
    Scenario,
    what_is_lost,
)
from tests.races.laboratory import Laboratory
from tests.races.scenarios import STARTS

SECONDS = float(os.environ.get("EXPLORER_SECONDS", "20"))
STATEMENTS = sqlite.ENGINE.statements


def search(
    lab: Laboratory,
    *actors: Any,
    starts: Any = STARTS,
    judge: Judge = what_is_lost,
) -> Explored:
    """Search, if not told otherwise for lost bytes only, so that what is found is what
    a user would lose."""
    scenario = Scenario("broken on purpose", actors, starts)
    return Explorer(lab, scenario, judge=judge).explore()


def assert_lost(explored: Explored) -> None:
    """See that bytes were lost."""
    assert explored.violation is not None, explored
    assert explored.violation.startswith("LOST"), explored


def assert_found(explored: Explored, what: str) -> None:
    """See that this was found."""
    assert explored.violation is not None, explored
    assert what in explored.violation, explored


def assert_sound(explorations: Iterable[Explored]) -> None:
    """See that nothing was found, and say how far each search came."""
    for explored in explorations:
        print(f"\n{explored}", end="", flush=True)
        assert explored.violation is None, explored


def statement(name: str, careless: str) -> Any:
    """Run another statement of the engine in place of that one."""
    assert careless != STATEMENTS[name]
    return patch.dict(STATEMENTS, {name: careless})
