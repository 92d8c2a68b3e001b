"""Instant uploads: a name for content that is already here, without sending it.

Knowing a digest is no right to the bytes. So only content counts that the caller may
read already; whether others store it makes no difference to the answer.
"""

import hashlib
from typing import NamedTuple

from django.utils.translation import gettext_noop

from objects_app import metrics
from objects_app.blobs.backend import backend
from objects_app.errors import BytesMissing, ContentUnknown, PreconditionFailed
from objects_app.models import JournalEntry
from objects_app.queries import reads
from objects_app.queries.changes import Change, Content, Mark, Source
from objects_app.queries.rows import ANYTHING, Actor, BucketRow, Preconditions, Scope
from objects_app.services import buckets, changes
from objects_app.services.objects import Description, StoredResult

# Everybody has it: a put of no bytes stores it.
NOTHING = hashlib.sha256().hexdigest()


class _Known(NamedTuple):
    """Content that is here: one blob, or the segments of another version."""

    blob_id: int | None
    source: Source | None
    size: int


def put_known(
    *,
    bucket: BucketRow | buckets.NewBucket,
    key: str,
    sha256: str,
    description: Description,
    conditions: Preconditions = ANYTHING,
    readable: Scope,
    by: Actor,
) -> StoredResult:
    """Store content under a key that the caller may read elsewhere, by its SHA-256.

    Makes the bucket if it is a NewBucket. `readable` is what the caller may read.
    Raises ContentUnknown, also when the bytes turn out to be lost (sending them puts
    them back), PreconditionFailed, BucketTaken, TooManyBuckets, QuotaExceeded,
    StorageUnavailable, StorageBusy; in each case nothing was stored.
    """
    known = _Known(None, None, 0)

    def prepare() -> tuple[list[Change], list[Mark]]:
        nonlocal known
        known = _known(sha256=sha256, readable=readable)
        row = buckets.ensure_bucket(bucket=bucket, by=by).row
        content = Content(
            blob_id=known.blob_id,
            sha256=sha256,
            size=known.size,
            etag=sha256,
            **description._asdict(),
            segments_of=known.source,
        )
        change = changes.change(
            bucket=buckets.again(row),
            key=key,
            operation=JournalEntry.Operation.PUT,
            what=content,
            conditions=conditions,
        )
        if known.blob_id is None:
            return [change], []
        return [change], [Mark(known.blob_id, sha256, known.size)]

    try:
        [done] = changes.commit(prepare=prepare, by=by)
    except changes.ChangesRefused as refused:
        raise PreconditionFailed() from refused
    except BytesMissing as missing:
        raise _unknown() from missing
    metrics.DEDUP_HITS.inc()
    return StoredResult(
        size=known.size,
        sha256=sha256,
        etag=sha256,
        version_id=done.version_id,
        created_at=done.created_at,
        replaced=done.replaced,
        deduplicated=True,
        storage=backend().name,
    )


def _known(*, sha256: str, readable: Scope) -> _Known:
    """Find the content. Raises ContentUnknown, after the same questions either way."""
    blob = reads.readable_blob(sha256=sha256, scope=readable)
    if blob is not None:
        return _Known(blob[0], None, blob[1])
    parts = reads.readable_source(sha256=sha256, scope=readable)
    if parts is None:
        raise _unknown()
    return _Known(None, *parts)


def _unknown() -> ContentUnknown:
    return ContentUnknown(
        gettext_noop(
            "You may read no object with this content: upload its bytes. Whether "
            "others have it is not told."
        )
    )
