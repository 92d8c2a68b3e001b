"""Buckets of two owners, and what the journal keeps of them."""

import pytest
from django.contrib.auth.models import User

from objects_app.errors import (
    BucketNotEmpty,
    BucketTaken,
    InvalidBucketName,
    NoSuchBucket,
)
from objects_app.models import Bucket, JournalEntry, StoredObject
from objects_app.queries import reads
from objects_app.queries.rows import Scope
from objects_app.services import buckets, journal
from objects_app.services.buckets import NewBucket
from tests.services.store import ACTOR, Store

pytestmark = pytest.mark.django_db


def test_a_bucket_belongs_to_whoever_made_it_first(
    store: Store, alice: User, bob: User
) -> None:
    hers = store.bucket("photos", owner=alice)
    assert hers.owner_id == alice.pk
    with pytest.raises(BucketTaken, match="photos"):
        store.bucket("photos", owner=bob)
    with pytest.raises(BucketTaken):
        store.bucket("photos")
    assert store.bucket("photos", owner=alice) == hers


def test_making_a_bucket_says_whether_it_is_new(alice: User) -> None:
    new = NewBucket(name="photos", owner_id=alice.pk)
    assert buckets.create_bucket(new=new, by=ACTOR).created is True
    assert buckets.create_bucket(new=new, by=ACTOR).created is False
    assert Bucket.objects.count() == 1


def test_a_put_into_a_bucket_that_was_taken_meanwhile_is_refused(
    store: Store, alice: User, bob: User
) -> None:
    leave = NewBucket(name="photos", owner_id=bob.pk)
    store.bucket("photos", owner=alice)
    with pytest.raises(BucketTaken):
        store.put(bucket=leave)
    assert not StoredObject.objects.exists()


def test_a_name_against_the_rules_makes_no_bucket() -> None:
    with pytest.raises(InvalidBucketName):
        buckets.create_bucket(new=NewBucket("No", None), by=ACTOR)
    assert not Bucket.objects.exists()


def test_each_owner_lists_only_their_own(
    store: Store, alice: User, bob: User, charlie: User
) -> None:
    for name, owner in (("b-hers", alice), ("a-hers", alice), ("his", bob)):
        store.bucket(name, owner=owner)
    store.bucket("nobodys")

    def names(owner: User | None) -> list[str]:
        scope = Scope.of_owner(owner.pk if owner else None)
        return [row.name for row in buckets.list_buckets(readable=scope)]

    assert names(alice) == ["a-hers", "b-hers"]
    assert names(bob) == ["his"]
    assert names(charlie) == []
    assert names(None) == ["nobodys"]


def test_deleting_a_bucket_leaves_its_history(store: Store) -> None:
    row = store.bucket("photos")
    store.put("a", bucket=row)
    store.delete("a", bucket=row)
    buckets.delete_bucket(bucket=row, by=ACTOR)
    history = JournalEntry.objects.filter(bucket_id=row.id).order_by("id")
    assert list(history.values_list("operation", flat=True)) == [
        "create_bucket",
        "put",
        "delete",
        "delete_bucket",
    ]
    assert {entry.bucket_name for entry in history} == {"photos"}


def test_a_bucket_with_an_object_is_kept(store: Store) -> None:
    row = store.bucket()
    store.put("a", bucket=row)
    with pytest.raises(BucketNotEmpty):
        buckets.delete_bucket(bucket=row, by=ACTOR)
    store.delete("a", bucket=row)
    buckets.delete_bucket(bucket=row, by=ACTOR)
    assert not Bucket.objects.exists()


def test_a_bucket_that_is_gone_already_is_not_deleted_twice(store: Store) -> None:
    row = store.bucket()
    buckets.delete_bucket(bucket=row, by=ACTOR)
    with pytest.raises(NoSuchBucket):
        buckets.delete_bucket(bucket=row, by=ACTOR)
    assert JournalEntry.objects.filter(operation="delete_bucket").count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_object_that_arrives_after_its_bucket_is_deleted_is_refused(
    store: Store,
) -> None:
    row = store.bucket()
    buckets.delete_bucket(bucket=row, by=ACTOR)
    with pytest.raises(NoSuchBucket, match="deleted"):
        store.put("a", bucket=row)
    assert not StoredObject.objects.exists()
    assert not JournalEntry.objects.filter(operation="put").exists()


@pytest.mark.django_db(transaction=True)
def test_an_object_that_arrives_while_its_bucket_is_deleted_wins(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = store.bucket()
    store.put("a", bucket=row)
    looked = StoredObject.objects.none()
    # The look for objects finds none, as if the object came just after it.
    monkeypatch.setattr(StoredObject.objects, "filter", lambda **_: looked)
    with pytest.raises(BucketNotEmpty):
        buckets.delete_bucket(bucket=row, by=ACTOR)
    monkeypatch.undo()
    assert store.read("a") == b"content"


def test_totals_go_with_the_bucket(store: Store) -> None:
    row = store.bucket("photos")
    store.put("a", bucket=row)
    journal.fold()
    store.delete("a", bucket=row)
    buckets.delete_bucket(bucket=row, by=ACTOR)
    journal.fold()
    again = store.bucket("photos")
    assert reads.bucket_totals(again.id) == (0, 0)
