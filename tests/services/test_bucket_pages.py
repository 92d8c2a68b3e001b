"""Pages of buckets with what is in them."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from objects_app.models import Bucket, Grant, JournalEntry, Role
from objects_app.queries.rows import Scope, Totals
from objects_app.services import audit, buckets, grants, journal
from objects_app.services.buckets import Page
from tests.services.store import ACTOR, Store

pytestmark = pytest.mark.django_db

ALL = Scope(everything=True)


def names(page: Page) -> list[str]:
    return [listed.row.name for listed in page.buckets]


@pytest.mark.parametrize("folded", [False, True])
def test_totals_are_exact_before_and_after_the_journal_is_folded(
    store: Store, alice: User, folded: bool
) -> None:
    hers = store.bucket("hers", owner=alice)
    store.put("a", b"12345", bucket=hers)
    if folded:
        journal.fold()
    store.put("b", b"1", bucket=hers)
    store.put("a", b"123", bucket=hers)
    store.bucket("empty")
    page = buckets.page_of_buckets(readable=ALL, limit=10)
    assert [(found.row.name, found.totals) for found in page.buckets] == [
        ("empty", Totals(0, 0)),
        ("hers", Totals(2, 4)),
    ]


def test_a_page_takes_one_statement_however_many_buckets_it_has(store: Store) -> None:
    for number in range(5):
        store.put(bucket=store.bucket(f"bucket-{number}"))
    with CaptureQueriesContext(connection) as asked:
        buckets.page_of_buckets(readable=ALL, limit=10)
    assert len(asked) == 1


def test_pages_go_on_after_a_name_until_the_last(store: Store) -> None:
    for name in ("aaa", "bbb", "ccc"):
        store.bucket(name)
    first = buckets.page_of_buckets(readable=ALL, limit=2)
    assert (names(first), first.next_after) == (["aaa", "bbb"], "bbb")
    last = buckets.page_of_buckets(readable=ALL, after="bbb", limit=2)
    assert (names(last), last.next_after) == (["ccc"], None)


def test_a_text_is_looked_for_anywhere_in_the_name_and_means_itself(
    store: Store,
) -> None:
    for name in ("logs.eu", "blogs", "photos"):
        store.bucket(name)
    for text, found in [("logs", ["blogs", "logs.eu"]), ("s.", ["logs.eu"]), ("%", [])]:
        assert names(buckets.page_of_buckets(readable=ALL, text=text, limit=9)) == found


def test_a_bucket_has_its_owner_s_name_and_the_caller_s_role(
    store: Store, alice: User, bob: User
) -> None:
    row = store.bucket("hers", owner=alice)
    Grant.objects.create(bucket_id=row.id, user=bob, role=Role.WRITER)
    [found] = buckets.page_of_buckets(readable=Scope(user_id=bob.pk), limit=10).buckets
    assert (found.owner, found.row.granted) == (alice.get_username(), Role.WRITER)
    store.bucket("nobodys")
    [found] = buckets.page_of_buckets(readable=Scope(ownerless=True), limit=9).buckets
    assert (found.owner, found.row.granted) == ("", 0)


def test_the_last_change_is_the_newest_that_is_one(store: Store) -> None:
    row = store.bucket()
    store.put("a", bucket=row)
    newest = JournalEntry.objects.order_by("-created_at", "-id")[0]
    audit.record(operation=JournalEntry.Operation.PRESIGN, by=ACTOR, bucket=row)
    JournalEntry.objects.filter(operation="presign").update(
        created_at=newest.created_at + timedelta(hours=1)
    )
    [found] = buckets.page_of_buckets(readable=ALL, limit=10).buckets
    assert found.changed_at == newest.created_at


def test_without_a_journal_nothing_is_known_of_changes() -> None:
    Bucket.objects.create(name="restored")
    [found] = buckets.page_of_buckets(readable=ALL, limit=10).buckets
    assert found.changed_at is None


def test_folders_are_shared_where_not_the_whole_bucket_is(
    store: Store, alice: User, bob: User
) -> None:
    for name, prefixes in {"part": ["b/", "a/"], "whole": ["", "in/"]}.items():
        row = store.bucket(name, owner=alice)
        for prefix in prefixes:
            Grant.objects.create(
                bucket_id=row.id, user=bob, role=Role.READER, prefix=prefix
            )
    assert grants.shared_folders(user_id=bob.pk) == [("part", "a/"), ("part", "b/")]
    assert grants.shared_folders(user_id=alice.pk) == []
