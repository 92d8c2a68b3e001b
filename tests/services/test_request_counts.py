"""Requests per hour: counted in memory, added up over processes, nodes and days."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from objects_app.models import RequestCount
from objects_app.queries import sql
from objects_app.services import request_counts
from objects_app.services.request_counts import Hour
from tests.client import DataPlane

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 1, 12, 34, 56, 789, tzinfo=UTC)
NOON = NOW.replace(minute=0, second=0, microsecond=0)


@pytest.fixture(autouse=True)
def _nothing_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_counts, "_counted", {})
    monkeypatch.setattr(sql, "clock", lambda: NOW)


def rows() -> set[tuple[str, int, int]]:
    columns = ("method", "status", "requests")
    return set(RequestCount.objects.values_list(*columns))


@pytest.mark.usefixtures("everybody_may_write")
def test_answers_are_counted_by_method_and_class_and_written_later(
    data_plane: DataPlane,
) -> None:
    data_plane.put("/buckets/photos/objects/a", b"x")
    for path in ("a", "a", "missing"):
        data_plane.get(f"/buckets/photos/objects/{path}")
    assert rows() == set()
    request_counts.flush()
    assert rows() == {("PUT", 2, 1), ("GET", 2, 2), ("GET", 4, 1)}


def test_what_load_balancers_ask_is_not_counted(data_plane: DataPlane) -> None:
    for path in ("/healthz", "/readyz"):
        assert data_plane.get(path).status == 200
    request_counts.flush()
    assert rows() == set()


def test_methods_of_clients_own_making_are_one_kind() -> None:
    for method in ("BREW", "WHEN"):
        request_counts.note(method, 405)
    request_counts.flush()
    assert rows() == {("other", 4, 2)}


def test_processes_and_flushes_add_up_in_the_rows_of_the_hour(
    settings: Settings,
) -> None:
    for node in ("one", "two", "one"):
        settings.NODE_ID = node
        request_counts.note("GET", 200)
        request_counts.note("GET", 206)
        request_counts.note("PUT", 503)
        request_counts.flush()
    assert rows() == {("GET", 2, 4), ("GET", 2, 2), ("PUT", 5, 2), ("PUT", 5, 1)}
    assert request_counts.since(NOON) == [Hour(NOON, 9, 0, 3)]


def test_nothing_counted_is_nothing_written() -> None:
    request_counts.note("GET", 200)
    request_counts.flush()
    with CaptureQueriesContext(connection) as statements:
        request_counts.flush()
    assert len(statements) == 0


def test_what_cannot_be_written_is_counted_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away() -> datetime:
        request_counts.note("GET", 200)  # one more while it is written
        raise OperationalError("the database is away")

    request_counts.note("GET", 200)
    with monkeypatch.context() as patched:
        patched.setattr(sql, "clock", away)
        with pytest.raises(OperationalError):
            request_counts.flush()
    request_counts.flush()
    assert rows() == {("GET", 2, 2)}


def test_another_process_may_begin_the_hour_at_the_same_moment(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    real = RequestCount.objects.bulk_create

    def after_another(*arguments: object, **options: object) -> object:
        RequestCount.objects.create(
            hour=NOON, node_id=settings.NODE_ID, method="GET", status=2, requests=5
        )
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(RequestCount.objects, "bulk_create", after_another)
    request_counts.note("GET", 200)
    request_counts.flush()
    assert rows() == {("GET", 2, 6)}


def test_only_hours_since_the_moment_are_told_in_order() -> None:
    for hours, status in ((-2, 2), (1, 4), (0, 2), (0, 5)):
        hour = NOON + timedelta(hours=hours)
        RequestCount.objects.create(
            hour=hour, node_id="n", method="GET", status=status, requests=3
        )
    told = request_counts.since(NOON - timedelta(minutes=1))
    assert told == [Hour(NOON, 6, 0, 3), Hour(NOON + timedelta(hours=1), 3, 3, 0)]


def test_past_a_month_the_hours_of_a_day_are_one_row() -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    old, new = today - timedelta(days=40), today - timedelta(days=3)
    for day in (old, new):
        for hours in (0, 1, 23, 25):
            RequestCount.objects.create(
                hour=day + timedelta(hours=hours),
                node_id="n",
                method="GET",
                status=2,
                requests=1 + hours,
            )
    assert request_counts.prune() == 3
    assert request_counts.prune() == 0
    told = {hour.start: hour.requests for hour in request_counts.since(old)}
    assert [told.pop(old), told.pop(old + timedelta(days=1))] == [27, 26]
    assert sorted(told.values()) == [1, 2, 24, 26]


def test_what_is_older_than_a_year_is_forgotten() -> None:
    RequestCount.objects.create(
        hour=datetime(2020, 1, 1, tzinfo=UTC), node_id="n", method="GET", status=2
    )
    assert request_counts.prune() == 1
    assert rows() == set()
