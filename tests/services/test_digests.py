"""The digest of what came in parts: written later, and only where it is right."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from pytest_django import Settings

from objects_app.models import Blob, Bucket, Segment, StoredObject
from objects_app.services import digests, segments, sweep
from objects_app.services.digests import Computed
from tests.blobs.bodies import digest
from tests.services.store import Store
from tests.services.uploading import look_up, upload_whole
from tests.stored import lose, replace

pytestmark = pytest.mark.django_db

BODIES = (b"first", b"second", b"third")
WHOLE = b"".join(BODIES)


@pytest.fixture(autouse=True)
def any_size(settings: Settings) -> None:
    settings.MULTIPART_MIN_PART_BYTES = 0


def test_the_digest_of_the_whole_is_written_and_the_etag_stays(store: Store) -> None:
    etag = upload_whole(store, "a", *BODIES).etag

    assert digests.compute_digests() == Computed(objects=1)

    row = look_up()
    assert (row.sha256, row.etag, row.blob_id) == (digest(WHOLE), etag, None)
    assert store.read() == WHOLE
    assert digests.compute_digests() == Computed()


def test_content_that_is_stored_whole_is_shared(store: Store) -> None:
    store.put("whole", WHOLE)
    etag = upload_whole(store, "a", *BODIES).etag

    assert digests.compute_digests() == Computed(objects=1, shared=1)

    row = look_up()
    assert (row.sha256, row.etag) == (digest(WHOLE), etag)
    assert row.blob_id == look_up("whole").blob_id
    assert not Segment.objects.exists()
    assert store.read() == WHOLE


def test_what_is_shared_keeps_its_blob_and_gives_up_its_parts(store: Store) -> None:
    store.put("whole", WHOLE)
    upload_whole(store, "a", *BODIES)
    digests.compute_digests()
    store.delete("whole")

    sweep.sweep(grace_seconds=0)

    assert [blob.sha256 for blob in Blob.objects.all()] == [digest(WHOLE)]
    assert store.read() == WHOLE


def test_of_one_part_the_digest_is_known_and_nothing_is_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_whole(store, "a", WHOLE)
    monkeypatch.setattr(type(store.backend), "open", None)

    assert digests.compute_digests() == Computed(objects=1, shared=1)

    assert (look_up().sha256, look_up().blob_id) == (
        digest(WHOLE),
        store.blob(WHOLE).pk,
    )
    assert not Segment.objects.exists()


def test_an_empty_object_has_a_digest_too(store: Store) -> None:
    upload_whole(store, "a", b"", b"")

    assert digests.compute_digests() == Computed(objects=1, shared=1)

    assert look_up().sha256 == digest(b"")
    assert store.read() == b""


def test_a_whole_that_is_condemned_or_lost_is_not_shared(store: Store) -> None:
    for how in ("condemned", "lost"):
        store.put("whole", WHOLE)
        upload_whole(store, how, *BODIES)
        if how == "condemned":
            store.delete("whole")
            Blob.objects.filter(sha256=digest(WHOLE)).update(condemned_at=Now())
        else:
            lose(digest(WHOLE))

        assert digests.compute_digests() == Computed(objects=1)

        assert look_up(how).sha256 == digest(WHOLE)
        assert store.read(how) == WHOLE


def test_versions_that_are_history_get_theirs_and_markers_have_none(
    store: Store,
) -> None:
    store.bucket()
    Bucket.objects.update(versioning="enabled")
    upload_whole(store, "a", *BODIES)
    upload_whole(store, "a", b"later ", b"one")
    store.delete("a")

    assert digests.compute_digests() == Computed(objects=2)

    found = StoredObject.objects.order_by("created_at").values_list("sha256", flat=True)
    assert list(found) == [digest(WHOLE), digest(b"later one"), ""]


def test_what_misses_bytes_is_skipped_until_they_are_there_again(
    store: Store,
) -> None:
    upload_whole(store, "a", *BODIES)
    upload_whole(store, "b", b"other ", b"parts")
    lose(digest(b"second"))

    assert digests.compute_digests() == Computed(objects=1, skipped=1)
    assert digests.compute_digests() == Computed()

    store.put("c", b"second")
    assert digests.compute_digests() == Computed(objects=1)
    assert look_up("a").sha256 == digest(WHOLE)


def test_an_object_of_a_whole_second_gets_its_digest(store: Store) -> None:
    """Of such a time SQLite's text is another than the ORM's."""
    upload_whole(store, "a", *BODIES)
    with connection.cursor() as cursor:
        moment = "2026-01-01 00:00:00.000000"
        cursor.execute("UPDATE stored_object SET created_at = %s", [moment])

    assert digests.compute_digests() == Computed(objects=1)


def test_of_damaged_bytes_no_digest_is_written(store: Store) -> None:
    upload_whole(store, "a", *BODIES)
    replace(digest(b"second"), b"sec0nd")

    assert digests.compute_digests() == Computed(skipped=1)

    assert look_up().sha256 == ""
    assert store.blob(b"second").verified_at is None


def test_what_is_overwritten_meanwhile_keeps_its_own_digest(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_whole(store, "a", *BODIES)
    original = segments.checked_chunks

    def overwritten(**options: Any) -> Iterator[bytes]:
        yield from original(**options)
        upload_whole(store, "a", b"later ", b"one")

    monkeypatch.setattr(segments, "checked_chunks", overwritten)
    assert digests.compute_digests() == Computed(skipped=1)

    assert look_up().sha256 == ""
    assert Segment.objects.count() == 2


def test_a_run_that_is_stopped_goes_on_where_it_was(store: Store) -> None:
    upload_whole(store, "a", *BODIES)
    upload_whole(store, "b", b"other ", b"parts")
    asked = iter([False, False, False, False, True])

    assert digests.compute_digests(stop=lambda: next(asked)) == Computed(objects=1)
    assert (look_up("a").sha256, look_up("b").sha256) == (digest(WHOLE), "")

    assert digests.compute_digests() == Computed(objects=1)
