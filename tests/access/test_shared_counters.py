"""Counters of all processes of a node."""

import os
import threading
from collections.abc import Callable

import pytest
from limits import parse
from limits.strategies import SlidingWindowCounterRateLimiter

from objects_app.access import shared_counters
from objects_app.access.shared_counters import SharedCounters

TEN = parse("10/minute")
PROCESSES = 4
THREADS = 4
TRIES = 50


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limiter(clock: Clock) -> SlidingWindowCounterRateLimiter:
    return SlidingWindowCounterRateLimiter(SharedCounters(clock=clock))


def hits(limiter: SlidingWindowCounterRateLimiter, who: str, tries: int) -> int:
    """Return how many of so many tries are allowed."""
    return sum(limiter.hit(TEN, who) for _ in range(tries))


def in_another_process(act: Callable[[], int]) -> Callable[[], int]:
    """Run it in a forked process; return what waits for its result."""
    reading, writing = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            os.write(writing, act().to_bytes(4))
        finally:
            os._exit(0)
    os.close(writing)

    def result() -> int:
        with os.fdopen(reading, "rb") as pipe:
            told = pipe.read()
        os.waitpid(pid, 0)
        return int.from_bytes(told)

    return result


def test_no_more_hits_are_allowed_than_the_limit_says(
    limiter: SlidingWindowCounterRateLimiter,
) -> None:
    assert hits(limiter, "alice", 25) == 10


def test_others_are_counted_by_themselves(
    limiter: SlidingWindowCounterRateLimiter,
) -> None:
    hits(limiter, "alice", 25)
    assert hits(limiter, "bob", 3) == 3
    assert limiter.get_window_stats(TEN, "bob").remaining == 7


def test_hits_are_forgotten_evenly_in_the_next_window(
    limiter: SlidingWindowCounterRateLimiter, clock: Clock
) -> None:
    hits(limiter, "alice", 10)
    clock.now += 59.9
    assert hits(limiter, "alice", 5) == 0
    clock.now += 15.2  # a quarter of the next one
    assert hits(limiter, "alice", 5) == 3
    clock.now += 30
    assert hits(limiter, "alice", 10) == 5


def test_after_two_windows_without_hits_nothing_is_remembered(
    limiter: SlidingWindowCounterRateLimiter, clock: Clock
) -> None:
    hits(limiter, "alice", 10)
    clock.now += 120
    assert hits(limiter, "alice", 25) == 10


def test_asking_does_not_count(limiter: SlidingWindowCounterRateLimiter) -> None:
    for _ in range(25):
        assert limiter.test(TEN, "alice")
    assert hits(limiter, "alice", 25) == 10


def test_who_is_cleared_begins_anew(limiter: SlidingWindowCounterRateLimiter) -> None:
    hits(limiter, "alice", 10)
    hits(limiter, "bob", 10)
    limiter.clear(TEN, "alice")
    assert hits(limiter, "alice", 1) == 1
    assert hits(limiter, "bob", 1) == 0


def test_after_a_reset_everybody_begins_anew(
    limiter: SlidingWindowCounterRateLimiter,
) -> None:
    hits(limiter, "alice", 10)
    limiter.storage.reset()
    assert hits(limiter, "alice", 25) == 10


def test_processes_share_what_was_made_before_they_forked(
    limiter: SlidingWindowCounterRateLimiter,
) -> None:
    results = [
        in_another_process(lambda: hits(limiter, "alice", TRIES))
        for _ in range(PROCESSES)
    ]
    assert sum(result() for result in results) == 10
    assert hits(limiter, "alice", 1) == 0


def test_a_process_that_dies_within_a_step_stops_no_other(
    limiter: SlidingWindowCounterRateLimiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(key: str, now: float) -> None:
        os._exit(0)

    def within() -> int:
        monkeypatch.setattr(shared_counters._Counter, "at", die)
        return hits(limiter, "alice", 1)

    in_another_process(within)()
    assert hits(limiter, "alice", 25) == 10


def test_threads_of_one_process_do_not_get_in_each_others_way(
    limiter: SlidingWindowCounterRateLimiter,
) -> None:
    allowed: list[int] = []

    def act() -> None:
        allowed.append(hits(limiter, "alice", TRIES))

    threads = [threading.Thread(target=act) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(allowed) == 10


def test_in_a_full_table_whoever_is_near_the_limit_stays_counted(
    limiter: SlidingWindowCounterRateLimiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_counters, "_SETS", 1)
    hits(limiter, "alice", 9)
    for number in range(100):
        hits(limiter, f"stranger {number}", 1)
    assert hits(limiter, "alice", 25) == 1
