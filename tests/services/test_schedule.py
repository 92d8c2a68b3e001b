"""Chores run at their intervals, whatever becomes of each."""

import threading

import pytest
from django.db import OperationalError

from objects_app.errors import StorageUnavailable
from objects_app.services.schedule import Task, beside, run

pytestmark = pytest.mark.django_db(transaction=True)


class Chore:
    """Counts its runs, fails as it is told, and stops the schedule in the end."""

    def __init__(self, stop: threading.Event, *, last: int, fail: bool = False) -> None:
        self.stop, self.last, self.fail = stop, last, fail
        self.runs = 0

    def __call__(self) -> None:
        self.runs += 1
        if self.runs == self.last:
            self.stop.set()
        if self.fail:
            raise OperationalError("the database went away")


def test_a_chore_runs_again_after_its_interval() -> None:
    stop = threading.Event()
    chore = Chore(stop, last=3)
    run(stop=stop, tasks=[Task("chore", 0.001, chore)])
    assert chore.runs == 3


def test_a_chore_that_is_not_due_waits() -> None:
    stop = threading.Event()
    often, seldom = Chore(stop, last=5), Chore(stop, last=-1)
    run(stop=stop, tasks=[Task("seldom", 3600, seldom), Task("often", 0.001, often)])
    assert (often.runs, seldom.runs) == (5, 1)


def test_a_failing_database_stops_neither_chore(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stop = threading.Event()
    failing, other = Chore(stop, last=-1, fail=True), Chore(stop, last=3)
    run(stop=stop, tasks=[Task("failing", 0.0, failing), Task("other", 0.0, other)])
    assert failing.runs >= 2
    assert "failing failed; tried again later" in caplog.text


@pytest.mark.parametrize(
    "away",
    [
        OperationalError("connection refused\n\tIs the server running?"),
        StorageUnavailable("The storage does not answer."),
    ],
)
def test_a_server_that_is_away_is_one_line_each_time(
    caplog: pytest.LogCaptureFixture, away: Exception
) -> None:
    stop = threading.Event()

    def work() -> None:
        stop.set()
        raise away

    run(stop=stop, tasks=[Task("chore", 0.0, work)])

    [record] = caplog.records
    assert record.exc_info is None
    first_line = str(away).partition("\n")[0]
    assert record.getMessage() == f"chore failed; tried again later: {first_line}"


def test_nothing_runs_once_it_is_told_to_stop() -> None:
    stop = threading.Event()
    stop.set()
    chore = Chore(stop, last=1)
    run(stop=stop, tasks=[Task("chore", 0.0, chore)])
    assert chore.runs == 0


def test_a_long_chore_beside_does_not_keep_the_others_waiting() -> None:
    stop, begun, ended = (threading.Event() for _ in range(3))
    chore = Chore(stop, last=3)

    def long() -> None:
        begun.set()
        assert stop.wait(60)
        ended.set()

    with beside(stop=stop, tasks=[Task("long", 3600, long)]):
        assert begun.wait(60)
        run(stop=stop, tasks=[Task("chore", 0.001, chore)])

    assert chore.runs == 3
    assert ended.is_set()


def test_a_failure_of_the_others_does_not_wait_for_a_long_chore() -> None:
    stop, over = threading.Event(), threading.Event()

    def long() -> None:
        stop.wait(60)
        over.set()

    with (
        pytest.raises(ZeroDivisionError),
        beside(stop=stop, tasks=[Task("long", 3600, long)]),
    ):
        raise ZeroDivisionError

    assert not over.is_set()
    stop.set()
    assert over.wait(60)
