"""Uploads through tus 1.0: bytes appended at an offset, an object once all are there.

A body is cut into pieces, each stored, and committed with the new offset, before the
next one is read: what arrived stays when the line drops or the node dies, and any node
goes on. The last piece is committed together with the object that it completes, so an
upload whose bytes are all there is always an object.

Of two requests for one offset the transaction that comes first wins: the other finds
another offset than its own, and has written no row.
"""

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_noop

from objects_app.blobs.backend import backend
from objects_app.blobs.ingest import Expected, receive
from objects_app.errors import InvalidArgument, NoSuchUpload, OffsetMismatch
from objects_app.models import Upload, UploadPart
from objects_app.queries.rows import ANYTHING, Actor, BucketRow, Preconditions
from objects_app.services import objects, parts, quotas, uploads
from objects_app.services.tus_body import Body, Sent, too_large
from objects_app.services.tus_object import LastPiece, stored_conditions

PROTOCOL = Upload.Protocol.TUS
PIECE_BYTES = 16 * 1024 * 1024

_SAID = "upload_metadata"


def create_upload(
    *,
    bucket: BucketRow,
    key: str,
    length: int | None,
    description: objects.Description,
    said: str = "",
    conditions: Preconditions = ANYTHING,
    by: Actor,
) -> Upload:
    """Begin an upload of `length` bytes, None while nobody knows.

    `said` is kept to be told again (`what_was_said`). `conditions` are decided again
    when the object is made. Raises NoSuchBucket, QuotaExceeded.
    """
    if bucket.has_quota:
        quotas.require_room(bucket=bucket, key=key, size=length or 0)
    return uploads.create_upload(
        bucket=bucket,
        key=key,
        protocol=PROTOCOL,
        description=description,
        conditions={**stored_conditions(conditions), _SAID: said},
        length=length,
        by=by,
    )


def what_was_said(upload: Upload) -> str:
    """Return what the client said of the upload when it began, as it was sent."""
    said: str = upload.conditions[_SAID]
    return said


def append(
    *,
    upload: Upload,
    bucket: BucketRow,
    sent: Sent,
    length: int | None = None,
    by: Actor,
) -> Upload:
    """Add a body to an upload, whose `length` may become known with it.

    Returns the upload as it is then. What arrived of a body that breaks off is kept; of
    one with a checksum nothing, unless it is all there: it is one piece. Raises
    OffsetMismatch, ChecksumMismatch, IncompleteBody, BodyStalled, TooManyUploads,
    BodyTooLarge, InvalidArgument for another length than before, NoSuchUpload, and with
    the last bytes what a put raises: PreconditionFailed ends the upload, others
    (QuotaExceeded, StorageUnavailable) leave it as it was before them.
    """
    if sent.offset != upload.received:
        raise OffsetMismatch(upload.received)
    upload.length = _agreed_length(upload, length)
    most = settings.MAX_OBJECT_BYTES if upload.length is None else upload.length
    if (sent.declared or 0) > most - sent.offset:
        raise too_large(most)
    body = Body(sent)
    if upload.completed_at is None:
        _append(upload=upload, bucket=bucket, body=body, most=most, by=by)
    now = Upload.objects.filter(pk=upload.pk).first()
    if now is None:
        raise NoSuchUpload(gettext_noop("The upload was ended meanwhile."))
    if body.failure is not None:
        raise type(body.failure)(
            f"The body broke off. {now.received} bytes have arrived and are kept: "
            "ask for Upload-Offset with HEAD, and go on from there."
        )
    return now


def terminate(*, upload: Upload) -> None:
    """Forget an upload: what has arrived is given up, an object that it became stays.

    A piece that is being stored meanwhile is then refused.
    """
    with transaction.atomic():
        for held in Upload.objects.select_for_update().filter(pk=upload.pk):
            held.delete()


def _agreed_length(upload: Upload, length: int | None) -> int | None:
    """Return how long the upload is, kept from now on if it was not known before.

    One that ends where it is now is kept when the object is made: until then its bytes
    shall not seem to be all there.
    """
    if length is None or length == upload.length:
        return upload.length
    if upload.length is not None or length < upload.received:
        raise InvalidArgument(
            gettext_noop(
                "Upload-Length cannot be %(length)s: it was %(before)s before, and "
                "%(received)s bytes have arrived."
            ),
            length=length,
            before=upload.length,
            received=upload.received,
        )
    if length > upload.received:
        unknown = Upload.objects.filter(pk=upload.pk, length__isnull=True)
        if not unknown.update(length=length):
            raise InvalidArgument(
                gettext_noop("Upload-Length was given by another request.")
            )
    return length


def _append(
    *, upload: Upload, bucket: BucketRow, body: Body, most: int, by: Actor
) -> None:
    store = backend()
    rows = UploadPart.objects.filter(upload=upload).order_by("number")
    digests = list(rows.values_list("sha256", flat=True))
    offset, at_once = upload.received, PIECE_BYTES
    if body.checksum is not None:
        at_once = settings.MAX_UPLOAD_BYTES
    while not body.ended:
        limit = min(most - offset, at_once)
        with receive(
            body.piece(limit),
            length=None,
            limit=limit,
            expected=Expected(),
            spool_dir=store.spool_dir,
            part_bytes=store.part_bytes,
        ) as received:
            if body.checksum is not None or offset + received.size == most:
                body.require_end(offset + limit)
            body.check()
            digests += [received.sha256] if received.size or not digests else []
            if offset + received.size == upload.length:
                LastPiece(
                    store=store,
                    received=received,
                    upload=upload,
                    bucket=bucket,
                    offset=offset,
                    digests=digests,
                ).commit(by=by)
            elif received.size:
                parts.store_received(
                    store=store,
                    received=received,
                    upload=upload,
                    number=len(digests),
                    offset=offset,
                )
            offset += received.size
