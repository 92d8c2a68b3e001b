"""Verify finds what is missing, damaged and orphaned; distrust believes nothing."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db.models.functions import Now

from objects_app.blobs.backend import BlobReader
from objects_app.errors import StorageUnavailable
from objects_app.models import Blob
from objects_app.queries import sql
from objects_app.services import verify
from objects_app.services.verify import Verified
from tests.blobs.bodies import digest, received
from tests.services.store import Store
from tests.services.uploading import begin, put, upload_whole
from tests.stored import lose, replace, stored_bytes, take_storage_away

pytestmark = pytest.mark.django_db


def test_a_healthy_store_is_clean(store: Store) -> None:
    store.put("a", b"12345")
    store.put("b", bytes(3_000_000))
    read: list[int] = []
    verified = verify.verify(progress=read.append)
    assert verified == Verified(2, 3_000_005, [], [], [])
    assert sum(read) == verify.bytes_to_verify() == 3_000_005


def test_an_empty_store_is_clean(store: Store) -> None:
    assert verify.verify() == Verified(0, 0, [], [], [])


def test_missing_damaged_and_orphaned_bytes_are_told_apart(
    store: Store, tmp_path: Path
) -> None:
    for body in (b"missing", b"flipped", b"shortened", b"sound"):
        store.put(body.decode(), body)
    lose(digest(b"missing"))
    replace(digest(b"flipped"), b"fliqped")
    replace(digest(b"shortened"), b"short")
    with received(b"orphan", tmp_path) as whole:
        store.backend.write(whole.sha256, whole.spool)
    found = verify.verify()
    assert found.checked == 4
    assert found.missing == [digest(b"missing")]
    assert found.damaged == sorted([digest(b"flipped"), digest(b"shortened")])
    assert found.orphaned == [digest(b"orphan")]


def test_parts_and_segments_are_looked_at_as_objects_are(store: Store) -> None:
    put(begin(store, "unfinished"), 1, b"part")
    upload_whole(store, "a", b"segment")
    lose(digest(b"part"))
    replace(digest(b"segment"), b"5egment")

    found = verify.verify()

    assert (found.missing, found.damaged) == ([digest(b"part")], [digest(b"segment")])


@pytest.mark.parametrize("damage", [b"fliqped", b"short", None])
def test_what_verify_found_lost_comes_back_with_the_next_upload(
    store: Store, damage: bytes | None
) -> None:
    store.put("a", b"flipped")
    replace(digest(b"flipped"), damage)
    lost = verify.verify()
    assert lost.missing + lost.damaged == [digest(b"flipped")]
    assert verify.verify() == lost
    store.put("b", b"flipped")
    assert stored_bytes(digest(b"flipped")) == b"flipped"
    assert verify.verify() == Verified(1, 7, [], [], [])


def test_lost_bytes_that_nothing_needs_are_no_loss_but_no_longer_trusted(
    store: Store,
) -> None:
    store.put("a", b"flipped")
    store.delete("a")
    replace(digest(b"flipped"), b"fliqped")
    assert verify.verify().damaged == []
    store.put("b", b"flipped")
    assert stored_bytes(digest(b"flipped")) == b"flipped"


def test_claims_and_bytes_being_removed_are_not_missed(store: Store) -> None:
    sql.claim(sha256=digest(b"claimed"), size=7, trust_seconds=1)
    store.put("a", b"going")
    store.delete("a")
    Blob.objects.filter(sha256=digest(b"going")).update(
        condemned_at=Now(), deleting_since=Now()
    )
    store.backend.delete(digest(b"going"))
    assert verify.verify() == Verified(0, 0, [], [], [])


def test_a_blob_that_is_swept_during_the_run_is_not_missed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a", b"gone")
    store.delete("a")
    look = verify._digest

    def overtaken(*arguments: object) -> str | None:
        Blob.objects.all().delete()
        store.backend.delete(digest(b"gone"))
        return look(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(verify, "_digest", overtaken)
    assert verify.verify() == Verified(1, 4, [], [], [])


def test_a_storage_that_is_away_is_not_a_storage_without_bytes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "_PAUSES_SECONDS", (0,))
    store.put("a", b"content")
    take_storage_away()
    with pytest.raises(StorageUnavailable):
        verify.verify()


def test_storage_that_breaks_off_now_and_then_is_read_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "_PAUSES_SECONDS", (0, 0))
    body = bytes(3_000_000)
    store.put("a", body)
    monkeypatch.setattr(store.backend, "open", Breaking(store.backend.open).open)
    read: list[int] = []

    verified = verify.verify(progress=read.append)

    assert verified == Verified(1, len(body), [], [], [])
    assert sum(read) == len(body)


class Breaking:
    """Opens readers of which the first fails at once, the second in mid-stream."""

    def __init__(self, open_: Callable[[str], BlobReader]) -> None:
        self._open = open_
        self._tried = 0

    def open(self, sha256: str) -> BlobReader:
        self._tried += 1
        if self._tried == 1:
            raise StorageUnavailable("away")
        reader = self._open(sha256)
        if self._tried == 2:
            read, left = reader.read, iter((True,))

            def once(size: int = -1, /) -> bytes:
                if next(left, False):
                    return read(size)
                raise StorageUnavailable("broke off")

            reader.read = once  # type: ignore[method-assign]
        return reader


def test_distrust_forgets_what_was_seen_but_not_what_is_only_claimed(
    store: Store,
) -> None:
    store.put("a", b"seen")
    sql.claim(sha256=digest(b"claimed"), size=7, trust_seconds=1)
    assert verify.distrust() == 1
    assert store.blob(b"seen").verified_at == datetime(1970, 1, 1, tzinfo=UTC)
    assert store.blob(b"claimed").verified_at is None
