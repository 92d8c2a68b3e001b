"""What the worker measures: savings, samples over time, the most duplicated content."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from objects_app.models import (
    Blob,
    BucketFigures,
    Chore,
    DuplicatedContent,
    UsageSample,
)
from objects_app.queries import figures as queries
from objects_app.queries import sql
from objects_app.queries.rows import BucketRow
from objects_app.services import buckets, chores, figures, journal, sweep
from objects_app.services.savings import savings
from tests.blobs.bodies import digest
from tests.services.store import ACTOR, Store
from tests.services.uploading import upload_whole

pytestmark = pytest.mark.django_db

STORE = figures.WHOLE_STORE


def saving(bucket: BucketRow) -> tuple[int, int]:
    found = savings([bucket.id])[bucket.id]
    return found.named_bytes, found.stored_bytes


def samples(bucket_id: int) -> list[tuple[int, int, int]]:
    rows = UsageSample.objects.filter(bucket_id=bucket_id).order_by("taken_at", "pk")
    columns = ("objects_total", "named_bytes", "stored_bytes")
    return list(rows.values_list(*columns))


# Savings


def test_content_counts_once_in_each_bucket_that_has_it(
    store: Store, alice: User
) -> None:
    hers, others = store.bucket("hers", owner=alice), store.bucket()
    for key in ("a", "b", "c"):
        store.put(key, b"1234567890", bucket=hers)
    store.put("a", b"1234567890")
    store.put("b", b"xyz")
    assert figures.measure()
    assert saving(hers) == (30, 10)
    assert saving(others) == (13, 13)
    assert savings([STORE])[STORE][:2] == (43, 13)


def test_savings_of_many_buckets_are_one_statement(store: Store, alice: User) -> None:
    asked = [store.bucket(name, owner=alice).id for name in ("one", "two")]
    figures.measure()
    with CaptureQueriesContext(connection) as statements:
        assert set(savings([*asked, 10**9])) == set(asked)
    assert len(statements) == 1


def test_nothing_is_known_of_a_bucket_before_it_is_measured(store: Store) -> None:
    assert savings([store.bucket().id]) == {}


def test_a_bucket_with_less_named_than_stored_saves_nothing() -> None:
    BucketFigures.objects.create(
        bucket_id=7,
        objects_total=1,
        named_bytes=1,
        stored_bytes=2,
        measured_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert savings([7])[7].saved == 0


def test_segments_count_as_what_they_are_made_of(
    store: Store, settings: Settings
) -> None:
    settings.MULTIPART_MIN_PART_BYTES = 1
    store.put("whole", b"1234567890")
    upload_whole(store, "parts", b"1234567890", b"1234567890", b"tail")
    figures.measure()
    assert saving(store.bucket()) == (34, 14)
    assert DuplicatedContent.objects.get().uses == 3


def test_many_windows_add_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "_WINDOW", 1)
    for number in range(5):
        store.put(f"{number}", b"x" * (number + 1))
        store.put(f"{number} again", b"x" * (number + 1))
    figures.measure()
    assert saving(store.bucket()) == (30, 15)


def test_windows_lie_anywhere_among_the_ids(store: Store) -> None:
    store.put("a", b"12345")
    window = {"above": 30_000, "through": 2**40}
    assert queries.stored_bytes(**window) == {}
    assert queries.most_duplicated(**window, limit=1) == []


def test_a_deleted_bucket_is_forgotten(store: Store, alice: User) -> None:
    gone = store.bucket("gone", owner=alice)
    store.put("a", b"abc", bucket=gone)
    figures.measure()
    store.delete("a", bucket=gone)
    buckets.delete_bucket(bucket=gone, by=ACTOR)
    figures.measure()
    assert savings([gone.id]) == {}
    assert samples(gone.id) == []
    assert samples(STORE)[-1][:2] == (0, 0)


def test_what_waits_for_the_sweep_is_told_apart(store: Store) -> None:
    store.put("a", b"12345")
    store.put("b", b"1")
    store.delete("a")
    sweep.sweep(grace_seconds=1000)
    figures.measure()
    assert chores.last()[figures.CHORE].outcome == {
        "blobs": 1,
        "blobs_bytes": 1,
        "condemned": 1,
        "condemned_bytes": 5,
    }


# The most duplicated content


def test_content_is_listed_by_what_it_saves(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "_WINDOW", 2)
    monkeypatch.setattr(figures, "_DUPLICATES", 2)
    for body, uses in ((b"small", 4), (b"y" * 100, 2), (b"z" * 30, 3), (b"q" * 999, 1)):
        for number in range(uses):
            store.put(f"{digest(body)} {number}", body)
    figures.measure()
    rows = DuplicatedContent.objects.values_list("sha256", "size", "uses")
    assert set(rows) == {(digest(b"y" * 100), 100, 2), (digest(b"z" * 30), 30, 3)}


def test_empty_objects_duplicate_nothing(store: Store) -> None:
    store.put("a", b"")
    store.put("b", b"")
    figures.measure()
    assert not DuplicatedContent.objects.exists()


# Samples


def test_an_empty_store_leaves_no_sample() -> None:
    figures.measure()
    later_by(timedelta(days=1))
    figures.measure()
    assert not UsageSample.objects.exists()


def later_by(time: timedelta) -> None:
    """Let everything measured so far be that much older."""
    for row in BucketFigures.objects.all():
        row.measured_at -= time
        row.save()
    for sample in UsageSample.objects.all():
        sample.taken_at -= time
        sample.save()
    for chore in Chore.objects.all():
        chore.ended_at -= time
        chore.save()


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Make the database's clock show a number of hours past noon of one day."""

    def set_clock(hours: int) -> None:
        time = datetime(2026, 5, 1, 12, tzinfo=UTC) + timedelta(hours=hours)
        monkeypatch.setattr(sql, "clock", lambda: time)

    return set_clock


def test_only_what_has_changed_is_sampled(
    store: Store, alice: User, noon: Callable[[int], None]
) -> None:
    noon(0)
    still = store.bucket("still", owner=alice)
    store.put("a", b"abc", bucket=still)
    store.put("a", b"1")
    figures.measure()
    noon(1)
    store.put("b", b"1")
    figures.measure()
    assert samples(still.id) == [(1, 3, 3)]
    assert samples(store.bucket().id) == [(1, 1, 1), (2, 2, 1)]
    assert samples(STORE) == [(2, 4, 4), (3, 5, 4)]


def test_the_first_time_of_a_day_everything_is_sampled(
    store: Store, alice: User, noon: Callable[[int], None]
) -> None:
    noon(0)
    empty = store.bucket("empty", owner=alice)
    store.put("a", b"1")
    for hours in (0, 11, 12, 13):
        noon(hours)
        figures.measure()
    assert samples(store.bucket().id) == [(1, 1, 1)] * 2
    assert samples(empty.id) == []


def test_it_is_measured_once_an_hour_whoever_leads(store: Store) -> None:
    store.put()
    assert figures.measure_hourly()
    assert not figures.measure_hourly()
    later_by(timedelta(minutes=61))
    assert figures.measure_hourly()


def test_a_stop_writes_nothing(store: Store) -> None:
    store.put()
    assert not figures.measure(stop=lambda: True)
    assert not BucketFigures.objects.exists()
    assert chores.last() == {}


def test_past_a_month_the_last_sample_of_each_day_is_kept() -> None:
    day = (datetime.now(UTC) - timedelta(days=40)).replace(hour=0, minute=0)
    for bucket in (STORE, 5):
        for hours in (1, 13, 23, 25):
            UsageSample.objects.create(
                taken_at=day + timedelta(hours=hours),
                bucket_id=bucket,
                objects_total=hours,
                named_bytes=0,
                stored_bytes=0,
            )
    assert figures.prune() == 4
    for bucket in (STORE, 5):
        assert [objects for objects, _, _ in samples(bucket)] == [23, 25]


def test_hours_of_this_month_are_kept_and_years_are_not() -> None:
    for age in (timedelta(days=2), timedelta(days=2, hours=1), timedelta(days=500)):
        UsageSample.objects.create(
            taken_at=Now() - age,
            bucket_id=STORE,
            objects_total=1,
            named_bytes=0,
            stored_bytes=0,
        )
    assert figures.prune() == 1
    assert len(samples(STORE)) == 2


@pytest.mark.parametrize("folded", [True, False])
def test_totals_are_exact_whether_or_not_the_journal_is_folded(
    store: Store, folded: bool
) -> None:
    store.put("a", b"1234")
    store.put("b", b"1")
    store.delete("b")
    if folded:
        journal.fold()
    figures.measure()
    row = BucketFigures.objects.get(bucket_id=store.bucket().id)
    assert (row.objects_total, row.named_bytes) == (1, 4)
    assert Blob.objects.count() == 2
