"""Objects: put, open, delete. The life of a blob, as DESIGN section 5 has it:

    (none) --claim--> claimed --commit--> live --sweep--> condemned --sweep--> deleting
                         ^                  ^                 |                   |
                         |                  '---- commit -----'                   |
                         '------------- claim, once the row is gone --------------'

Bytes are durable before the row that names them commits; no step holds a transaction
open while bytes move; deleting and overwriting remove rows, never bytes.
"""

import io
import time
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db import IntegrityError
from django.utils.translation import gettext_noop

from objects_app import metrics
from objects_app.blobs.backend import BlobBackend, BlobReader, backend
from objects_app.blobs.hashing import Readable
from objects_app.blobs.ingest import Expected, Received, receive
from objects_app.errors import (
    NoSuchBucket,
    NoSuchKey,
    NoSuchVersion,
    PreconditionFailed,
    StorageBusy,
)
from objects_app.models import Blob, Bucket, JournalEntry
from objects_app.queries import reads, sql
from objects_app.queries.changes import Change, Failure, Mark, Removal
from objects_app.queries.rows import (
    ANYTHING,
    Actor,
    BlobState,
    BucketRow,
    Claim,
    Committed,
    NewObject,
    ObjectRow,
    Preconditions,
    Scope,
)
from objects_app.services import buckets, changes, quotas, segments

_DELETING_WAIT_SECONDS = 5.0
_DELETING_POLL_SECONDS = 0.05
_ATTEMPTS = 20


class Description(NamedTuple):
    """What a client says of an object besides its bytes."""

    content_type: str
    headers: dict[str, str]
    metadata: dict[str, str]
    tags: dict[str, str] = {}


class Deletion(NamedTuple):
    """What a delete did: the version that is gone, or the delete marker it made."""

    version_id: str
    is_delete_marker: bool


class StoredResult(NamedTuple):
    """What a put did."""

    size: int
    sha256: str
    etag: str
    version_id: str
    created_at: datetime
    replaced: bool
    deduplicated: bool
    storage: str


def put_object(
    *,
    bucket: BucketRow | buckets.NewBucket,
    key: str,
    stream: Readable,
    length: int | None,
    limit: int | None = None,
    expected: Expected,
    description: Description,
    conditions: Preconditions = ANYTHING,
    readable: Scope,
    by: Actor,
) -> StoredResult:
    """Store a body under a key, making the bucket if it is a NewBucket.

    `length` is the declared one, None if unknown; `limit` the most there may be, where
    that is less than MAX_UPLOAD_BYTES; both in bytes. `readable` is what the caller may
    read: only content found there is reported as deduplicated. Raises
    PreconditionFailed, DigestMismatch, IncompleteBody, BodyStalled, BodyTooLarge,
    BucketTaken, TooManyBuckets, QuotaExceeded, StorageUnavailable, StorageBusy; in each
    case nothing was stored.
    """
    _require_room(bucket=bucket, key=key, size=length)
    store = backend()
    with receive(
        stream,
        length=length,
        limit=_most_bytes(limit),
        expected=expected,
        spool_dir=store.spool_dir,
        part_bytes=store.part_bytes,
    ) as received:
        return store_received(
            store=store,
            received=received,
            bucket=bucket,
            key=key,
            description=description,
            conditions=conditions,
            readable=readable,
            by=by,
        )


def _most_bytes(limit: int | None) -> int:
    most: int = settings.MAX_UPLOAD_BYTES
    return most if limit is None else min(limit, most)


def _require_room(
    *, bucket: BucketRow | buckets.NewBucket, key: str, size: int | None
) -> None:
    """Refuse before the body what the commit would refuse, which decides it again."""
    if isinstance(bucket, buckets.NewBucket):
        quotas.require_room_for_new_bucket(owner_id=bucket.owner_id, size=size or 0)
    elif bucket.has_quota:
        quotas.require_room(bucket=bucket, key=key, size=size or 0)


def store_received(
    *,
    store: BlobBackend,
    received: Received,
    bucket: BucketRow | buckets.NewBucket,
    key: str,
    description: Description,
    conditions: Preconditions,
    readable: Scope,
    by: Actor,
) -> StoredResult:
    """Claim, write, commit; from the claim again when its row changed meanwhile.

    A new bucket is made last, so that storage which fails leaves none behind.
    """
    for _ in range(_ATTEMPTS):
        claim = claim_blob(sha256=received.sha256, size=received.size)
        deduplicated = claim.once_verified and reads.content_readable(
            blob_id=claim.id, scope=readable
        )
        wrote = secure_bytes(store=store, claim=claim, received=received)
        if isinstance(bucket, buckets.NewBucket):
            _require_room(bucket=bucket, key=key, size=received.size)
            bucket = buckets.create_bucket(new=bucket, by=by).row
        new = NewObject(
            bucket_id=bucket.id,
            bucket_name=bucket.name,
            versioning=bucket.versioning,
            key=key,
            sha256=received.sha256,
            size=received.size,
            etag=received.sha256,
            **description._asdict(),
        )
        committed = _commit(
            claim=claim,
            new=new,
            conditions=conditions,
            wrote=wrote,
            by=by,
            limited=bucket.has_quota,
        )
        if committed is None:
            metrics.LOST_RACES.labels("commit").inc()
            bucket = buckets.again(bucket)
            continue
        if committed.exceeded is not None:
            raise quotas.refusal(bucket=bucket.name, exceeded=committed.exceeded)
        if committed.created_at is None or committed.version_id is None:
            raise PreconditionFailed()
        if not wrote:
            metrics.DEDUP_HITS.inc()
        return StoredResult(
            size=new.size,
            sha256=new.sha256,
            etag=new.etag,
            version_id=committed.version_id,
            created_at=committed.created_at,
            replaced=committed.replaced,
            deduplicated=deduplicated,
            storage=store.name,
        )
    raise StorageBusy(
        gettext_noop("This content kept changing under the upload: send it again.")
    )


def _commit(
    *,
    claim: Claim,
    new: NewObject,
    conditions: Preconditions,
    wrote: bool,
    by: Actor,
    limited: bool,
) -> Committed | None:
    try:
        return sql.commit(
            claim=claim,
            new=new,
            conditions=conditions,
            wrote=wrote,
            by=by,
            limited=limited,
        )
    except IntegrityError as error:
        bucket = reads.find_bucket(new.bucket_name)
        if bucket is not None and bucket.id == new.bucket_id:
            raise
        raise NoSuchBucket(
            gettext_noop(
                "Bucket %(bucket)s was deleted during the upload: send it again."
            ),
            bucket=new.bucket_name,
        ) from error


def claim_blob(*, sha256: str, size: int) -> Claim:
    """Return the blob's row, claimed by us if there was none.

    While its bytes are being removed, wait for the row to go. Raises StorageBusy when
    that takes too long.
    """
    deadline = time.monotonic() + _DELETING_WAIT_SECONDS
    while True:
        claim = sql.claim(
            sha256=sha256, size=size, trust_seconds=settings.BLOB_TRUST_SECONDS
        )
        if claim is None:
            metrics.LOST_RACES.labels("claim").inc()
            continue
        if claim.state is not BlobState.DELETING:
            return claim
        if time.monotonic() > deadline:
            raise StorageBusy(
                gettext_noop(
                    "Old bytes of this very content are being removed: send it "
                    "again in a few seconds."
                )
            )
        time.sleep(_DELETING_POLL_SECONDS)


def secure_bytes(*, store: BlobBackend, claim: Claim, received: Received) -> bool:
    """Make sure the claimed bytes are in the backend; no transaction is open.

    Returns whether this request wrote or saw them (False: a trusted hit), which decides
    how the commit may mark the blob.
    """
    if claim.state is BlobState.LIVE:
        return False
    if claim.once_verified:
        if store.stat(claim.sha256) == received.size:
            return True
        metrics.REPAIRS.inc()
    store.write(claim.sha256, received.spool)
    return True


def open_bytes(
    *, row: ObjectRow, start: int = 0, length: int | None = None
) -> BlobReader:
    """Open `length` of an object's bytes from `start` on, or all, for reading.

    Raises BytesMissing. A reader that resolved `row` just before a DELETE and a sweep
    sees that too: look the row up once more before believing it. Of an object made of
    segments an overwrite at this moment raises StorageBusy; and bytes that are missing
    beyond the first segment are noticed while reading.
    """
    wanted = row.size - start if length is None else length
    if row.blob_id is not None:
        return backend().open(row.sha256, start=start, length=wanted)
    if wanted == 0:
        return io.BytesIO()
    return segments.open_segments(
        store=backend(),
        row=row,
        start=start,
        length=wanted,
        missing=lambda sha256: doubt_bytes(sha256=sha256),
    )


def download_url(*, row: ObjectRow, headers: Mapping[str, str]) -> str | None:
    """Return a signed URL at which others give the object's bytes with these headers.

    None where this process sends them, as it does what is made of segments. Raises
    BytesMissing, as `open_bytes` does.
    """
    if row.blob_id is None:
        return None
    return backend().url(row.sha256, size=row.size, headers=headers)


def doubt_bytes(*, sha256: str) -> None:
    """Forget that a blob's bytes were ever stored: they were found missing or damaged.

    The row is as if claimed, so the next upload of this content writes its bytes, which
    repairs every object that has them.
    """
    blobs = Blob.objects.filter(sha256=sha256, deleting_since__isnull=True)
    blobs.update(verified_at=None)


def delete_object(
    *, bucket: BucketRow, key: str, conditions: Preconditions = ANYTHING, by: Actor
) -> Deletion:
    """Delete a key's object: its row, or, where the bucket keeps versions, by a delete
    marker that is the latest version from then on. Bytes are left to the sweep.

    Raises NoSuchBucket, NoSuchKey, PreconditionFailed.
    """
    if bucket.versioning == Bucket.Versioning.OFF:
        deleted = sql.delete_object(
            bucket_id=bucket.id,
            bucket_name=bucket.name,
            key=key,
            conditions=conditions,
            by=by,
        )
        if deleted is not None and not deleted.removed:
            raise PreconditionFailed()
        if deleted is not None:
            return Deletion("null", is_delete_marker=False)

    def prepare() -> tuple[list[Change], list[Mark]]:
        now = buckets.again(bucket)
        operation = JournalEntry.Operation.DELETE
        removal = changes.change(
            bucket=now,
            key=key,
            operation=operation,
            what=None,
            conditions=conditions,
        )
        return [removal], []

    try:
        [done] = changes.commit(prepare=prepare, by=by)
    except changes.ChangesRefused as error:
        if error.failures[0] is Failure.PRECONDITION:
            raise PreconditionFailed() from error
        raise _no_such_key(bucket) from error
    return Deletion(done.version_id, done.is_delete_marker)


def delete_version(
    *, bucket: BucketRow, key: str, version_id: str, by: Actor
) -> Deletion:
    """Remove one version for good; if it was the latest, the one before it is again.

    Raises NoSuchBucket, NoSuchVersion.
    """

    def prepare() -> tuple[list[Change], list[Mark]]:
        removal = changes.change(
            bucket=buckets.again(bucket),
            key=key,
            operation=JournalEntry.Operation.DELETE_VERSION,
            what=Removal(version_id),
        )
        return [removal], []

    try:
        [done] = changes.commit(prepare=prepare, by=by)
    except changes.ChangesRefused as error:
        raise NoSuchVersion(
            gettext_noop(
                "There is no such version of that key: list them with GET "
                "/versions?bucket=%(bucket)s."
            ),
            bucket=bucket.name,
        ) from error
    return Deletion(done.version_id, done.is_delete_marker)


def _no_such_key(bucket: BucketRow) -> NoSuchKey:
    return NoSuchKey(
        gettext_noop("There is no object of that key in bucket %(bucket)s."),
        bucket=bucket.name,
    )
