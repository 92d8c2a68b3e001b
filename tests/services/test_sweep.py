"""The sweep: keeps what is referred to, removes the rest late, fails closed."""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from pytest_django import Settings

from objects_app import metrics
from objects_app.errors import StorageUnavailable
from objects_app.models import Blob, Bucket, Segment, StoredObject, Upload, UploadPart
from objects_app.queries import sql, upkeep
from objects_app.services import sweep
from objects_app.services.sweep import Swept
from tests.blobs.bodies import digest, received
from tests.services.store import Store
from tests.stored import stored_digests

pytestmark = pytest.mark.django_db

CONTENT = b"content"


def make_orphan(store: Store, tmp_path: Path, body: bytes = b"orphan") -> str:
    with received(body, tmp_path) as whole:
        store.backend.write(whole.sha256, whole.spool)
    return digest(body)


def test_what_is_referred_to_stays(store: Store) -> None:
    for key in ("a", "b"):
        store.put(key, CONTENT)
    store.delete("a")
    assert sweep.sweep(grace_seconds=0) == Swept()
    assert store.read("b") == CONTENT


def test_what_nothing_refers_to_goes_row_and_bytes(store: Store) -> None:
    store.put("a", CONTENT)
    store.put("b", b"kept")
    store.delete("a")
    assert sweep.sweep(grace_seconds=0) == Swept(condemned=1, removed=1, bytes=7)
    assert stored_digests() == [digest(b"kept")]
    assert Blob.objects.get().sha256 == digest(b"kept")
    assert sweep.sweep(grace_seconds=0) == Swept()


def test_an_overwritten_content_goes_too(store: Store) -> None:
    store.put("a", CONTENT)
    store.put("a", b"new")
    assert sweep.sweep(grace_seconds=0).removed == 1
    assert stored_digests() == [digest(b"new")]


@pytest.mark.parametrize("holder", ["segment", "part"])
def test_a_segment_or_a_part_keeps_its_blob(store: Store, holder: str) -> None:
    store.put("a", CONTENT)
    store.put("b", b"other")
    store.delete("a")
    blob = store.blob(CONTENT)
    if holder == "segment":
        Segment.objects.create(
            object=StoredObject.objects.get(), number=1, offset=0, size=7, blob=blob
        )
    else:
        upload = Upload.objects.create(
            bucket=Bucket.objects.get(), upload_id="u", key="a", content_type="t/p"
        )
        UploadPart.objects.create(upload=upload, number=1, size=7, blob=blob)
    assert sweep.sweep(grace_seconds=0) == Swept()


def test_the_grace_lies_between_condemning_and_removing(
    store: Store, settings: Settings
) -> None:
    settings.SWEEP_GRACE_SECONDS = 1000
    store.put("a", CONTENT)
    store.delete("a")
    assert sweep.sweep() == Swept(condemned=1)
    Blob.objects.update(condemned_at=Now() - timedelta(seconds=990))
    assert sweep.sweep() == Swept()
    assert stored_digests() == [digest(CONTENT)]
    Blob.objects.update(condemned_at=Now() - timedelta(seconds=1001))
    assert sweep.sweep() == Swept(removed=1, bytes=7)
    assert stored_digests() == []


def test_a_claim_is_left_alone_for_an_hour(store: Store) -> None:
    sql.claim(sha256=digest(CONTENT), size=7, trust_seconds=1)
    assert sweep.sweep(grace_seconds=0) == Swept()
    Blob.objects.update(created_at=Now() - timedelta(seconds=3601))
    assert sweep.sweep(grace_seconds=0).removed == 1
    assert not Blob.objects.exists()


def test_a_dry_run_says_what_there_is_to_do_and_does_nothing(store: Store) -> None:
    store.put("a", CONTENT)
    store.put("b", b"other")
    store.delete("a")
    store.delete("b")
    Blob.objects.filter(sha256=digest(b"other")).update(condemned_at=Now())
    before = list(Blob.objects.order_by("id").values())
    assert sweep.sweep(grace_seconds=0, dry_run=True) == Swept(
        condemned=1, removed=2, bytes=12
    )
    assert list(Blob.objects.order_by("id").values()) == before
    assert len(stored_digests()) == 2


def test_a_dry_run_keeps_to_the_grace(store: Store) -> None:
    store.put("a", CONTENT)
    store.delete("a")
    Blob.objects.update(condemned_at=Now())
    assert sweep.sweep(grace_seconds=1000, dry_run=True) == Swept()


def test_a_condemned_blob_that_is_referred_to_after_all_is_rescued(
    store: Store,
) -> None:
    store.put("a", CONTENT)
    Blob.objects.update(condemned_at=Now() - timedelta(hours=1))
    rescues = metrics.RESCUES._value.get()
    assert sweep.sweep(grace_seconds=0) == Swept(rescued=1)
    assert metrics.RESCUES._value.get() == rescues + 1
    assert store.blob(CONTENT).condemned_at is None
    assert store.read("a") == CONTENT


def test_a_failing_delete_leaves_the_row_for_the_next_sweeper(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StorageUnavailable("Try again.")

    store.put("a", CONTENT)
    store.delete("a")
    with monkeypatch.context() as patched:
        patched.setattr(type(store.backend), "delete", refuse)
        assert sweep.sweep(grace_seconds=0) == Swept(condemned=1, failed=1)
    blob = store.blob(CONTENT)
    assert blob.deleting_since is not None
    assert stored_digests() == [digest(CONTENT)]
    assert sweep.sweep(grace_seconds=0) == Swept(), "the lease is still running"
    lease = timedelta(seconds=settings.SWEEP_LEASE_SECONDS + 1)
    Blob.objects.update(deleting_since=Now() - lease)
    assert sweep.sweep(grace_seconds=0) == Swept(removed=1, bytes=7)


def test_with_half_the_lease_spent_nothing_more_is_deleted(
    store: Store, settings: Settings
) -> None:
    store.put("a", CONTENT)
    store.delete("a")
    sweep.condemn_window(above_id=store.blob(CONTENT).pk - 1)
    [marked], _ = upkeep.mark(grace_seconds=0, lease_seconds=30, limit=10)
    spent = sweep.lease_clock() - settings.SWEEP_LEASE_SECONDS / 2 - 0.1
    assert sweep.remove(store=store.backend, marked=marked, started=spent) is False
    assert stored_digests() == [digest(CONTENT)]
    assert Blob.objects.exists()
    now = sweep.lease_clock()
    assert sweep.remove(store=store.backend, marked=marked, started=now) is True
    assert stored_digests() == []


def test_a_row_that_another_sweeper_took_over_is_not_dropped(store: Store) -> None:
    store.put("a", CONTENT)
    store.delete("a")
    sweep.condemn_window(above_id=store.blob(CONTENT).pk - 1)
    [marked], _ = upkeep.mark(grace_seconds=0, lease_seconds=30, limit=10)
    Blob.objects.update(deleting_since=Now() + timedelta(seconds=1))
    now = sweep.lease_clock()
    assert sweep.remove(store=store.backend, marked=marked, started=now) is False
    assert Blob.objects.exists()


def test_a_sweep_stops_when_told_and_says_how_far_it_came(store: Store) -> None:
    store.put("a", CONTENT)
    store.delete("a")
    assert sweep.sweep(grace_seconds=0, stop=lambda: True) == Swept()
    condemned = Blob.objects.filter(condemned_at__isnull=False)
    assert sweep.sweep(grace_seconds=0, stop=condemned.exists) == Swept(condemned=1)
    assert Blob.objects.get().deleting_since is None


def test_many_blobs_go_in_batches_and_progress_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "_MARK_BATCH", 3)
    monkeypatch.setattr(sweep, "_WINDOW", 2)
    for number in range(7):
        store.put(str(number), str(number).encode())
        store.delete(str(number))
    told: list[int] = []
    swept = sweep.sweep(grace_seconds=0, progress=told.append)
    assert (swept.condemned, swept.removed, swept.bytes) == (7, 7, 7)
    assert sum(told) == 7
    assert not Blob.objects.exists()


def test_old_spools_are_cleared_and_young_ones_kept(
    store: Store, data_dir: Path
) -> None:
    store.put("a", CONTENT)
    for name, age in (("young", 60), ("old", sweep.SPOOL_AGE_SECONDS + 60)):
        (data_dir / "tmp" / name).write_bytes(b"half")
        then = time.time() - age
        os.utime(data_dir / "tmp" / name, (then, then))
    assert sweep.sweep().spools == 1
    assert [path.name for path in (data_dir / "tmp").iterdir()] == ["young"]


def test_the_database_refuses_a_sweep_that_forgets_to_look(store: Store) -> None:
    store.put("a", CONTENT)
    with pytest.raises(IntegrityError), transaction.atomic():
        Blob.objects.update(deleting_since=Now())
    assert store.blob(CONTENT).deleting_since is None


def test_the_database_refuses_a_reference_to_bytes_being_removed(
    store: Store,
) -> None:
    store.put("a", CONTENT)
    store.put("b", b"other")
    store.delete("a")
    Blob.objects.filter(sha256=digest(CONTENT)).update(
        condemned_at=Now(), deleting_since=Now()
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        StoredObject.objects.update(blob=store.blob(CONTENT))


# Orphans: bytes without a row


def test_bytes_without_a_row_are_removed_once_the_grace_is_over(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a", CONTENT)
    orphan = make_orphan(store, tmp_path)
    assert sweep.remove_orphans(grace_seconds=1000) == Swept()
    later = store.backend.clock() + timedelta(seconds=1001)
    monkeypatch.setattr(type(store.backend), "clock", lambda _: later)
    dry = sweep.remove_orphans(grace_seconds=1000, dry_run=True)
    assert dry == Swept(removed=1, bytes=6)
    assert orphan in stored_digests()
    assert sweep.remove_orphans(grace_seconds=1000) == Swept(removed=1, bytes=6)
    assert stored_digests() == [digest(CONTENT)]
    assert Blob.objects.count() == 1


def test_a_plain_sweep_leaves_orphans_alone(store: Store, tmp_path: Path) -> None:
    orphan = make_orphan(store, tmp_path)
    assert sweep.sweep(grace_seconds=0) == Swept()
    assert stored_digests() == [orphan]


def test_an_orphan_that_is_claimed_meanwhile_is_left_alone(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orphan = make_orphan(store, tmp_path)
    adopt = upkeep.adopt_orphan

    def overtaken(**arguments: Any) -> Any:
        store.put("a", b"orphan")
        return adopt(**arguments)

    monkeypatch.setattr(upkeep, "adopt_orphan", overtaken)
    assert sweep.remove_orphans(grace_seconds=0) == Swept()
    assert store.read("a") == b"orphan"
    assert store.blob(b"orphan").sha256 == orphan


def test_an_orphan_that_cannot_be_deleted_is_counted_and_kept_for_later(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StorageUnavailable("Try again.")

    orphan = make_orphan(store, tmp_path)
    monkeypatch.setattr(type(store.backend), "delete", refuse)
    assert sweep.remove_orphans(grace_seconds=0) == Swept(failed=1)
    assert Blob.objects.get(sha256=orphan).deleting_since is not None
