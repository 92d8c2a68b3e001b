"""The lease: one holder at a time, for its time, and handed over in order."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection

from objects_app.models import Lease
from objects_app.queries import upkeep
from objects_app.services.leadership import NAME, Leadership

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = 10


def take(holder: str, seconds: float = 60) -> bool:
    return upkeep.take_lease(name="chore", holder=holder, seconds=seconds)


def test_a_lease_has_one_holder_who_may_renew_it() -> None:
    assert [take("one"), take("other"), take("one")] == [True, False, True]


def test_a_lease_that_ran_out_is_anybodys() -> None:
    assert take("one", seconds=0)
    assert take("other")
    assert not take("one")


def test_a_refused_attempt_changes_nothing() -> None:
    take("one")
    before = Lease.objects.values().get()
    take("other")
    assert Lease.objects.values().get() == before


def test_a_renewal_moves_the_end() -> None:
    take("one", seconds=1)
    before = Lease.objects.get().expires_at
    take("one", seconds=60)
    assert (Lease.objects.get().expires_at - before).total_seconds() > 50


class Worker:
    """A contender in a thread; `leading` while it is in a term."""

    def __init__(self, seconds: float) -> None:
        self.stop = threading.Event()
        self.leading = threading.Event()
        self.terms = 0
        self.leadership = Leadership(node_id="node", seconds=seconds, stop=self.stop)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        for over in self.leadership.terms():
            self.terms += 1
            self.leading.set()
            over.wait()
            self.leading.clear()
        connection.close()

    def end(self) -> None:
        self.stop.set()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()


@pytest.fixture
def worker() -> Iterator[Callable[..., Worker]]:
    """Start workers; all are ended with the test."""
    started: list[Worker] = []

    def start(seconds: float = 60) -> Worker:
        started.append(Worker(seconds))
        return started[-1]

    yield start
    for one in started:
        one.end()


def test_the_only_worker_leads_at_once(worker: Callable[..., Worker]) -> None:
    only = worker()
    assert only.leading.wait(SECONDS)
    assert only.leadership.holds()


def test_an_orderly_end_hands_over_at_once(worker: Callable[..., Worker]) -> None:
    first = worker()
    assert first.leading.wait(SECONDS)
    second = worker()
    assert not second.leading.wait(0.3)
    first.end()
    assert second.leading.wait(SECONDS)  # of sixty that the lease still had
    assert not first.leadership.holds()


def test_a_leader_that_somebody_robbed_ends_its_term(
    worker: Callable[..., Worker], caplog: pytest.LogCaptureFixture
) -> None:
    leader = worker(seconds=1)
    assert leader.leading.wait(SECONDS)
    Lease.objects.filter(name=NAME).update(holder="a robber")
    deadline = time.monotonic() + SECONDS
    while leader.leading.is_set():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert "lost the lease" in caplog.text
    assert leader.leading.wait(SECONDS), "the robber's lease is over too"
    assert leader.terms == 2


def test_a_database_that_is_away_ends_the_term_with_the_lease_not_before(
    worker: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    leader = worker(seconds=1)
    assert leader.leading.wait(SECONDS)

    def fail(**_: Any) -> bool:
        raise OperationalError("the database went away")

    with monkeypatch.context() as away:
        away.setattr(upkeep, "take_lease", fail)
        gone = time.monotonic()
        while leader.leading.is_set():
            assert time.monotonic() - gone < SECONDS
            time.sleep(0.01)
        assert time.monotonic() - gone > 0.3
        assert not leader.leadership.holds()
    assert leader.leading.wait(SECONDS)


def test_a_lease_that_cannot_be_given_back_runs_out(
    worker: Callable[..., Worker],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Away:
        def filter(self, **_: Any) -> Any:
            raise OperationalError("the database went away")

    leader = worker()
    assert leader.leading.wait(SECONDS)
    with monkeypatch.context() as away, caplog.at_level(logging.WARNING):
        away.setattr(Lease, "objects", Away())
        leader.end()
    assert "runs out by itself" in caplog.text
