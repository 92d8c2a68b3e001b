"""Uploads that arrive in parts: begun, found, aborted, expired.

    (none) --create--> unfinished --complete--> completed --expire--> (none)
                            '-------- abort, expire ------------------^

An unfinished upload expires UPLOAD_EXPIRY_SECONDS after its last part came; completed,
its row tells for as long which version it became. Only rows are removed here: the bytes
of parts that nothing refers to any more are left to the sweep.
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from objects_app.errors import NoSuchBucket, NoSuchUpload, UploadCompleted
from objects_app.models import JournalEntry, Upload
from objects_app.queries.changes import Change, Content
from objects_app.queries.rows import ANYTHING, Actor, BucketRow, Preconditions
from objects_app.services import buckets, changes
from objects_app.services.objects import Description

_ID_BYTES = 16
_MOST_ID_CHARACTERS = 64
_EXPIRED_BATCH = 100


def create_upload(
    *,
    bucket: BucketRow,
    key: str,
    protocol: Upload.Protocol,
    description: Description,
    conditions: dict[str, Any] | None = None,
    length: int | None = None,
    by: Actor,
) -> Upload:
    """Begin an upload; its parts may come from now on. Raises NoSuchBucket.

    `length` (the whole object's, in bytes) and `conditions` are kept for whoever
    completes it.
    """
    try:
        upload = Upload.objects.create(
            upload_id=secrets.token_hex(_ID_BYTES),
            protocol=protocol,
            bucket_id=bucket.id,
            key=key,
            **description._asdict(),
            conditions=conditions or {},
            actor=by.label,
            length=length,
            expires_at=expiry(),
        )
    except IntegrityError as error:
        raise NoSuchBucket(
            gettext_noop("Bucket %(bucket)s was deleted just now."), bucket=bucket.name
        ) from error
    upload.refresh_from_db()
    return upload


def find_upload(*, upload_id: str, protocol: Upload.Protocol) -> Upload | None:
    """Return an upload with its `bucket`, unless it has expired."""
    if len(upload_id) > _MOST_ID_CHARACTERS or "\0" in upload_id:
        return None
    found = Upload.objects.select_related("bucket").filter(
        upload_id=upload_id, protocol=protocol, expires_at__gt=Now()
    )
    return found.first()


def hold_upload(*, upload: Upload) -> Upload:
    """Lock an unfinished upload's row until the transaction ends; return it as it is.

    Storing a part, completing and aborting exclude each other by this. Raises
    NoSuchUpload, UploadCompleted.
    """
    rows = Upload.objects.select_for_update()
    return require_unfinished(rows.filter(pk=upload.pk).first())


def require_unfinished(upload: Upload | None) -> Upload:
    """Return the row if there is one to go on with.

    Raises NoSuchUpload, UploadCompleted.
    """
    if upload is None:
        raise NoSuchUpload(gettext_noop("The upload was aborted, or has expired."))
    if upload.completed_at is not None:
        raise UploadCompleted(
            gettext_noop(
                "The upload has become version %(version)s of its key: begin "
                "another one."
            ),
            version=upload.version_id,
        )
    return upload


def completion(
    *,
    bucket: BucketRow,
    upload: Upload,
    etag: str,
    size: int,
    conditions: Preconditions = ANYTHING,
) -> Change:
    """Return the change that makes an object of the parts that are in the upload.

    `etag` is their `composite_etag`, `size` their sum in bytes. The bucket is looked up
    as it is now. Raises NoSuchBucket.
    """
    content = Content(
        blob_id=None,
        sha256="",
        size=size,
        etag=etag,
        content_type=upload.content_type,
        headers=upload.headers,
        metadata=upload.metadata,
        tags=upload.tags,
        parts_of=upload.pk,
    )
    return changes.change(
        bucket=buckets.again(bucket),
        key=upload.key,
        operation=JournalEntry.Operation.PUT,
        what=content,
        conditions=conditions,
        detail=f"{upload.protocol} {upload.upload_id}",
    )


def composite_etag(digests: Sequence[str]) -> str:
    """Return the ETag of an object made of parts with these hexadecimal SHA-256.

    It is the SHA-256 over the parts' binary ones, then their number: like S3's, which
    are over MD5, it says by its hyphen that it is no digest of the whole.
    """
    joined = b"".join(map(bytes.fromhex, digests))
    return f"{hashlib.sha256(joined).hexdigest()}-{len(digests)}"


def abort_upload(*, upload: Upload) -> None:
    """Forget an unfinished upload and its parts. Raises NoSuchUpload, UploadCompleted.

    A part that is being stored meanwhile is then refused.
    """
    with transaction.atomic():
        hold_upload(upload=upload).delete()


def expire_uploads(*, stop: Callable[[], bool] = lambda: False) -> int:
    """Remove uploads whose time is over; return how many there were.

    One that a part is just being added to is left, for that gives it more time.
    """
    expired = 0
    while not stop():
        with transaction.atomic():
            due = Upload.objects.filter(expires_at__lte=Now()).order_by("expires_at")
            held = due.select_for_update(skip_locked=True)
            ids = list(held.values_list("pk", flat=True)[:_EXPIRED_BATCH])
            Upload.objects.filter(pk__in=ids).delete()
        expired += len(ids)
        if len(ids) < _EXPIRED_BATCH:
            break
    return expired


def expiry() -> CombinedExpression:
    """Return when an upload expires to which something has just been done."""
    return Now() + timedelta(seconds=settings.UPLOAD_EXPIRY_SECONDS)
