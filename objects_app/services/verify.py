"""Verify: read every stored byte again. Distrust: believe none until seen."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet, Sum

from objects_app.blobs.backend import BlobBackend, backend
from objects_app.errors import BytesMissing, StorageUnavailable
from objects_app.models import Blob, JournalEntry, Segment, StoredObject, UploadPart
from objects_app.queries.rows import Actor
from objects_app.services import audit
from objects_app.services.objects import doubt_bytes
from objects_app.services.sweep import orphans

_CHUNK = 1024 * 1024
_PAUSES_SECONDS = (1, 2, 4, 8, 16)
_EPOCH = datetime.fromtimestamp(0, UTC)


class Verified(NamedTuple):
    """What a verification saw. Only missing and damaged bytes are losses."""

    checked: int
    bytes: int
    missing: list[str]
    damaged: list[str]
    orphaned: list[str]


class Sample(NamedTuple):
    """What reading some blobs back has shown; `unread` are how many were not."""

    checked: int
    missing: list[str]
    damaged: list[str]
    unread: int


class _TimeOver(Exception):
    """There is no time to read on."""


def verify(*, progress: Callable[[int], object] = lambda _: None) -> Verified:
    """Read every stored blob back and compare digests; list bytes without a row.

    What is missing or damaged is no longer trusted: the next upload of that content
    writes it again. Only what an object needs is reported as a loss. Orphans are only
    reported: `sweep --orphans` removes them. `progress` is told the bytes read each
    time, less than none when they are read again. Raises StorageUnavailable for one
    that is away for longer than half a minute.
    """
    store = backend()
    checked = size = 0
    missing: list[str] = []
    damaged: list[str] = []
    for blob in _live_blobs():
        digest = _patiently(store, blob.sha256, progress)
        if _is_lost(blob, digest):
            (missing if digest is None else damaged).append(blob.sha256)
        checked += 1
        size += blob.size
    orphaned = [o.sha256 for o in orphans(store=store, grace_seconds=0)]
    return Verified(checked, size, missing, damaged, orphaned)


def verify_some(*, sha256s: Sequence[str], seconds: float, by: Actor) -> Sample:
    """Read these blobs back, for so long at most, as `verify` does all.

    What is claimed but not stored yet, and what is being removed, is not read. Raises
    StorageUnavailable.
    """
    store = backend()
    ends = time.monotonic() + seconds
    checked = 0
    missing: list[str] = []
    damaged: list[str] = []

    def keep_time(_: int) -> None:
        if time.monotonic() > ends:
            raise _TimeOver

    with suppress(_TimeOver):
        for blob in _live().filter(sha256__in=sha256s).order_by("sha256"):
            digest = _digest(store, blob.sha256, keep_time)
            if _is_lost(blob, digest):
                (missing if digest is None else damaged).append(blob.sha256)
            checked += 1
    lost = ", ".join(missing + damaged)
    audit.record(
        operation=JournalEntry.Operation.VERIFY,
        by=by,
        detail=f"{checked} blobs read" + (f"; lost: {lost}" if lost else ""),
    )
    return Sample(checked, missing, damaged, len(sha256s) - checked)


def bytes_to_verify() -> int:
    """Return how many bytes `verify` will read."""
    total = _live().aggregate(total=Sum("size", default=0))["total"]
    return int(total)


def distrust() -> int:
    """Forget that any bytes were seen: uploads of known content look again first.

    For after a restore or failover. Returns how many blobs. A null `verified_at` means
    claimed and stays so.
    """
    return Blob.objects.filter(verified_at__isnull=False).update(verified_at=_EPOCH)


def _is_lost(blob: Blob, digest: str | None) -> bool:
    """Distrust a blob whose stored bytes have another digest, or None; say whether an
    object needs it."""
    if digest == blob.sha256:
        return False
    doubt_bytes(sha256=blob.sha256)
    return _referenced().filter(pk=blob.pk, sha256=blob.sha256).exists()


def _referenced() -> QuerySet[Blob]:
    references = (
        Exists(model.objects.filter(blob=OuterRef("pk")))
        for model in (StoredObject, Segment, UploadPart)
    )
    return Blob.objects.filter(reduce(or_, map(Q, references)))


def _live() -> QuerySet[Blob]:
    """Return what was once stored; a lost blob that an object needs stays listed."""
    seen = Blob.objects.filter(verified_at__isnull=False, deleting_since__isnull=True)
    return seen | _referenced()


def _live_blobs() -> Iterator[Blob]:
    rows = _live().only("id", "sha256", "size").order_by("sha256")
    return rows.iterator(chunk_size=1000)


def _patiently(
    store: BlobBackend, sha256: str, progress: Callable[[int], object]
) -> str | None:
    """Return `_digest`; a storage that is away for a moment does not end a long run."""
    for seconds in _PAUSES_SECONDS:
        try:
            return _digest(store, sha256, progress)
        except StorageUnavailable:
            time.sleep(seconds)
    return _digest(store, sha256, progress)


def _digest(
    store: BlobBackend, sha256: str, progress: Callable[[int], object]
) -> str | None:
    """Return the digest of what is stored under `sha256`, None if nothing is."""
    try:
        reader = store.open(sha256)
    except BytesMissing:
        return None
    hasher, read = hashlib.sha256(), 0
    with reader:
        try:
            while chunk := reader.read(_CHUNK):
                hasher.update(chunk)
                read += len(chunk)
                progress(len(chunk))
        except StorageUnavailable:
            progress(-read)
            raise
    return hasher.hexdigest()
