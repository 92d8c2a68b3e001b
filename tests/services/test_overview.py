"""What the overview tells: sizes and requests in steps, and how the upkeep stands."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from objects_app.models import Lease, RequestCount, UsageSample
from objects_app.services import backup, figures, sweep
from objects_app.services.nodes import Identity, heartbeat
from objects_app.services.overview import Overview, Point, Size, Span, overview
from objects_app.services.request_counts import Hour
from tests.blobs.bodies import digest
from tests.services.store import Store
from tests.services.uploading import upload_whole

pytestmark = pytest.mark.django_db

HOURS = Span(timedelta(hours=1), 24)
DAYS = Span(timedelta(days=1), 30)
NOW = datetime(2026, 5, 1, 12, 34, 56, tzinfo=UTC)


def sample(age: timedelta, named: int, *, bucket: int = figures.WHOLE_STORE) -> None:
    UsageSample.objects.create(
        taken_at=datetime.now(UTC) - age,
        bucket_id=bucket,
        objects_total=1,
        named_bytes=named,
        stored_bytes=named // 2,
    )


def sizes(points: list[Point]) -> list[Size | None]:
    return [size for _, [size] in points]


# Steps


def test_steps_end_with_the_present_hour_or_day() -> None:
    hours, days = HOURS.ends(NOW), DAYS.ends(NOW)
    assert (len(hours), len(days)) == (24, 30)
    assert hours[-2:] == [NOW.replace(hour=h, minute=0, second=0) for h in (12, 13)]
    assert days[-1] == datetime(2026, 5, 2, tzinfo=UTC)
    assert days[-1] - days[0] == timedelta(days=29)


def test_a_store_without_anything_has_nothing_to_tell() -> None:
    told = overview(HOURS)
    assert told.largest == ([], 0, 0, 0)
    assert sizes(told.usage) == [None] * 24
    assert {point.sizes == [] for point in told.growth} == {True}
    assert sum(hour.requests for hour in told.requests) == 0
    assert told.day[1:] == (0, 0, 0)
    assert (told.whole, told.swept, told.alive) == (None, None, 0)


def test_sizes_are_those_of_the_last_sample_before_a_step_ended() -> None:
    sample(timedelta(hours=30), 10)
    sample(timedelta(hours=20), 20)
    sample(timedelta(hours=2), 30)
    found = sizes(overview(HOURS).usage)
    assert found[0] == Size(10, 5)
    assert {Size(20, 10), Size(30, 15)} < set(found)
    assert found[-1] == Size(30, 15)


def test_before_the_first_sample_nothing_is_known() -> None:
    sample(timedelta(0), 10)
    assert sizes(overview(HOURS).usage) == [None] * 23 + [Size(10, 5)]


def test_days_are_told_by_the_last_sample_of_each() -> None:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for hours, named in ((1, 10), (23, 20), (25, 30)):
        moment = midnight - timedelta(days=5) + timedelta(hours=hours)
        sample(datetime.now(UTC) - moment, named)
    found = sizes(overview(DAYS).usage)
    assert found[-7:-3] == [None, Size(20, 10), Size(30, 15), Size(30, 15)]


def test_the_last_point_is_now_and_not_later() -> None:
    told = overview(HOURS)
    assert told.usage[-1].at == told.state.now


def test_growth_is_of_the_five_largest_buckets_in_their_order(
    store: Store, alice: User
) -> None:
    for number in range(7):
        bucket = store.bucket(f"bucket{number}", owner=alice)
        store.put("a", b"x" * (number + 1), bucket=bucket)
    figures.measure()
    told = overview(HOURS)
    assert [bucket.name for bucket in told.largest.top[:2]] == ["bucket6", "bucket5"]
    assert told.growth[-1].sizes == [Size(n, n) for n in (7, 6, 5, 4, 3)]
    assert told.largest[1:] == (7, 7, 28)


# Requests


def test_requests_are_summed_over_nodes_in_each_step_and_in_the_last_day() -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for age, node in ((0, "a"), (0, "b"), (1, "a"), (23, "a"), (24, "a")):
        RequestCount.objects.create(
            hour=hour - timedelta(hours=age),
            node_id=node,
            requests=10,
            refused=2,
            errors=1,
        )
    told = overview(HOURS)
    assert told.requests[-1] == Hour(hour, 20, 4, 2)
    assert [step.requests for step in told.requests[:2]] == [10, 0]
    assert told.day[1:] == (40, 8, 4)
    assert sum(day.requests for day in overview(DAYS).requests) == 50


# Content


def test_what_is_saved_is_what_was_measured(store: Store) -> None:
    for key in ("a", "b"):
        store.put(key, b"1234567890")
    assert overview(HOURS).whole is None
    figures.measure()
    store.put("since then", b"x" * 1000)
    told = overview(HOURS)
    assert told.whole == (20, 10)
    assert told.whole.saved == 10
    [content] = told.duplicated
    assert (content.sha256, content.uses) == (digest(b"1234567890"), 2)
    assert (content.bucket, content.saved) == ("test", 10)
    assert content.key in {"a", "b"}


def test_content_that_is_only_part_of_objects_has_no_example(store: Store) -> None:
    part = b"x" * 5 * 1024 * 1024
    upload_whole(store, "parts", part, part)
    figures.measure()
    [content] = overview(HOURS).duplicated
    assert (content.uses, content.key) == (2, None)


# State


def led(told: Overview) -> tuple[str | None, bool]:
    return told.state.holder, told.state.leads


def test_the_worker_leads_until_its_lease_ends() -> None:
    assert led(overview(HOURS)) == (None, False)
    ends = Now() + timedelta(seconds=30)
    Lease.objects.create(name="worker", holder="n:1:x", expires_at=ends)
    assert led(overview(HOURS)) == ("n:1:x", True)
    Lease.objects.update(expires_at=Now() - timedelta(seconds=2))
    assert led(overview(HOURS)) == ("n:1:x", False)


def test_the_journal_s_lag_is_told(store: Store) -> None:
    store.put("a", b"x")
    state = overview(HOURS).state
    assert state.unfolded == 2
    assert state.oldest is not None
    assert abs(state.now - state.oldest) < timedelta(minutes=1)


def test_the_last_sweep_and_the_nodes_are_told(store: Store) -> None:
    heartbeat(node=Identity("one", "start", "1.0"), uptime_seconds=5)
    store.put("a", b"x")
    store.delete("a")
    sweep.sweep(grace_seconds=0)
    told = overview(HOURS)
    assert told.swept is not None
    assert told.swept.outcome["removed"] == 1
    assert told.alive == 1
    assert told.state.held_since is None


@pytest.mark.django_db(transaction=True)
def test_the_backup_that_bytes_are_held_for_is_named(
    store: Store, tmp_path: Path
) -> None:
    backup.backup(path=tmp_path / "nightly.gz")
    state = overview(HOURS).state
    assert state.backup == "nightly.gz"
    assert state.held_since is not None
