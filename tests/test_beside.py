"""Who runs alone has nobody beside; the others run side by side."""

import fcntl
import secrets
from collections.abc import Iterator
from typing import Any, cast

import pytest

from tests.beside import Turns, group


@pytest.fixture
def workers() -> Iterator[tuple[Turns, Turns]]:
    """Two workers of one run."""
    run = secrets.token_hex(8)
    both = Turns(run), Turns(run)
    yield both
    for one in both:
        one.pytest_unconfigure()


def would_wait(worker: Turns, *, alone: bool) -> bool:
    """Whether a test of this worker would have to wait for its turn."""
    try:
        kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        fcntl.flock(worker._room, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(worker._room, fcntl.LOCK_UN)
    return False


def test_nobody_waits_but_for_one_who_is_alone(workers: tuple[Turns, Turns]) -> None:
    one, other = workers
    one.take(alone=False)
    assert not would_wait(other, alone=False)
    assert would_wait(other, alone=True)
    one.give_back()
    one.take(alone=True)
    assert would_wait(other, alone=False)
    assert would_wait(other, alone=True)
    one.give_back()
    assert not would_wait(other, alone=True)


class Item:
    """What `Turns` asks a test for."""

    def __init__(self, *, alone: bool, nodeid: str = "") -> None:
        self._alone = alone
        self.nodeid = nodeid
        self.groups: list[str] = []

    def add_marker(self, marker: pytest.MarkDecorator) -> None:
        assert marker.name == "xdist_group"
        self.groups += marker.args

    def get_closest_marker(self, name: str) -> str | None:
        assert name == "alone"
        return name if self._alone else None


def run(worker: Turns, item: Item, following: Item | None) -> None:
    """Let a worker run a test."""
    turn = worker.pytest_runtest_protocol(cast("Any", item), cast("Any", following))
    next(turn)
    with pytest.raises(StopIteration):
        turn.send(None)


def test_the_next_one_who_is_alone_stays_alone(workers: tuple[Turns, Turns]) -> None:
    one, other = workers
    alone, beside = Item(alone=True), Item(alone=False)
    run(one, alone, alone)
    assert would_wait(other, alone=False)
    run(one, alone, beside)
    assert not would_wait(other, alone=True)
    run(one, beside, alone)
    assert not would_wait(other, alone=True)
    run(one, alone, None)
    assert not would_wait(other, alone=True)


def test_who_runs_alone_comes_last_and_the_others_with_those_of_their_file() -> None:
    first = Item(alone=True, nodeid="a.py::first")
    second = Item(alone=False, nodeid="a.py::second")
    third = Item(alone=False, nodeid="b.py::third[x::y]")
    fourth = Item(alone=True, nodeid="b.py::fourth")
    items = [first, second, third, fourth]
    group(cast("Any", items))
    assert items == [second, third, first, fourth]
    assert [item.groups for item in items] == [["a.py"], ["b.py"], ["alone"], ["alone"]]
