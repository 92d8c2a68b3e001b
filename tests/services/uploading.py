"""Multipart uploads as the doors make them, with what every call needs filled in."""

import io

from objects_app.blobs.backend import backend
from objects_app.blobs.ingest import Expected, receive
from objects_app.models import Upload, UploadPart
from objects_app.queries import reads
from objects_app.queries.rows import ANYTHING, BucketRow, ObjectRow, Preconditions
from objects_app.services import multipart, parts, uploads
from objects_app.services.multipart import CompletedUpload, Listed
from objects_app.services.objects import Description
from objects_app.services.parts import StoredPart
from tests.services.store import ACTOR, Store

DESCRIPTION = Description("text/plain", {}, {"who": "me"}, {"project": "x"})


def begin(store: Store, key: str = "a", *, bucket: BucketRow | None = None) -> Upload:
    """Begin an upload in the bucket `test`, unless told."""
    created = multipart.create_upload(
        bucket=bucket or store.bucket(),
        key=key,
        description=DESCRIPTION,
        by=ACTOR,
    )
    return found(created)


def found(upload: Upload) -> Upload:
    """Return it as a request finds it."""
    row = uploads.find_upload(upload_id=upload.upload_id, protocol=multipart.PROTOCOL)
    assert row is not None
    return row


def put(upload: Upload, number: int, body: bytes) -> StoredPart:
    """Put a part."""
    return multipart.put_part(
        bucket=bucket_of(upload),
        upload=upload,
        number=number,
        stream=io.BytesIO(body),
        length=len(body),
        expected=Expected(),
    )


def append(
    upload: Upload, number: int, body: bytes, *, offset: int | None = None
) -> StoredPart:
    """Store a part at an offset, as no multipart upload does."""
    with receive(
        io.BytesIO(body),
        length=len(body),
        limit=len(body),
        expected=Expected(),
        spool_dir=backend().spool_dir,
    ) as received:
        return parts.store_received(
            store=backend(),
            received=received,
            upload=upload,
            number=number,
            offset=offset,
        )


def listed(upload: Upload) -> list[Listed]:
    """Return all parts that are there, as a client lists them."""
    rows = UploadPart.objects.filter(upload=upload).order_by("number")
    return [Listed(row.number, row.sha256) for row in rows]


def complete(
    upload: Upload,
    chosen: list[Listed] | None = None,
    *,
    conditions: Preconditions = ANYTHING,
) -> CompletedUpload:
    """Complete with the given parts, or with all."""
    return multipart.complete_upload(
        bucket=bucket_of(upload),
        upload=upload,
        listed=listed(upload) if chosen is None else chosen,
        conditions=conditions,
        by=ACTOR,
    )


def upload_whole(store: Store, key: str, *bodies: bytes) -> CompletedUpload:
    """Make an object of these parts."""
    upload = begin(store, key)
    for number, body in enumerate(bodies, start=1):
        put(upload, number, body)
    return complete(upload)


def look_up(key: str = "a", *, bucket: str = "test") -> ObjectRow:
    """Return the row that a reader gets."""
    both = reads.find_object(bucket, key)
    assert both is not None
    assert both[1] is not None
    return both[1]


def bucket_of(upload: Upload) -> BucketRow:
    """Return the bucket as the gate does."""
    row = reads.find_bucket(upload.bucket.name)
    assert row is not None
    return row
