"""Uploads that race exceed a quota by what is in flight, and by no more."""

from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from objects_app.errors import QuotaExceeded, TooManyBuckets
from objects_app.models import Bucket
from objects_app.queries import reads
from objects_app.queries.rows import ANYTHING, Preconditions
from objects_app.services import buckets, journal, quotas
from tests.races.soak_world import BY, World
from tests.races.threads import Pausing, race, wait_until_somebody_waits_for_a_lock

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

PARTIES = 8
ROUNDS = 5
SIZE = 1000
QUOTA = 10 * SIZE + SIZE // 2


def limit(store: World, **changes: int | None) -> None:
    buckets.change_bucket(bucket=store.bucket, changes=changes, by=BY)
    row = reads.find_bucket(store.bucket.name)
    assert row is not None
    store.bucket = row


def used(store: World) -> int:
    return reads.bucket_totals(store.bucket.id).bytes


def refused(results: list[Any]) -> list[Any]:
    return [one for one in results if isinstance(one, Exception)]


def fill(store: World, number: int) -> int:
    """Put objects until one is refused; return how many were stored."""
    for stored in range(100):
        try:
            store.put(f"{number}/{stored}", bytes([number, stored]) * (SIZE // 2))
        except QuotaExceeded:
            return stored
    raise AssertionError("nothing was refused")


def test_uploads_that_race_exceed_a_quota_by_no_more_than_is_in_flight(
    store: World,
) -> None:
    limit(store, quota_bytes=QUOTA)

    results = race(*(partial(fill, store, number) for number in range(PARTIES)))

    assert refused(results) == []
    assert used(store) == sum(results) * SIZE
    assert QUOTA - SIZE < used(store) <= QUOTA + (PARTIES - 1) * SIZE
    if connection.vendor == "sqlite":
        assert used(store) <= QUOTA
    store.check_totals()
    assert store.losses == []


def test_the_quota_holds_while_the_journal_is_folded(store: World) -> None:
    limit(store, quota_bytes=QUOTA)

    def fold() -> int:
        return sum(journal.fold() for _ in range(20))

    *results, _ = race(*(partial(fill, store, number) for number in range(4)), fold)

    assert used(store) == sum(results) * SIZE
    assert QUOTA - SIZE < used(store) <= QUOTA + 3 * SIZE


def test_uploads_of_one_owner_into_several_buckets_are_counted_together(
    store: World, alice: User
) -> None:
    quotas.change_allowance(user_id=alice.pk, changes={"bytes_quota": QUOTA}, by=BY)
    made = [
        buckets.create_bucket(new=buckets.NewBucket(f"of-{n}", alice.pk), by=BY).row
        for n in range(4)
    ]

    def fill_own(number: int) -> int:
        own = World.__new__(World)
        own.__dict__ |= store.__dict__ | {"bucket": made[number]}
        return fill(own, number)

    results = race(*(partial(fill_own, number) for number in range(4)))

    assert refused(results) == []
    owned = quotas.owned(user_id=alice.pk).bytes
    assert owned == sum(results) * SIZE
    assert QUOTA - SIZE < owned <= QUOTA + 3 * SIZE


@pytest.mark.postgresql_only
@pytest.mark.parametrize("conditions", [ANYTHING, Preconditions(if_match=("*",))])
def test_an_overwrite_of_what_was_made_smaller_meanwhile_is_measured_anew(
    store: World, conditions: Preconditions
) -> None:
    """Its snapshot says that it needs 2 bytes more; of the row that it locked, 9."""
    limit(store, quota_bytes=10)
    store.put("a", b"x" * 8)
    shrinking = Pausing("INSERT INTO stored_object", before=False)

    def shrink() -> None:
        with connection.execute_wrapper(shrinking), transaction.atomic():
            store.put("a", b"y")
            store.put("b", b"z" * 7)

    def grow() -> None:
        assert shrinking.reached.wait(10)
        store.put("a", b"x" * 10, conditions)

    def watch() -> None:
        assert shrinking.reached.wait(10)
        wait_until_somebody_waits_for_a_lock()
        shrinking.go_on.set()

    results = race(shrink, grow, watch)

    assert [type(one) for one in refused(results)] == [QuotaExceeded]
    assert used(store) == 8


@pytest.mark.postgresql_only
def test_an_overwrite_of_what_is_deleted_meanwhile_takes_no_more_than_it_did(
    store: World,
) -> None:
    limit(store, quota_bytes=10, quota_objects=2)
    store.put("a", b"x" * 8)
    store.put("b", b"x" * 2)
    deleting = Pausing("DELETE FROM stored_object", before=False)

    def delete() -> None:
        with connection.execute_wrapper(deleting), transaction.atomic():
            store.delete("a")

    def overwrite() -> None:
        assert deleting.reached.wait(10)
        store.put("a", b"y" * 8)

    def watch() -> None:
        assert deleting.reached.wait(10)
        wait_until_somebody_waits_for_a_lock()
        deleting.go_on.set()

    assert refused(race(delete, overwrite, watch)) == []
    assert used(store) == 10


def test_of_buckets_made_at_the_same_time_no_more_than_those_are_too_many(
    alice: User,
) -> None:
    allowed = 3
    quotas.change_allowance(user_id=alice.pk, changes={"buckets": allowed}, by=BY)

    def make(number: int) -> None:
        for n in range(ROUNDS):
            new = buckets.NewBucket(f"bucket-{number}-{n}", alice.pk)
            buckets.create_bucket(new=new, by=BY)

    results = race(*(partial(make, number) for number in range(PARTIES)))

    assert {type(one) for one in results} == {TooManyBuckets}
    made = Bucket.objects.filter(owner=alice).count()
    assert allowed <= made < allowed + PARTIES
