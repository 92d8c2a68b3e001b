"""Quotas of buckets and owners, as the commit and the look before it decide them."""

import io
from datetime import UTC, datetime
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User

from objects_app.blobs.ingest import Expected
from objects_app.errors import (
    InvalidArgument,
    NoSuchBucket,
    PreconditionFailed,
    QuotaExceeded,
    TooManyBuckets,
)
from objects_app.models import Allowance, Blob, Bucket, JournalEntry, StoredObject
from objects_app.queries import reads, sql
from objects_app.queries.rows import BucketRow, Preconditions, Scope
from objects_app.services import (
    buckets,
    journal,
    objects,
    operations,
    quotas,
    sweep,
)
from objects_app.services.buckets import NewBucket
from objects_app.services.operations import Copy, Move, Operation, Source, Target
from tests.services.store import ACTOR, Store

pytestmark = pytest.mark.django_db

CREATE_ONLY = Preconditions(if_none_match=("*",))


@pytest.fixture(params=["looked at before", "decided in the commit"])
def either(request: pytest.FixtureRequest) -> None:
    """Once as it is, once as if all that was used came to be during the upload."""
    if request.param == "decided in the commit":
        request.getfixturevalue("no_look_before")


@pytest.fixture
def no_look_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "_require_room", lambda **_: None)


def limit(store: Store, **changes: int | None) -> BucketRow:
    """Limit the bucket `test`, and return it as the gate finds it."""
    buckets.change_bucket(bucket=store.bucket(), changes=changes, by=ACTOR)
    return find()


def find(name: str = "test") -> BucketRow:
    row = reads.find_bucket(name)
    assert row is not None
    return row


def allow(user: User, **limits: int | None) -> None:
    quotas.change_allowance(user_id=user.pk, changes=limits, by=ACTOR)


def stored() -> dict[str, int]:
    return dict(StoredObject.objects.values_list("key", "size"))


def test_a_bucket_without_a_quota_is_not_asked_about_one(
    store: Store, alice: User
) -> None:
    assert not store.bucket().has_quota
    assert not find().has_quota
    assert not store.bucket("hers", owner=alice).has_quota
    with patch.object(sql, "commit", wraps=sql.commit) as commit:
        store.put("a")
    assert commit.call_args.kwargs["limited"] is False


def test_a_bucket_says_that_it_or_its_owner_has_one(store: Store, alice: User) -> None:
    assert limit(store, quota_objects=1).has_quota
    assert not limit(store, quota_objects=None).has_quota
    store.bucket("hers", owner=alice)
    allow(alice, buckets=5)
    assert not find("hers").has_quota
    allow(alice, bytes_quota=5)
    assert find("hers").has_quota
    assert store.bucket("another", owner=alice).has_quota


@pytest.mark.usefixtures("either")
def test_an_upload_that_fits_exactly_is_stored(store: Store) -> None:
    row = limit(store, quota_bytes=10, quota_objects=2)
    store.put("a", b"x" * 4, bucket=row)
    store.put("b", b"y" * 6, bucket=row)
    assert stored() == {"a": 4, "b": 6}


@pytest.mark.usefixtures("either")
def test_one_byte_too_many_is_refused_with_the_numbers(store: Store) -> None:
    row = limit(store, quota_bytes=10)
    store.put("a", b"x" * 4, bucket=row)
    with pytest.raises(QuotaExceeded) as refusal:
        store.put("b", b"y" * 7, bucket=row)
    assert str(refusal.value) == (
        "Bucket test holds 4 of 10 bytes, and this would add 7: delete objects, "
        "or have the quota raised."
    )
    assert stored() == {"a": 4}


@pytest.mark.usefixtures("either")
def test_one_object_too_many_is_refused_however_small(store: Store) -> None:
    row = limit(store, quota_objects=1)
    store.put("a", bucket=row)
    with pytest.raises(QuotaExceeded, match=r"1 of 1 objects, .* would add 1"):
        store.put("b", b"", bucket=row)
    store.put("a", b"other content", bucket=row)
    assert stored() == {"a": 13}


@pytest.mark.usefixtures("either")
def test_what_is_replaced_makes_room(store: Store) -> None:
    row = limit(store, quota_bytes=10)
    store.put("a", b"x" * 8, bucket=row)
    store.put("a", b"y" * 10, bucket=row)
    with pytest.raises(QuotaExceeded, match=r"10 of 10 bytes, .* would add 1"):
        store.put("a", b"z" * 11, bucket=row)
    assert stored() == {"a": 10}


@pytest.mark.usefixtures("either")
def test_in_a_bucket_that_is_too_full_an_object_may_shrink_or_stay(
    store: Store,
) -> None:
    store.put("a", b"x" * 8)
    store.put("b", b"x" * 8)
    row = limit(store, quota_bytes=5, quota_objects=1)
    store.put("a", b"y" * 8, bucket=row)
    store.put("a", b"y" * 7, bucket=row)
    with pytest.raises(QuotaExceeded):
        store.put("a", b"y" * 8, bucket=row)
    with pytest.raises(QuotaExceeded, match="2 of 1 objects"):
        store.put("c", b"", bucket=row)
    assert stored() == {"a": 7, "b": 8}


@pytest.mark.usefixtures("either")
def test_a_delete_makes_room_at_once(store: Store) -> None:
    row = limit(store, quota_bytes=8, quota_objects=1)
    store.put("a", b"x" * 8, bucket=row)
    store.delete("a", bucket=row)
    store.put("b", b"y" * 8, bucket=row)
    assert stored() == {"b": 8}


@pytest.mark.usefixtures("either")
def test_folded_and_fresh_journal_rows_count_alike(store: Store) -> None:
    row = limit(store, quota_bytes=10)
    store.put("a", b"x" * 4, bucket=row)
    journal.fold()
    store.put("b", b"y" * 4, bucket=row)
    with pytest.raises(QuotaExceeded, match="8 of 10"):
        store.put("c", b"zzz", bucket=row)
    journal.fold()
    with pytest.raises(QuotaExceeded, match="8 of 10"):
        store.put("c", b"zzz", bucket=row)


@pytest.mark.usefixtures("either")
def test_an_owners_quota_is_over_all_buckets(
    store: Store, alice: User, bob: User
) -> None:
    allow(alice, bytes_quota=10, objects_quota=3)
    for name, owner in (("one", alice), ("two", alice), ("other", bob)):
        store.bucket(name, owner=owner)
    store.put("a", b"x" * 6, bucket=find("one"))
    store.put("a", b"y" * 60, bucket=find("other"))
    with pytest.raises(QuotaExceeded, match="owner's buckets hold 6 of 10 bytes"):
        store.put("a", b"z" * 5, bucket=find("two"))
    store.put("a", b"z" * 4, bucket=find("two"))
    store.put("b", b"", bucket=find("two"))
    with pytest.raises(QuotaExceeded, match="owner's buckets hold 3 of 3 objects"):
        store.put("b", b"", bucket=find("one"))


@pytest.mark.usefixtures("either")
def test_the_stricter_of_both_quotas_counts(store: Store, alice: User) -> None:
    allow(alice, bytes_quota=100)
    row = store.bucket("hers", owner=alice)
    buckets.change_bucket(bucket=row, changes={"quota_bytes": 10}, by=ACTOR)
    with pytest.raises(QuotaExceeded, match="Bucket hers holds 0 of 10 bytes"):
        store.put("a", b"x" * 11, bucket=find("hers"))


@pytest.fixture
def filled(store: Store, alice: User, bob: User) -> None:
    """Six bytes in `one`, which is alice's as `two` is; `other` is bob's."""
    for name, owner in (("one", alice), ("two", alice), ("other", bob)):
        store.bucket(name, owner=owner)
    store.put("a", b"x" * 6, bucket=find("one"))


def copies(*targets: tuple[str, str]) -> list[Operation]:
    return [
        Copy(Source(find("one"), "a"), Target(find(bucket), key))
        for bucket, key in targets
    ]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"bytes_quota": 17}, "6 of 17 bytes, and this would add 12"),
        ({"objects_quota": 2}, "1 of 2 objects, and this would add 2"),
    ],
)
def test_what_a_batch_adds_to_several_buckets_counts_together_for_their_owner(
    alice: User, limits: dict[str, int], told: str
) -> None:
    allow(alice, **limits)
    with pytest.raises(QuotaExceeded, match=f"The owner's buckets hold {told}"):
        operations.perform(operations=copies(("one", "b"), ("two", "b")), by=ACTOR)
    assert stored() == {"a": 6}


@pytest.mark.usefixtures("filled")
def test_what_moves_between_the_buckets_of_an_owner_takes_no_more_room(
    alice: User,
) -> None:
    allow(alice, bytes_quota=6, objects_quota=1)
    move = Move(Source(find("one"), "a"), Target(find("two"), "b"))
    operations.perform(operations=[move], by=ACTOR)
    assert stored() == {"b": 6}


@pytest.mark.usefixtures("filled")
def test_what_a_batch_adds_to_the_buckets_of_others_is_theirs(
    alice: User, bob: User
) -> None:
    allow(alice, bytes_quota=12)
    allow(bob, bytes_quota=6)
    operations.perform(operations=copies(("two", "b"), ("other", "c")), by=ACTOR)
    assert stored() == {"a": 6, "b": 6, "c": 6}


@pytest.mark.usefixtures("no_look_before")
def test_a_refused_upload_leaves_its_bytes_to_the_sweep(store: Store) -> None:
    row = limit(store, quota_bytes=0)
    with pytest.raises(QuotaExceeded):
        store.put("a", b"content", bucket=row)
    Blob.objects.update(created_at=datetime(2020, 1, 1, tzinfo=UTC))
    blob = Blob.objects.get()
    assert not JournalEntry.objects.filter(operation="put").exists()
    assert sweep.condemn_window(above_id=blob.pk - 1) == 1


@pytest.mark.usefixtures("either")
def test_a_trusted_hit_is_counted_in_full(store: Store) -> None:
    store.put("a", b"x" * 8)
    row = limit(store, quota_bytes=10)
    with pytest.raises(QuotaExceeded, match=r"8 of 10 bytes, .* would add 8"):
        store.put("b", b"x" * 8, bucket=row)


def test_before_the_body_only_what_is_declared_can_be_refused(store: Store) -> None:
    row = limit(store, quota_bytes=3)

    class Unread(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise AssertionError("the body was read")

    def put(stream: io.BytesIO, length: int | None) -> None:
        objects.put_object(
            bucket=row,
            key="a",
            stream=stream,
            length=length,
            expected=Expected(),
            description=objects.Description("text/plain", {}, {}),
            readable=Scope.of_owner(None),
            by=ACTOR,
        )

    with pytest.raises(QuotaExceeded):
        put(Unread(), 7)
    with pytest.raises(QuotaExceeded):
        put(io.BytesIO(b"content"), None)
    put(io.BytesIO(b"con"), None)
    assert stored() == {"a": 3}


@pytest.mark.usefixtures("no_look_before")
@pytest.mark.parametrize(
    ("key", "conditions"),
    [
        ("a", CREATE_ONLY),
        ("a", Preconditions(if_match=("other",))),
        ("b", Preconditions(if_match=("*",))),
    ],
)
def test_a_condition_that_fails_is_told_before_a_quota_is(
    store: Store, key: str, conditions: Preconditions
) -> None:
    store.put("a", b"x")
    row = limit(store, quota_objects=1)
    with pytest.raises(PreconditionFailed):
        store.put(key, b"y", bucket=row, conditions=conditions)


@pytest.mark.usefixtures("no_look_before")
def test_a_condition_that_holds_does_not_make_room(store: Store) -> None:
    etag = store.put("a", b"x").etag
    row = limit(store, quota_objects=1, quota_bytes=5)
    with pytest.raises(QuotaExceeded, match="objects"):
        store.put("b", b"", bucket=row, conditions=CREATE_ONLY)
    if_match = Preconditions(if_match=(etag,))
    with pytest.raises(QuotaExceeded, match="bytes"):
        store.put("a", b"y" * 6, bucket=row, conditions=if_match)
    store.put("a", b"y" * 5, bucket=row, conditions=if_match)
    assert stored() == {"a": 5}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_look_before")
def test_an_upload_into_a_limited_bucket_that_was_deleted_meanwhile_is_refused(
    store: Store,
) -> None:
    row = limit(store, quota_bytes=100)
    buckets.delete_bucket(bucket=row, by=ACTOR)
    with pytest.raises(NoSuchBucket, match="deleted"):
        store.put("a", bucket=row)


def test_no_more_buckets_can_be_made_than_are_allowed(
    store: Store, alice: User
) -> None:
    allow(alice, buckets=2)
    first = store.bucket("first", owner=alice)
    store.bucket("second", owner=alice)
    with pytest.raises(TooManyBuckets, match="own 2 buckets and may own 2"):
        store.bucket("third", owner=alice)
    assert not Bucket.objects.filter(name="third").exists()
    assert store.bucket("first", owner=alice).id == first.id


def test_others_may_make_as_many_buckets_as_they_like(
    store: Store, alice: User, bob: User
) -> None:
    allow(alice, buckets=0)
    store.bucket("his", owner=bob)
    store.bucket("nobodys")
    allow(alice, buckets=None)
    store.bucket("hers", owner=alice)


def test_who_may_own_no_more_buckets_does_not_learn_which_names_are_taken(
    store: Store, alice: User, bob: User
) -> None:
    store.bucket("his", owner=bob)
    allow(alice, buckets=0)
    with pytest.raises(TooManyBuckets):
        store.bucket("his", owner=alice)


def test_an_upload_that_would_make_one_bucket_too_many_is_refused_before_its_body(
    store: Store, alice: User
) -> None:
    allow(alice, buckets=0)
    with pytest.raises(TooManyBuckets):
        store.put("a", bucket=NewBucket("photos", alice.pk))
    assert not Blob.objects.exists()
    assert not Bucket.objects.exists()


def test_an_upload_that_is_too_large_makes_no_bucket(store: Store, alice: User) -> None:
    allow(alice, bytes_quota=3)
    with pytest.raises(QuotaExceeded, match="0 of 3 bytes"):
        store.put("a", b"four", bucket=NewBucket("photos", alice.pk))
    assert not Bucket.objects.exists()
    store.put("a", b"two", bucket=NewBucket("photos", alice.pk))
    assert stored() == {"a": 3}


def test_changes_of_an_allowance_are_written_down(alice: User) -> None:
    allow(alice, buckets=5)
    allow(alice, bytes_quota=1000, objects_quota=None)
    allowance = Allowance.objects.get(user=alice)
    assert allowance.buckets == 5
    assert allowance.bytes_quota == 1000
    assert allowance.objects_quota is None
    entries = JournalEntry.objects.filter(operation="change_allowance").order_by("pk")
    assert [(entry.actor, entry.detail) for entry in entries] == [
        ("tester", f"{alice.username}: buckets: 5"),
        ("tester", f"{alice.username}: bytes_quota: 1000, objects_quota: None"),
    ]


def test_less_than_nothing_cannot_be_allowed(alice: User) -> None:
    with pytest.raises(InvalidArgument):
        allow(alice, buckets=-1)
    assert not Allowance.objects.exists()


@pytest.mark.parametrize("name", ["quota_bytes", "quota_objects"])
@pytest.mark.parametrize("amount", [-1, 2**63])
def test_a_quota_that_no_column_holds_is_refused(
    store: Store, name: str, amount: int
) -> None:
    bucket = store.bucket()
    with pytest.raises(InvalidArgument, match=f"{name} is from 0 to {2**63 - 1}"):
        limit(store, **{name: amount})
    assert reads.find_bucket(bucket.name) == bucket
    assert not JournalEntry.objects.filter(operation="change_bucket").exists()


def test_what_a_user_owns_is_told_with_the_limits(store: Store, alice: User) -> None:
    assert quotas.owned(user_id=alice.pk) == (0, 0, 0, None, None, None)
    allow(alice, buckets=5, bytes_quota=100)
    store.bucket("one", owner=alice)
    store.put("a", b"x" * 6, bucket=find("one"))
    assert quotas.owned(user_id=alice.pk) == (1, 6, 1, 5, 100, None)
