"""The journal: one row per change, in its transaction; totals exact at every moment."""

import random
from typing import Any

import pytest
from django.db.models import Sum

from objects_app.errors import PreconditionFailed
from objects_app.models import BucketTotals, JournalEntry, StoredObject
from objects_app.queries import reads
from objects_app.queries.rows import Actor, Preconditions, Totals
from objects_app.services import journal
from tests.blobs.bodies import digest
from tests.services.store import ACTOR, Store

pytestmark = pytest.mark.django_db


def entries() -> list[dict[str, Any]]:
    rows = JournalEntry.objects.order_by("id").values(
        "operation", "key", "objects_delta", "bytes_delta", "sha256"
    )
    return [dict(row) for row in rows]


def test_every_change_has_one_row_with_its_deltas(store: Store) -> None:
    store.put("a", b"12345")
    store.put("a", b"123")
    store.delete("a")
    told = [tuple(entry.values()) for entry in entries()]
    assert told == [
        ("create_bucket", "", 0, 0, ""),
        ("put", "a", 1, 5, digest(b"12345")),
        ("put", "a", 0, -2, digest(b"123")),
        ("delete", "a", -1, -3, digest(b"123")),
    ]


def test_a_row_says_who_did_it_where_and_in_which_request(store: Store) -> None:
    by = Actor(label="alice", node_id="node-1", request_id="request-1")
    row = store.bucket("photos")
    store.put("a", bucket=row, by=by)
    store.delete("a", bucket=row, by=by)
    for entry in JournalEntry.objects.filter(operation__in=["put", "delete"]):
        assert (entry.actor, entry.node_id, entry.request_id) == by[:3]
        assert (entry.bucket_id, entry.bucket_name) == (row.id, "photos")
        assert entry.version_id == "null"
    made = JournalEntry.objects.get(operation="create_bucket")
    assert (made.actor, made.node_id, made.request_id) == ACTOR[:3]


def test_an_overwrite_and_a_delete_remember_the_blob_that_was_there(
    store: Store,
) -> None:
    store.put("a", b"first")
    first = store.blob(b"first").pk
    store.put("a", b"second")
    second = store.blob(b"second").pk
    store.delete("a")
    olds = JournalEntry.objects.order_by("id").values_list("old_blob_id", flat=True)
    assert list(olds) == [None, None, first, second]


def test_the_journal_and_the_object_agree_on_the_time(store: Store) -> None:
    stored = store.put("a")
    entry = JournalEntry.objects.get(operation="put")
    assert abs((entry.created_at - stored.created_at).total_seconds()) < 1


def test_what_did_not_happen_is_not_in_the_journal(store: Store) -> None:
    store.put("a", b"1")
    before = entries()
    conditions = Preconditions(if_match=("other",))
    with pytest.raises(PreconditionFailed):
        store.put("a", b"2", conditions=conditions)
    with pytest.raises(PreconditionFailed):
        store.delete("a", conditions=conditions)
    store.bucket()
    assert entries() == before


def test_totals_are_exact_at_every_moment_folded_or_not(store: Store) -> None:
    chance = random.Random(5)  # noqa: S311
    rows = [store.bucket(name) for name in ("one", "two")]
    for _ in range(60):
        row, key = chance.choice(rows), chance.choice("abcdef")
        present = StoredObject.objects.filter(bucket_id=row.id, key=key).exists()
        if present and chance.random() < 0.4:
            store.delete(key, bucket=row)
        else:
            store.put(key, bytes(chance.randrange(50)), bucket=row)
        if chance.random() < 0.2:
            journal.fold()
        for bucket in rows:
            stored = StoredObject.objects.filter(bucket_id=bucket.id)
            size = stored.aggregate(total=Sum("size", default=0))["total"]
            expected = Totals(stored.count(), size)
            assert reads.bucket_totals(bucket.id) == expected


@pytest.mark.alone
@pytest.mark.django_db(transaction=True)
def test_folding_moves_settled_rows_into_the_totals_once(store: Store) -> None:
    row = store.bucket()
    store.put("a", b"12345", bucket=row)
    assert journal.fold() == 2
    folded = BucketTotals.objects.get(pk=row.id)
    assert (folded.objects_total, folded.bytes_total) == (1, 5)
    assert journal.fold() == 0
    store.put("b", b"1", bucket=row)
    assert reads.bucket_totals(row.id) == (2, 6)
    assert journal.fold() == 1
    assert reads.bucket_totals(row.id) == (2, 6)
    folded.refresh_from_db()
    assert (folded.objects_total, folded.bytes_total) == (2, 6)


@pytest.mark.alone
@pytest.mark.django_db(transaction=True)
def test_recount_makes_wrong_totals_right(store: Store) -> None:
    row, empty = store.bucket("full"), store.bucket("empty")
    store.put("a", b"12345", bucket=row)
    journal.fold()
    store.put("b", b"1", bucket=row)
    BucketTotals.objects.update(objects_total=77, bytes_total=99)
    BucketTotals.objects.update_or_create(
        pk=empty.id, defaults={"objects_total": 5, "bytes_total": 5}
    )
    journal.recount()
    assert reads.bucket_totals(row.id) == (2, 6)
    assert reads.bucket_totals(empty.id) == (0, 0)
    assert journal.fold() == 0
    store.delete("a", bucket=row)
    assert reads.bucket_totals(row.id) == (1, 1)
    journal.fold()
    assert reads.bucket_totals(row.id) == (1, 1)
