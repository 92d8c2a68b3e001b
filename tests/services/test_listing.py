"""Listings of several owners; the contract is tested through REST."""

import pytest
from django.contrib.auth.models import User

from objects_app.errors import InvalidArgument
from objects_app.queries.rows import Scope
from objects_app.services import listing
from tests.services.store import Store

pytestmark = pytest.mark.django_db


def test_everything_is_everything_of_one_owner(
    store: Store, alice: User, bob: User
) -> None:
    for owner, name in ((alice, "hers"), (bob, "his"), (alice, "also-hers")):
        bucket = store.bucket(name, owner=owner)
        store.put("a", bucket=bucket)
        store.put("b", bucket=bucket)

    def keys(owner: User | None) -> list[tuple[str, str]]:
        scope = Scope.of_owner(owner.pk if owner else None)
        page = listing.list_everything(readable=scope)
        return [(entry.bucket, entry.key) for entry in page.entries]

    assert keys(alice) == [
        ("also-hers", "a"),
        ("also-hers", "b"),
        ("hers", "a"),
        ("hers", "b"),
    ]
    assert keys(bob) == [("his", "a"), ("his", "b")]
    assert keys(None) == []


def test_a_cursor_does_not_open_the_buckets_of_others(
    store: Store, alice: User, bob: User
) -> None:
    for name, owner in (("aaa", alice), ("bbb", bob)):
        bucket = store.bucket(name, owner=owner)
        for key in ("a", "b", "c"):
            store.put(key, bucket=bucket)
    first = listing.list_everything(readable=Scope.of_owner(alice.pk), limit=1)
    assert first.next_cursor is not None
    page = listing.list_everything(
        readable=Scope.of_owner(bob.pk), cursor=first.next_cursor
    )
    assert {entry.bucket for entry in page.entries} == {"bbb"}


def test_a_cursor_of_one_bucket_is_refused_by_another(store: Store) -> None:
    one, two = store.bucket("one"), store.bucket("two")
    for key in ("a", "b"):
        store.put(key, bucket=one)
    page = listing.list_bucket(bucket=one, limit=1)
    with pytest.raises(InvalidArgument, match="another bucket"):
        listing.list_bucket(bucket=two, cursor=page.next_cursor)


def test_a_page_of_many_small_buckets_is_full(store: Store) -> None:
    for number in range(12):
        bucket = store.bucket(f"bucket-{number:02}")
        for key in ("a", "b") if number % 2 else ():
            store.put(key, bucket=bucket)
    page = listing.list_everything(readable=Scope.of_owner(None), limit=11)
    assert len(page.entries) == 11
    rest = listing.list_everything(
        readable=Scope.of_owner(None), cursor=page.next_cursor
    )
    assert [(e.bucket, e.key) for e in rest.entries] == [("bucket-11", "b")]
