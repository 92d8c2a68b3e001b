"""What writing and deleting mean in buckets that keep versions, as S3 has it."""

from dataclasses import dataclass
from itertools import pairwise

import pytest

from objects_app.errors import (
    NoSuchKey,
    NoSuchVersion,
    PreconditionFailed,
    QuotaExceeded,
)
from objects_app.models import Bucket, JournalEntry, StoredObject
from objects_app.queries import reads, upkeep
from objects_app.queries.rows import BucketRow, Preconditions, Totals
from objects_app.services import objects
from tests.services.store import ACTOR, Store

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Version:
    """What a person sees of one row."""

    version_id: str
    size: int
    latest: bool
    marker: bool


def versions(key: str = "a") -> list[Version]:
    """Return a key's versions, newest first."""
    return [
        Version(row.version_id, row.size, row.is_latest, row.is_delete_marker)
        for row in StoredObject.objects.filter(key=key).order_by("-created_at")
    ]


def in_mode(store: Store, versioning: str) -> BucketRow:
    row = store.bucket()
    Bucket.objects.filter(pk=row.id).update(versioning=versioning)
    return store.bucket()


def assert_times_are_gapless(key: str = "a") -> None:
    rows = list(StoredObject.objects.filter(key=key).order_by("created_at"))
    for earlier, later in pairwise(rows):
        assert earlier.superseded_at == later.created_at
    assert [row.superseded_at for row in rows[-1:]] == [None] * len(rows[-1:])


def delete(store: Store, row: BucketRow, version_id: str) -> objects.Deletion:
    return objects.delete_version(bucket=row, key="a", version_id=version_id, by=ACTOR)


def test_an_overwrite_keeps_what_was_there_as_a_version(store: Store) -> None:
    row = in_mode(store, "enabled")
    first = store.put(body=b"1", bucket=row)
    second = store.put(body=b"22", bucket=row)

    assert versions() == [
        Version(second.version_id, 2, latest=True, marker=False),
        Version(first.version_id, 1, latest=False, marker=False),
    ]
    assert (first.replaced, second.replaced) == (False, True)
    assert store.read() == b"22"
    assert_times_are_gapless()


def test_objects_of_before_versions_keep_the_null_version(store: Store) -> None:
    store.put(body=b"0")
    row = in_mode(store, "enabled")
    new = store.put(body=b"1", bucket=row)

    assert [one.version_id for one in versions()] == [new.version_id, "null"]


def test_a_delete_adds_a_marker_and_keeps_everything(store: Store) -> None:
    row = in_mode(store, "enabled")
    store.put(body=b"1", bucket=row)

    done = objects.delete_object(bucket=row, key="a", by=ACTOR)

    assert done.is_delete_marker
    assert [(one.marker, one.latest) for one in versions()] == [
        (True, True),
        (False, False),
    ]
    assert reads.find_object("test", "a") == (store.bucket(), None)
    assert_times_are_gapless()


def test_a_key_that_is_deleted_already_gets_no_second_marker(store: Store) -> None:
    row = in_mode(store, "enabled")
    store.put(bucket=row)
    objects.delete_object(bucket=row, key="a", by=ACTOR)

    with pytest.raises(NoSuchKey):
        objects.delete_object(bucket=row, key="a", by=ACTOR)

    assert len(versions()) == 2


def test_a_deleted_key_can_be_put_again(store: Store) -> None:
    row = in_mode(store, "enabled")
    store.put(bucket=row)
    objects.delete_object(bucket=row, key="a", by=ACTOR)

    again = store.put(
        body=b"new", bucket=row, conditions=Preconditions(if_none_match=("*",))
    )

    assert not again.replaced
    assert store.read() == b"new"
    assert_times_are_gapless()


@pytest.mark.parametrize("versioning", ["enabled", "suspended"])
def test_conditions_see_the_latest_version_only(store: Store, versioning: str) -> None:
    row = in_mode(store, versioning)
    first = store.put(body=b"1", bucket=row)
    store.put(body=b"2", bucket=row)

    with pytest.raises(PreconditionFailed):
        store.put(
            body=b"3", bucket=row, conditions=Preconditions(if_match=(first.etag,))
        )
    with pytest.raises(PreconditionFailed):
        store.put(body=b"3", bucket=row, conditions=Preconditions(if_none_match=("*",)))

    assert store.read() == b"2"


@pytest.mark.parametrize("versioning", ["enabled", "suspended"])
def test_a_delete_marker_is_no_object_to_match(store: Store, versioning: str) -> None:
    row = in_mode(store, versioning)
    store.put(bucket=row)
    objects.delete_object(bucket=row, key="a", by=ACTOR)

    with pytest.raises(PreconditionFailed):
        store.put(bucket=row, conditions=Preconditions(if_match=("*",)))

    assert versions()[0].marker


def test_suspended_a_put_writes_the_null_version_and_keeps_the_others(
    store: Store,
) -> None:
    row = in_mode(store, "enabled")
    kept = store.put(body=b"1", bucket=row)
    row = in_mode(store, "suspended")

    store.put(body=b"22", bucket=row)
    store.put(body=b"333", bucket=row)

    assert versions() == [
        Version("null", 3, latest=True, marker=False),
        Version(kept.version_id, 1, latest=False, marker=False),
    ]
    assert_times_are_gapless()


def test_suspended_a_null_version_in_the_middle_is_written_anew_as_the_latest(
    store: Store,
) -> None:
    store.put(body=b"1")
    row = in_mode(store, "enabled")
    second = store.put(body=b"22", bucket=row)
    row = in_mode(store, "suspended")

    store.put(body=b"333", bucket=row)

    assert versions() == [
        Version("null", 3, latest=True, marker=False),
        Version(second.version_id, 2, latest=False, marker=False),
    ]
    assert_times_are_gapless()


def test_suspended_a_delete_leaves_a_null_marker_in_place_of_the_null_version(
    store: Store,
) -> None:
    row = in_mode(store, "enabled")
    kept = store.put(body=b"1", bucket=row)
    row = in_mode(store, "suspended")
    store.put(body=b"22", bucket=row)

    done = objects.delete_object(bucket=row, key="a", by=ACTOR)

    assert done == objects.Deletion("null", is_delete_marker=True)
    assert versions() == [
        Version("null", 0, latest=True, marker=True),
        Version(kept.version_id, 1, latest=False, marker=False),
    ]
    assert_times_are_gapless()


def test_removing_the_latest_version_promotes_the_one_before(store: Store) -> None:
    row = in_mode(store, "enabled")
    first = store.put(body=b"1", bucket=row)
    second = store.put(body=b"2", bucket=row)

    done = delete(store, row, second.version_id)

    assert done == objects.Deletion(second.version_id, is_delete_marker=False)
    assert versions() == [Version(first.version_id, 1, latest=True, marker=False)]
    assert store.read() == b"1"
    assert_times_are_gapless()


def test_removing_a_delete_marker_brings_the_object_back(store: Store) -> None:
    row = in_mode(store, "enabled")
    store.put(body=b"1", bucket=row)
    marker = objects.delete_object(bucket=row, key="a", by=ACTOR)

    assert delete(store, row, marker.version_id).is_delete_marker
    assert store.read() == b"1"


def test_removing_a_version_in_the_middle_extends_the_one_before(store: Store) -> None:
    row = in_mode(store, "enabled")
    store.put(body=b"1", bucket=row)
    second = store.put(body=b"2", bucket=row)
    store.put(body=b"3", bucket=row)

    delete(store, row, second.version_id)

    assert [one.size for one in versions()] == [1, 1]
    assert_times_are_gapless()


def test_a_version_that_is_not_there_cannot_be_removed(store: Store) -> None:
    row = in_mode(store, "enabled")
    store.put(bucket=row)
    with pytest.raises(NoSuchVersion):
        delete(store, row, "0" * 32)
    assert len(versions()) == 1


@pytest.mark.parametrize("versioning", ["off", "enabled", "suspended"])
def test_totals_count_every_version_but_no_marker(
    store: Store, versioning: str
) -> None:
    store.put(body=b"1")
    row = in_mode(store, versioning)
    store.put(body=b"22", bucket=row)
    second = store.put(body=b"333", bucket=row)
    objects.delete_object(bucket=row, key="a", by=ACTOR)
    if versioning == "enabled":
        delete(store, row, second.version_id)
    store.put(body=b"4444", bucket=row)

    rows = StoredObject.objects.filter(is_delete_marker=False)
    counted = Totals(rows.count(), sum(one.size for one in rows))
    assert reads.bucket_totals(row.id) == counted
    upkeep.recount()
    assert reads.bucket_totals(row.id) == counted


@pytest.mark.parametrize("versioning", ["enabled", "suspended"])
def test_every_version_counts_against_a_quota(store: Store, versioning: str) -> None:
    store.put(body=b"1")
    row = in_mode(store, "enabled")
    store.put(body=b"22", bucket=row)
    Bucket.objects.update(quota_bytes=5, versioning=versioning)
    row = store.bucket()
    store.put(body=b"33", bucket=row)

    with pytest.raises(QuotaExceeded):
        store.put(body=b"4444", bucket=row)

    assert store.read() == b"33"
    assert_times_are_gapless()


def test_a_writer_that_saw_the_bucket_before_versioning_looks_again(
    store: Store,
) -> None:
    row = store.bucket()
    store.put(body=b"1", bucket=row)
    in_mode(store, "enabled")

    stored = store.put(body=b"2", bucket=row)
    deleted = objects.delete_object(bucket=row, key="a", by=ACTOR)

    assert stored.version_id != "null"
    assert deleted.is_delete_marker
    assert len(versions()) == 3


def test_each_change_has_an_entry_with_its_version(store: Store) -> None:
    row = in_mode(store, "enabled")
    first = store.put(body=b"1", bucket=row)
    marker = objects.delete_object(bucket=row, key="a", by=ACTOR)
    delete(store, row, first.version_id)

    entries = JournalEntry.objects.exclude(operation="create_bucket").order_by("id")
    assert [
        (e.operation, e.version_id, e.objects_delta, e.bytes_delta) for e in entries
    ] == [
        ("put", first.version_id, 1, 1),
        ("delete", marker.version_id, 0, 0),
        ("delete_version", first.version_id, -1, -1),
    ]
