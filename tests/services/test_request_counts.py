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


def rows() -> list[tuple[str, int, int, int]]:
    columns = ("node_id", "requests", "refused", "errors")
    return list(RequestCount.objects.order_by("node_id").values_list(*columns))


def row(hour: datetime, requests: int = 1) -> None:
    RequestCount.objects.create(
        hour=hour, node_id="n", requests=requests, refused=1, errors=0
    )


@pytest.mark.usefixtures("everybody_may_write")
def test_answers_are_counted_by_their_status_and_written_later(
    data_plane: DataPlane, settings: Settings
) -> None:
    data_plane.put("/buckets/photos/objects/a", b"x")
    for path in ("a", "a", "missing"):
        data_plane.get(f"/buckets/photos/objects/{path}")
    assert rows() == []
    request_counts.flush()
    assert rows() == [(settings.NODE_ID, 4, 1, 0)]


def test_what_load_balancers_ask_is_not_counted(data_plane: DataPlane) -> None:
    for path in ("/healthz", "/readyz"):
        assert data_plane.get(path).status == 200
    request_counts.flush()
    assert rows() == []


def test_processes_and_flushes_add_up_in_the_row_of_the_hour(
    settings: Settings,
) -> None:
    for node in ("one", "two", "one"):
        settings.NODE_ID = node
        for status in (200, 206, 404, 503):
            request_counts.note(status)
        request_counts.flush()
    assert rows() == [("one", 8, 2, 2), ("two", 4, 1, 1)]
    assert request_counts.since(NOON) == [Hour(NOON, 12, 3, 3)]


def test_nothing_counted_is_nothing_written() -> None:
    request_counts.note(200)
    request_counts.flush()
    with CaptureQueriesContext(connection) as statements:
        request_counts.flush()
    assert len(statements) == 0


def test_what_cannot_be_written_is_counted_the_next_time(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    def away() -> datetime:
        request_counts.note(200)  # one more while it is written
        raise OperationalError("the database is away")

    request_counts.note(200)
    with monkeypatch.context() as patched:
        patched.setattr(sql, "clock", away)
        with pytest.raises(OperationalError):
            request_counts.flush()
    request_counts.flush()
    assert rows() == [(settings.NODE_ID, 2, 0, 0)]


def test_another_process_may_begin_the_hour_at_the_same_moment(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    real = RequestCount.objects.bulk_create

    def after_another(*arguments: object, **options: object) -> object:
        RequestCount.objects.create(hour=NOON, node_id=settings.NODE_ID, requests=5)
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(RequestCount.objects, "bulk_create", after_another)
    request_counts.note(200)
    request_counts.flush()
    assert rows() == [(settings.NODE_ID, 6, 0, 0)]


def test_only_hours_since_the_moment_are_told_in_order() -> None:
    for hours in (-2, 1, 0):
        row(NOON + timedelta(hours=hours), 3)
    told = request_counts.since(NOON - timedelta(minutes=1))
    assert told == [Hour(NOON, 3, 1, 0), Hour(NOON + timedelta(hours=1), 3, 1, 0)]


def test_past_a_month_the_hours_of_a_day_are_one_row() -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    old, new = today - timedelta(days=40), today - timedelta(days=3)
    for day in (old, new):
        for hours in (0, 1, 23, 25):
            row(day + timedelta(hours=hours), 1 + hours)
    assert request_counts.prune() == 3
    assert request_counts.prune() == 0
    told = {hour.start: hour for hour in request_counts.since(old)}
    next_day = old + timedelta(days=1)
    assert told.pop(old) == Hour(old, 27, 3, 0)
    assert told.pop(next_day) == Hour(next_day, 26, 1, 0)
    assert sorted(hour.requests for hour in told.values()) == [1, 2, 24, 26]


def test_what_is_older_than_a_year_is_forgotten() -> None:
    row(datetime(2020, 1, 1, tzinfo=UTC))
    assert request_counts.prune() == 1
    assert rows() == []
