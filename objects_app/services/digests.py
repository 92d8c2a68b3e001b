"""The SHA-256 of what was uploaded in parts, computed when there is time.

An object made of segments has an ETag of its parts from the beginning. Its `sha256`
needs all bytes read once more, and is written later; the ETag never changes. Where a
blob of that whole content is stored, too, the object has it from then on instead of
its segments, whose blobs may then go.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator
from typing import NamedTuple

from django.db import transaction

from objects_app.blobs.backend import backend
from objects_app.errors import BytesMissing, StorageBusy
from objects_app.models import Blob, Segment, StoredObject
from objects_app.queries import sql
from objects_app.queries.changes import Mark
from objects_app.services import segments
from objects_app.services.objects import doubt_bytes

logger = logging.getLogger(__name__)

_PAGE = 100


class Computed(NamedTuple):
    """What one run did: objects that have their digest now, and those of them that
    share a blob; `skipped` are those that miss bytes, or were overwritten."""

    objects: int = 0
    shared: int = 0
    skipped: int = 0


class _Stopped(Exception):
    """The run ends in the middle of an object, which is begun anew next time."""


def compute_digests(*, stop: Callable[[], bool] = lambda: False) -> Computed:
    """Compute every digest that is missing, oldest row first.

    `stop` is asked between chunks: what is done is kept, and the next run goes on with
    the object that was not. Raises StorageUnavailable.
    """
    computed = Computed()
    try:
        for row in _without_digest():
            digest = _digest(row, stop)
            written, shared = _write(row, digest) if digest else (False, False)
            computed = Computed(
                computed.objects + written,
                computed.shared + shared,
                computed.skipped + (not written),
            )
    except _Stopped:
        pass
    return computed


def _without_digest() -> Iterator[StoredObject]:
    """Yield objects whose bytes are all believed to be there: to read a long one up to
    its gap again and again would help nobody."""
    last = 0
    while True:
        rows = list(
            StoredObject.objects.filter(
                pk__gt=last, sha256="", is_delete_marker=False
            ).order_by("pk")[:_PAGE]
        )
        for row in rows:
            doubted = Segment.objects.filter(
                object_id=row.pk, blob__verified_at__isnull=True
            )
            if not doubted.exists():
                yield row
        if len(rows) < _PAGE:
            return
        last = rows[-1].pk


def _digest(row: StoredObject, stop: Callable[[], bool]) -> str | None:
    """Return the digest of all bytes; None: they are not all there, or no longer."""
    hasher = hashlib.sha256()
    try:
        blobs = segments.blobs_of(row=row)
        if len(blobs) == 1:
            return blobs[0].sha256
        for chunk in segments.checked_chunks(store=backend(), row=row):
            if stop():
                raise _Stopped
            hasher.update(chunk)
    except BytesMissing as missing:
        logger.error("No digest for %s of bucket %d: %s", row, row.bucket_id, missing)
        doubt_bytes(sha256=missing.sha256)
        return None
    except StorageBusy:
        return None
    return hasher.hexdigest()


def _write(row: StoredObject, digest: str) -> tuple[bool, bool]:
    """Write the digest, if the row still has the content that was read: the ETag says.

    Return whether it was, and whether the object has a blob of that whole content from
    now on: one whose bytes are there, and held against the sweep until the row refers
    to it.
    """
    blob = Blob.objects.filter(sha256=digest, size=row.size).first()
    if blob is not None and backend().stat(digest) != row.size:
        blob = None
    with transaction.atomic():
        shared = blob is not None and not sql.mark([Mark(blob.pk, digest, row.size)])
        changes = {"blob": blob} if shared else {}
        same = StoredObject.objects.filter(pk=row.pk, etag=row.etag, blob__isnull=True)
        if not same.update(sha256=digest, **changes):
            return False, False
        if shared:
            Segment.objects.filter(object_id=row.pk).delete()
    return True, shared
