"""Descriptions are changed in place: neither bytes, nor version, nor time."""

import threading
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections

from objects_app.errors import (
    DeleteMarker,
    NoSuchKey,
    NoSuchVersion,
    PreconditionFailed,
)
from objects_app.models import Bucket, JournalEntry, StoredObject
from objects_app.queries import reads
from objects_app.queries.changes import Rewrite
from objects_app.queries.rows import BucketRow, ObjectRow, Preconditions
from objects_app.services import descriptions
from tests.services.store import ACTOR, Store

pytestmark = pytest.mark.django_db


def change(bucket: BucketRow, rewrite: Rewrite, **asked: Any) -> ObjectRow:
    return descriptions.change_object(
        bucket=bucket, key="a", rewrite=lambda _: rewrite, by=ACTOR, **asked
    )


def found(key: str = "a") -> ObjectRow:
    pair = reads.find_object("test", key)
    assert pair is not None
    assert pair[1] is not None
    return pair[1]


def test_everything_else_stays_as_it_was(store: Store) -> None:
    store.put()
    before = found()
    told = change(
        store.bucket(), Rewrite("image/png", {"expires": "0"}, {"a": "b"}, {"c": "d"})
    )
    assert found() == told
    assert told == before._replace(
        content_type="image/png",
        headers={"expires": "0"},
        metadata={"a": "b"},
        tags={"c": "d"},
    )


def test_the_journal_says_what_was_changed(store: Store) -> None:
    store.put()
    change(store.bucket(), Rewrite(content_type="image/png", tags={"c": "d"}))
    entry = JournalEntry.objects.latest("id")
    assert (entry.operation, entry.key, entry.version_id, entry.detail) == (
        "change_object",
        "a",
        "null",
        "content_type, tags",
    )
    assert (entry.objects_delta, entry.bytes_delta) == (0, 0)


def test_a_change_to_what_is_there_already_is_none(store: Store) -> None:
    store.put()
    before = JournalEntry.objects.count()
    change(store.bucket(), Rewrite(content_type="text/plain", tags={}))
    assert JournalEntry.objects.count() == before


def test_conditions_are_about_the_version_that_is_changed(store: Store) -> None:
    etag = store.put().etag
    holds = Preconditions(if_match=(etag,))
    change(store.bucket(), Rewrite(tags={"c": "d"}), conditions=holds)
    with pytest.raises(PreconditionFailed):
        change(
            store.bucket(),
            Rewrite(tags={}),
            conditions=Preconditions(if_match=("other",)),
        )
    assert found().tags == {"c": "d"}


def test_there_is_nothing_to_change_of_what_is_not_there(store: Store) -> None:
    bucket = store.bucket()
    with pytest.raises(NoSuchKey):
        change(bucket, Rewrite(tags={}))
    store.put()
    with pytest.raises(NoSuchVersion):
        change(bucket, Rewrite(tags={}), version="other")


def test_an_old_version_is_changed_when_it_is_named(store: Store) -> None:
    bucket = store.bucket()
    Bucket.objects.update(versioning="enabled")
    versioned = reads.find_bucket("test")
    assert versioned is not None
    old = store.put(bucket=versioned).version_id
    new = store.put(body=b"other", bucket=versioned).version_id
    change(bucket, Rewrite(tags={"c": "d"}), version=old)
    tags = dict(StoredObject.objects.values_list("version_id", "tags"))
    assert tags == {old: {"c": "d"}, new: {}}


def test_a_delete_marker_has_no_description(store: Store) -> None:
    bucket = store.bucket()
    StoredObject.objects.create(
        bucket_id=bucket.id, key="a", is_delete_marker=True, size=0, sha256=""
    )
    with pytest.raises(NoSuchKey):
        change(bucket, Rewrite(tags={}))
    with pytest.raises(DeleteMarker):
        change(bucket, Rewrite(tags={}), version="null")


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_of_two_changes_at_once_neither_is_lost(store: Store, alice: User) -> None:
    bucket = store.bucket()
    store.put()
    together = threading.Barrier(8)

    def add(name: str) -> None:
        together.wait()
        try:
            descriptions.change_object(
                bucket=bucket,
                key="a",
                rewrite=lambda row: Rewrite(tags={**row.tags, name: ""}),
                by=ACTOR,
            )
        finally:
            connections.close_all()

    threads = [threading.Thread(target=add, args=(str(n),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found().tags == {str(n): "" for n in range(8)}


def test_an_object_of_one_blob_has_one_segment(store: Store) -> None:
    store.put()
    assert descriptions.segment_count(row=found()) == 1


def test_the_segments_of_one_put_in_parts_are_counted(store: Store) -> None:
    store.put()
    stored = StoredObject.objects.get()
    for number in (1, 2):
        stored.segments.create(number=number, offset=0, size=1, blob=store.blob())
    row = found()._replace(blob_id=None)
    assert descriptions.segment_count(row=row) == 2
