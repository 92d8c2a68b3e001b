"""Uploads that arrive in parts: begun, found, aborted, expired.

    (none) --create--> unfinished --complete--> completed --expire--> (none)
                            '-------- abort, expire ------------------^

An unfinished upload expires UPLOAD_EXPIRY_SECONDS after its last part came; completed,
its row tells for as long which version it became. Only rows are removed here: the bytes
of parts that nothing refers to any more are left to the sweep.
"""

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from objects_app.errors import NoSuchBucket, NoSuchUpload, UploadCompleted
from objects_app.models import Upload
from objects_app.queries.rows import Actor, BucketRow
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
    tags: dict[str, str],
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
            content_type=description.content_type,
            headers=description.headers,
            metadata=description.metadata,
            tags=tags,
            conditions=conditions or {},
            actor=by.label,
            length=length,
            expires_at=expiry(),
        )
    except IntegrityError as error:
        raise NoSuchBucket(f"Bucket {bucket.name} was deleted just now.") from error
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
    held = Upload.objects.select_for_update().filter(pk=upload.pk).first()
    if held is None:
        raise NoSuchUpload("The upload was aborted, or has expired.")
    if held.completed_at is not None:
        raise UploadCompleted(
            f"The upload has become version {held.version_id} of its key."
        )
    return held


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
