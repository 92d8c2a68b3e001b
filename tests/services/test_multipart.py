"""Multipart uploads: what is refused, changing nothing, and what an object becomes."""

from typing import Any

import pytest
from django.db import connection
from django.db.models import Model
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from objects_app.errors import (
    BodyTooLarge,
    BytesMissing,
    InvalidArgument,
    InvalidPart,
    InvalidPartOrder,
    NoSuchBucket,
    NoSuchUpload,
    PartTooSmall,
    PreconditionFailed,
    QuotaExceeded,
    StoreError,
    UploadCompleted,
)
from objects_app.models import (
    Blob,
    Bucket,
    JournalEntry,
    Segment,
    StoredObject,
    Upload,
    UploadPart,
)
from objects_app.queries.rows import Preconditions
from objects_app.services import buckets, multipart, quotas, sweep, uploads
from objects_app.services.multipart import Listed
from tests.blobs.bodies import digest
from tests.services.store import ACTOR, Store
from tests.services.uploading import (
    begin,
    bucket_of,
    complete,
    found,
    listed,
    look_up,
    put,
    upload_whole,
)
from tests.stored import lose

pytestmark = pytest.mark.django_db

NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture(autouse=True)
def small_parts(settings: Settings) -> None:
    settings.MULTIPART_MIN_PART_BYTES = 4


@pytest.fixture
def upload(store: Store) -> Upload:
    return begin(store)


def everything() -> dict[str, list[dict[str, Any]]]:
    models: tuple[type[Model], ...] = (
        *(StoredObject, Segment, Upload, UploadPart, JournalEntry),
    )
    return {
        model.__name__: list(model._base_manager.order_by("pk").values())
        for model in models
    }


def refused(
    error: type[StoreError], upload: Upload, chosen: list[Listed] | None = None
) -> str:
    """Complete, see it refused and nothing changed; return what was said."""
    before = everything()
    with pytest.raises(error) as caught:
        complete(upload, chosen)
    assert everything() == before
    return str(caught.value)


def test_the_parts_become_an_object_in_the_order_of_their_numbers(
    store: Store, upload: Upload
) -> None:
    put(upload, 2, b"second")
    put(upload, 1, b"first ")

    done = complete(upload)

    assert store.read() == b"first second"
    assert (done.size, done.parts) == (12, 2)
    assert done.done.replaced is False


def test_the_etag_is_of_the_parts_and_says_so_and_the_digest_comes_later(
    upload: Upload,
) -> None:
    put(upload, 1, b"first ")
    put(upload, 2, b"second")

    done = complete(upload)

    both = bytes.fromhex(digest(b"first ")) + bytes.fromhex(digest(b"second"))
    assert done.etag == f"{digest(both)}-2"
    row = look_up()
    assert (row.etag, row.sha256, row.blob_id) == (done.etag, "", None)


def test_what_was_said_at_the_beginning_is_the_objects(upload: Upload) -> None:
    put(upload, 1, b"content")
    complete(upload)

    row = look_up()
    assert row.content_type == "text/plain"
    assert (row.metadata, row.tags) == ({"who": "me"}, {"project": "x"})


@pytest.mark.parametrize("numbers", [(2,), (1, 3)])
def test_a_list_with_a_gap_is_refused(upload: Upload, numbers: tuple[int, ...]) -> None:
    for number in (1, 2, 3):
        put(upload, number, b"content")
    chosen = [part for part in listed(upload) if part.number in numbers]

    assert "without a gap" in refused(InvalidPartOrder, upload, chosen)


def test_parts_after_the_last_one_listed_are_dropped(
    store: Store, upload: Upload
) -> None:
    put(upload, 1, b"first")
    put(upload, 2, b"last")
    put(upload, 4, b"not wanted")
    chosen = [part for part in listed(upload) if part.number < 3]

    complete(upload, chosen)

    assert store.read() == b"firstlast"
    assert not UploadPart.objects.exists()
    assert Segment.objects.count() == 2


def test_a_part_that_was_replaced_counts_as_it_is_last(
    store: Store, upload: Upload
) -> None:
    put(upload, 1, b"damaged")
    put(upload, 1, b"repaired")

    complete(upload)

    assert store.read() == b"repaired"


def test_the_same_bytes_may_come_in_many_parts(store: Store, upload: Upload) -> None:
    for number in (1, 2, 3):
        put(upload, number, b"again")

    complete(upload)

    assert store.read() == b"again" * 3
    assert Blob.objects.filter(sha256=digest(b"again")).count() == 1


def test_one_empty_part_is_an_empty_object(store: Store, upload: Upload) -> None:
    put(upload, 1, b"")

    complete(upload)

    assert (look_up().size, store.read()) == (0, b"")


def test_completing_writes_rows_only(
    upload: Upload, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    put(upload, 1, b"content")
    for name in ("write", "open", "stat", "delete"):
        monkeypatch.setattr(type(store.backend), name, None)

    complete(upload)


def test_completing_takes_as_many_statements_whatever_the_parts(store: Store) -> None:
    counts = []
    for parts in (1, 30):
        upload = begin(store, f"{parts}")
        for number in range(1, parts + 1):
            put(upload, number, b"part %d" % number)
        chosen = listed(upload)
        with CaptureQueriesContext(
            connection,
        ) as statements:
            complete(upload, chosen)
        counts.append(len(statements))

    assert counts[0] == counts[1]


def test_totals_and_the_journal_tell_of_the_object(
    store: Store, upload: Upload
) -> None:
    put(upload, 1, b"first")
    put(upload, 2, b"last")
    complete(upload)

    used = quotas.used(bucket=store.bucket())
    assert (used.used_objects, used.used_bytes) == (1, 9)
    entry = JournalEntry.objects.get(key="a")
    assert (entry.operation, entry.objects_delta, entry.bytes_delta) == ("put", 1, 9)
    assert entry.detail == f"multipart {upload.upload_id}"


def test_an_object_that_was_there_is_replaced(store: Store, upload: Upload) -> None:
    store.put("a", b"before")
    put(upload, 1, b"after")

    done = complete(upload)

    assert (done.done.replaced, store.read()) == (True, b"after")


def test_a_put_replaces_an_object_made_of_parts(store: Store, upload: Upload) -> None:
    put(upload, 1, b"first")
    put(upload, 2, b"last")
    complete(upload)

    store.put("a", b"whole")

    assert store.read() == b"whole"
    assert not Segment.objects.exists()


def test_a_delete_removes_the_segments(store: Store, upload: Upload) -> None:
    put(upload, 1, b"content")
    complete(upload)

    store.delete("a")

    assert not Segment.objects.exists()


@pytest.mark.parametrize("versioning", ["enabled", "suspended"])
def test_with_versions_the_object_becomes_the_latest(
    store: Store, versioning: str
) -> None:
    store.put("a", b"before")
    Bucket.objects.update(versioning=versioning)
    upload = begin(store)
    put(upload, 1, b"first")
    put(upload, 2, b"last")

    done = complete(upload)

    assert store.read() == b"firstlast"
    assert look_up().version_id == done.done.version_id
    assert (done.done.version_id == "null") == (versioning == "suspended")
    versions = 2 if versioning == "enabled" else 1
    assert StoredObject.objects.filter(key="a").count() == versions


def test_a_completed_upload_tells_what_it_became(upload: Upload) -> None:
    put(upload, 1, b"content")
    done = complete(upload)

    row = found(upload)
    assert row.completed_at is not None
    assert row.version_id == done.done.version_id


def test_it_cannot_be_completed_twice(upload: Upload) -> None:
    put(upload, 1, b"content")
    chosen = listed(upload)
    complete(upload, chosen)

    refused(UploadCompleted, upload, chosen)
    refused(UploadCompleted, found(upload), chosen)


def test_what_was_aborted_cannot_be_completed(upload: Upload) -> None:
    put(upload, 1, b"content")
    chosen = listed(upload)
    uploads.abort_upload(upload=upload)

    refused(NoSuchUpload, upload, chosen)


def test_no_part_is_taken_after_the_completion(upload: Upload) -> None:
    put(upload, 1, b"content")
    complete(upload)
    before = everything()

    for row in (upload, found(upload)):
        with pytest.raises(UploadCompleted):
            put(row, 2, b"late")

    assert everything() == before


def test_a_list_without_parts_is_refused(upload: Upload) -> None:
    put(upload, 1, b"content")
    refused(InvalidArgument, upload, [])


def test_a_list_of_10001_parts_is_refused(upload: Upload) -> None:
    put(upload, 1, b"content")
    too_many = [Listed(number, NOTHING) for number in range(1, 10_002)]
    refused(InvalidArgument, upload, too_many)


@pytest.mark.parametrize("number", [0, -1, 10_001])
def test_numbers_are_from_1_to_10000(upload: Upload, number: int) -> None:
    with pytest.raises(InvalidArgument):
        put(upload, number, b"content")
    refused(InvalidArgument, upload, [Listed(number, NOTHING)])


@pytest.mark.parametrize("order", [(2, 1), (1, 1), (1, 2, 2)])
def test_parts_are_listed_once_and_ascending(
    upload: Upload, order: tuple[int, ...]
) -> None:
    for number in (1, 2):
        put(upload, number, b"content")
    chosen = [Listed(number, digest(b"content")) for number in order]
    refused(InvalidPartOrder, upload, chosen)


def test_a_listed_part_that_was_never_uploaded_is_a_gap(upload: Upload) -> None:
    put(upload, 1, b"content")
    put(upload, 3, b"content")
    chosen = [Listed(number, digest(b"content")) for number in (1, 2, 3)]
    assert "Part 2" in refused(InvalidPart, upload, chosen)


def test_a_part_with_another_digest_is_refused(upload: Upload) -> None:
    put(upload, 1, b"content")
    assert "Part 1" in refused(InvalidPart, upload, [Listed(1, digest(b"other"))])


@pytest.mark.parametrize("claimed", ["", "zz", "é" * 64])
def test_what_is_no_digest_is_not_the_parts(upload: Upload, claimed: str) -> None:
    put(upload, 1, b"content")
    refused(InvalidPart, upload, [Listed(1, claimed)])


def test_only_the_last_part_may_be_small(store: Store, upload: Upload) -> None:
    put(upload, 1, b"abc")
    put(upload, 2, b"x")
    assert "Part 1" in refused(PartTooSmall, upload)

    put(upload, 1, b"abcd")
    complete(upload)
    assert store.read() == b"abcdx"


def test_the_object_may_not_be_too_large(upload: Upload, settings: Settings) -> None:
    put(upload, 1, b"first")
    put(upload, 2, b"last")
    settings.MAX_OBJECT_BYTES = 8
    refused(BodyTooLarge, upload)


def test_a_part_may_not_be_too_large(upload: Upload, settings: Settings) -> None:
    settings.MAX_UPLOAD_BYTES = 6
    with pytest.raises(BodyTooLarge):
        put(upload, 1, b"content")
    assert not UploadPart.objects.exists()


@pytest.mark.parametrize(
    "conditions",
    [Preconditions(if_none_match=("*",)), Preconditions(if_match=("other",))],
)
def test_a_condition_that_fails_leaves_object_and_upload(
    store: Store, upload: Upload, conditions: Preconditions
) -> None:
    store.put("a", b"before")
    put(upload, 1, b"after")
    before = everything()

    with pytest.raises(PreconditionFailed):
        complete(upload, conditions=conditions)

    assert everything() == before
    complete(upload)
    assert store.read() == b"after"


def test_what_does_not_fit_the_quota_is_refused_early(upload: Upload) -> None:
    put(upload, 1, b"first")
    Bucket.objects.update(quota_bytes=8)

    with pytest.raises(QuotaExceeded):
        put(upload, 2, b"last")
    put(upload, 1, b"instead!")


def test_the_quota_is_decided_at_the_end(store: Store, upload: Upload) -> None:
    put(upload, 1, b"content")
    store.put("b", b"other")
    Bucket.objects.update(quota_bytes=11)

    refused(QuotaExceeded, upload)

    store.delete("b")
    complete(upload)


def test_nothing_is_begun_where_not_one_more_object_fits(store: Store) -> None:
    store.put("b")
    Bucket.objects.update(quota_objects=1)
    with pytest.raises(QuotaExceeded):
        begin(store)


def test_parts_are_kept_by_the_sweep_and_those_of_an_abort_are_not(
    store: Store, upload: Upload
) -> None:
    put(upload, 1, b"content")
    sweep.sweep(grace_seconds=0)
    assert store.blob().condemned_at is None

    uploads.abort_upload(upload=upload)
    sweep.sweep(grace_seconds=0)
    assert not Blob.objects.exists()


def test_parts_that_are_segments_are_kept_by_the_sweep(
    store: Store, upload: Upload
) -> None:
    put(upload, 1, b"first")
    put(upload, 2, b"last")
    complete(upload)

    sweep.sweep(grace_seconds=0)

    assert store.read() == b"firstlast"


def test_a_part_whose_trust_is_lost_is_looked_for_again(
    store: Store, upload: Upload
) -> None:
    put(upload, 1, b"content")
    Blob.objects.update(condemned_at=Now())

    complete(upload)

    assert store.blob().condemned_at is None


def test_a_part_whose_bytes_are_gone_is_not_made_an_object(
    store: Store, upload: Upload
) -> None:
    put(upload, 1, b"content")
    Blob.objects.update(condemned_at=Now())
    lose(digest(b"content"))

    refused(BytesMissing, upload)

    put(upload, 1, b"content")
    complete(upload)
    assert store.read() == b"content"


def test_an_unfinished_upload_goes_with_its_bucket(
    store: Store, upload: Upload
) -> None:
    put(upload, 1, b"content")

    buckets.delete_bucket(bucket=store.bucket(), by=ACTOR)

    assert not Upload.objects.exists()
    assert not UploadPart.objects.exists()


def test_a_completed_upload_does_not_keep_its_bucket(
    store: Store, upload: Upload
) -> None:
    put(upload, 1, b"content")
    complete(upload)
    store.delete("a")

    buckets.delete_bucket(bucket=store.bucket(), by=ACTOR)

    assert not Upload.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_nothing_is_begun_in_a_bucket_that_went_away(store: Store) -> None:
    bucket = store.bucket()
    buckets.delete_bucket(bucket=bucket, by=ACTOR)

    with pytest.raises(NoSuchBucket):
        begin(store, bucket=bucket)


def test_another_upload_of_the_key_is_another_matter(store: Store) -> None:
    upload_whole(store, "a", b"first", b"last")
    upload_whole(store, "a", b"later")

    assert store.read() == b"later"
    assert multipart.PROTOCOL == Upload.Protocol.MULTIPART
    assert bucket_of(begin(store)).name == "test"
