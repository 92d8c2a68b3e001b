"""Parts of uploads: stored one by one, replaced, refused."""

import pytest
from django.db.models.functions import Now

from objects_app.blobs.backend import backend
from objects_app.errors import NoSuchUpload, OffsetMismatch, UploadCompleted
from objects_app.models import Upload, UploadPart
from objects_app.services import uploads
from tests.blobs.bodies import digest
from tests.services.store import Store
from tests.services.uploading import append, begin

pytestmark = pytest.mark.django_db


@pytest.fixture
def upload(store: Store) -> Upload:
    return begin(store)


def rows(upload: Upload) -> list[tuple[int, int, str]]:
    found = UploadPart.objects.filter(upload=upload).order_by("number")
    return list(found.values_list("number", "size", "sha256"))


def test_a_part_is_a_blob_and_a_row(store: Store, upload: Upload) -> None:
    stored = append(upload, 3, b"three")

    assert rows(upload) == [stored] == [(3, 5, digest(b"three"))]
    assert store.blob(b"three").verified_at is not None
    assert backend().stat(digest(b"three")) == 5


def test_a_part_of_the_same_number_takes_the_place_of_the_earlier(
    upload: Upload,
) -> None:
    append(upload, 1, b"first")
    stored = append(upload, 1, b"second")

    assert rows(upload) == [stored]


def test_what_follows_at_the_offset_moves_it(upload: Upload) -> None:
    append(upload, 1, b"four", offset=0)
    append(upload, 2, b"bytes", offset=4)

    upload.refresh_from_db()
    assert upload.received == 9


def test_what_begins_elsewhere_is_refused_and_told_the_offset(upload: Upload) -> None:
    append(upload, 1, b"four", offset=0)

    with pytest.raises(OffsetMismatch) as refused:
        append(upload, 2, b"bytes", offset=5)

    assert refused.value.offset == 4
    assert len(rows(upload)) == 1


def test_a_part_gives_its_upload_the_full_time_again(upload: Upload) -> None:
    Upload.objects.update(expires_at=Now())

    append(upload, 1, b"content")

    assert uploads.expire_uploads() == 0
    found = uploads.find_upload(
        upload_id=upload.upload_id, protocol=Upload.Protocol.MULTIPART
    )
    assert found == upload


def test_no_part_comes_into_an_upload_that_was_aborted(upload: Upload) -> None:
    uploads.abort_upload(upload=upload)

    with pytest.raises(NoSuchUpload):
        append(upload, 1, b"content")


def test_no_part_comes_into_an_upload_that_is_completed(upload: Upload) -> None:
    Upload.objects.update(completed_at=Now(), version_id="null")

    with pytest.raises(UploadCompleted):
        append(upload, 1, b"content")

    assert rows(upload) == []


def test_an_abort_removes_the_parts_and_leaves_the_blobs(
    store: Store, upload: Upload
) -> None:
    append(upload, 1, b"content")

    uploads.abort_upload(upload=upload)

    assert not Upload.objects.exists()
    assert not UploadPart.objects.exists()
    assert store.blob().condemned_at is None


def test_what_is_completed_cannot_be_aborted(upload: Upload) -> None:
    Upload.objects.update(completed_at=Now(), version_id="null")

    with pytest.raises(UploadCompleted):
        uploads.abort_upload(upload=upload)


def test_an_upload_expires_and_its_parts_with_it(store: Store, upload: Upload) -> None:
    append(upload, 1, b"content")
    other = begin(store, "b")
    Upload.objects.filter(pk=upload.pk).update(expires_at=Now())

    assert uploads.expire_uploads() == 1

    assert list(Upload.objects.all()) == [other]
    assert not UploadPart.objects.exists()


def test_an_expired_upload_is_not_found_even_before_it_is_removed(
    upload: Upload,
) -> None:
    Upload.objects.update(expires_at=Now())

    found = uploads.find_upload(
        upload_id=upload.upload_id, protocol=Upload.Protocol.MULTIPART
    )
    assert found is None


@pytest.mark.parametrize("upload_id", ["", "x" * 65, "\0", "none"])
def test_an_id_that_none_has_is_not_found(upload_id: str) -> None:
    found = uploads.find_upload(upload_id=upload_id, protocol=Upload.Protocol.MULTIPART)
    assert found is None
