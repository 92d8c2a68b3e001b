"""A claim or a mark that somebody else made void does nothing."""

import time
from functools import partial
from typing import Any

import pytest

from objects_app.models import Blob, JournalEntry, StoredObject
from objects_app.queries import sql
from objects_app.queries.rows import ANYTHING, BlobState, Claim, Committed, NewObject
from objects_app.services import sweep
from tests.blobs.bodies import digest
from tests.races.soak_world import BY, World, condemned
from tests.races.threads import race

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
    assert sweep.condemn_window(above_id=0) == 1

    assert claim.state is BlobState.LIVE
    assert commit(store, claim, content, wrote=False) is None
    assert StoredObject.objects.count() == 0
    assert isinstance(commit(store, claim, content, wrote=True), Committed)


def test_of_two_sweepers_only_one_may_drop_what_both_marked(store: World) -> None:
    condemned(store, b"marked twice")
    [first], _ = sql.mark(grace_seconds=0, lease_seconds=0, limit=1)
    time.sleep(0.002)  # SQLite's times have milliseconds
    [second], _ = sql.mark(grace_seconds=0, lease_seconds=0, limit=1)

    dropped = race(partial(sql.drop, first), partial(sql.drop, second))

    assert dropped == [False, True]
