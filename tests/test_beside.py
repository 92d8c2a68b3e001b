"""Who runs alone has nobody beside; the others run side by side."""

import fcntl
import secrets
from collections.abc import Iterator
from typing import Any, cast

import pytest

from tests.beside import Turns


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

    def __init__(self, *, alone: bool) -> None:
        self._alone = alone

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
