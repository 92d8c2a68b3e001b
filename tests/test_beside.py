"""Who runs alone has nobody beside; the others run side by side."""

import fcntl
import secrets
from collections.abc import Iterator

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
    with one.turn(alone=False):
        assert not would_wait(other, alone=False)
        assert would_wait(other, alone=True)
    with one.turn(alone=True):
        assert would_wait(other, alone=False)
        assert would_wait(other, alone=True)
    assert not would_wait(other, alone=True)
