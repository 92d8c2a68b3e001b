"""A claim or a mark that somebody else made void does nothing."""

import threading
import time
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction

from objects_app.models import Blob, JournalEntry, StoredObject
from objects_app.queries import sql, upkeep
from objects_app.queries.rows import ANYTHING, BlobState, Claim, Committed, NewObject
from objects_app.services import sweep
from tests.blobs.bodies import digest
from tests.races.crashing import within_condemn
from tests.races.soak_world import BY, World, condemned
from tests.races.threads import race, wait_until_somebody_waits_for_a_lock

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


def new_object(store: World, content: bytes) -> NewObject:
    return NewObject(
        bucket_id=store.bucket.id,
        bucket_name=store.bucket.name,
        key="key",
        sha256=digest(content),
        size=len(content),
        etag=digest(content),
        content_type="text/plain",
        headers={},
        metadata={},
        tags={},
        versioning="off",
    )


def claimed(content: bytes) -> Claim:
    claim = sql.claim(sha256=digest(content), size=len(content), trust_seconds=60)
    assert claim is not None
    return claim


def commit(store: World, claim: Claim, content: bytes, *, wrote: bool) -> Any:
    return sql.commit(
        claim=claim,
        new=new_object(store, content),
        conditions=ANYTHING,
        wrote=wrote,
        by=BY,
    )


@pytest.mark.parametrize("wrote", [True, False])
@pytest.mark.parametrize("later", [b"other content", b"claimed content"])
def test_a_commit_whose_claims_id_went_to_another_row_writes_nothing(
    store: World, *, wrote: bool, later: bytes
) -> None:
    content = b"claimed content"
    claim = claimed(content)
    Blob.objects.filter(pk=claim.id).delete()
    Blob.objects.create(
        pk=claim.id,
        sha256=digest(later),
        size=len(later),
        verified_at=store.bucket.created_at,
    )
    journalled = JournalEntry.objects.count()

    committed = commit(store, claim, content, wrote=wrote)

    assert committed is None
    assert StoredObject.objects.count() == 0
    assert JournalEntry.objects.count() == journalled


def test_a_trusted_hit_on_a_blob_condemned_meanwhile_writes_nothing(
    store: World,
) -> None:
    content = b"trusted, then condemned"
    store.put("gone", content)
    store.delete("gone")
    claim = claimed(content)
    assert sweep.condemn_window(above_id=claim.id - 1) == 1

    assert claim.state is BlobState.LIVE
    assert commit(store, claim, content, wrote=False) is None
    assert StoredObject.objects.count() == 0
    assert isinstance(commit(store, claim, content, wrote=True), Committed)


@pytest.mark.postgresql_only
def test_a_condemn_whose_look_was_stale_is_undone_by_the_mark(store: World) -> None:
    """A commit comes between the statement's snapshot and its lock on the row.

    The condition added to it waits for an advisory lock, so its snapshot is from before
    the commit; the blob's row, which a trusted hit does not change, is not looked at
    anew.
    """
    content = b"referred to again while it was condemned"
    store.put("gone", content)
    store.delete("gone")
    claim = claimed(content)
    held, committed = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(7)")
            held.set()
            assert committed.wait(10)

    def condemn() -> int:
        assert held.wait(10)
        with connection.execute_wrapper(wait_in_condemn):
            return upkeep.condemn(ids=[claim.id], claim_age_seconds=3600)

    def write() -> Any:
        assert held.wait(10)
        wait_until_somebody_waits_for_a_lock()
        try:
            return commit(store, claim, content, wrote=False)
        finally:
            committed.set()

    _, number, stored = race(hold, condemn, write)

    assert isinstance(stored, Committed)
    assert number == 1
    assert Blob.objects.get().condemned_at is not None
    assert upkeep.mark(grace_seconds=0, lease_seconds=60, limit=10) == ([], 1)
    assert Blob.objects.get().condemned_at is None


def wait_in_condemn(execute: Any, statement: str, *arguments: Any) -> Any:
    waiting = within_condemn(statement, "pg_advisory_xact_lock(7)")
    return execute(waiting, *arguments)


def test_of_two_sweepers_only_one_may_drop_what_both_marked(store: World) -> None:
    condemned(store, b"marked twice")
    [first], _ = upkeep.mark(grace_seconds=0, lease_seconds=0, limit=1)
    time.sleep(0.002)  # SQLite's times have milliseconds
    [second], _ = upkeep.mark(grace_seconds=0, lease_seconds=0, limit=1)

    dropped = race(partial(upkeep.drop, first), partial(upkeep.drop, second))

    assert dropped == [False, True]
