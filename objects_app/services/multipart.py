"""Multipart uploads: parts in any order, then one object of the parts that are listed.

The rules are S3's: part numbers from 1 to 10,000, with gaps if one likes; parts that
are not listed at the end are dropped. Completing writes rows only.
"""

from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple

from django.conf import settings
from django.db.models import Sum
from django.utils.translation import gettext_noop

from objects_app.blobs.backend import backend
from objects_app.blobs.hashing import Readable
from objects_app.blobs.ingest import Expected, receive
from objects_app.errors import (
    BodyTooLarge,
    InvalidArgument,
    InvalidPart,
    InvalidPartOrder,
    PartTooSmall,
    PreconditionFailed,
)
from objects_app.models import Upload, UploadPart
from objects_app.queries.changes import Change, Changed, Mark
from objects_app.queries.rows import ANYTHING, Actor, BucketRow, Preconditions
from objects_app.services import buckets, changes, objects, parts, quotas, uploads
from objects_app.services.buckets import NewBucket
from objects_app.services.parts import StoredPart

PROTOCOL = Upload.Protocol.MULTIPART
MOST_PARTS = 10_000


class Listed(NamedTuple):
    """A part of the object to be, as the client knows it: hexadecimal SHA-256."""

    number: int
    sha256: str


class CompletedUpload(NamedTuple):
    """The object that the parts have become; `size` in bytes."""

    etag: str
    size: int
    parts: int
    done: Changed


def create_upload(
    *,
    bucket: BucketRow | NewBucket,
    key: str,
    description: objects.Description,
    by: Actor,
) -> Upload:
    """Begin an upload, making the bucket if it is a NewBucket.

    Raises BucketTaken, TooManyBuckets, NoSuchBucket; and QuotaExceeded where not even
    an empty object would fit.
    """
    row = buckets.ensure_bucket(bucket=bucket, by=by).row
    if row.has_quota:
        quotas.require_room(bucket=row, key=key, size=0)
    return uploads.create_upload(
        bucket=row,
        key=key,
        protocol=PROTOCOL,
        description=description,
        by=by,
    )


def put_part(
    *,
    bucket: BucketRow,
    upload: Upload,
    number: int,
    stream: Readable,
    length: int | None,
    limit: int | None = None,
    expected: Expected,
) -> StoredPart:
    """Store a body as one part, in place of an earlier one of that number.

    `length` is the declared one, None if unknown; `limit` the most there may be, where
    that is less than MAX_UPLOAD_BYTES; both in bytes. Raises InvalidArgument for a
    number outside 1 to 10,000, NoSuchUpload, UploadCompleted, DigestMismatch,
    IncompleteBody, BodyStalled, BodyTooLarge, QuotaExceeded, StorageUnavailable,
    StorageBusy; in each case the part is what it was before.
    """
    require_number(number)
    uploads.require_unfinished(upload)
    if bucket.has_quota:
        _require_room(bucket=bucket, upload=upload, number=number, size=length or 0)
    store = backend()
    most: int = settings.MAX_UPLOAD_BYTES
    with receive(
        stream,
        length=length,
        limit=most if limit is None else min(limit, most),
        expected=expected,
        spool_dir=store.spool_dir,
        part_bytes=store.part_bytes,
    ) as received:
        return parts.store_received(
            store=store, received=received, upload=upload, number=number
        )


def require_number(number: int) -> None:
    """Raise InvalidArgument for what is no part's number."""
    if not 1 <= number <= MOST_PARTS:
        raise InvalidArgument(
            gettext_noop("A part's number is from 1 to %(most)s."), most=MOST_PARTS
        )


def complete_upload(
    *,
    bucket: BucketRow,
    upload: Upload,
    listed: Sequence[Listed],
    conditions: Preconditions = ANYTHING,
    by: Actor,
) -> CompletedUpload:
    """Make the listed parts, in that order, the latest version of the upload's key.

    Parts after the last one listed are dropped. Raises InvalidArgument for no or too
    many parts, InvalidPartOrder, InvalidPart, PartTooSmall, BodyTooLarge,
    QuotaExceeded, PreconditionFailed, NoSuchUpload, UploadCompleted, NoSuchBucket,
    BytesMissing, StorageBusy; in each case the upload and the key are what they were.
    """
    _require_order(listed)
    uploads.require_unfinished(upload)
    completion = _Completion(bucket, upload, listed, conditions)
    try:
        [done] = changes.commit(
            prepare=completion.prepare, by=by, first=completion.check
        )
    except changes.ChangesRefused as refused:
        raise PreconditionFailed(
            gettext_noop(
                "The object is not in the state that the conditions ask for: read "
                "it again and decide anew. The upload is still there."
            )
        ) from refused
    return CompletedUpload(completion.etag, completion.size, len(listed), done)


class _Completion:
    """The two steps of completing: outside of the transaction, and first within it."""

    def __init__(
        self,
        bucket: BucketRow,
        upload: Upload,
        listed: Sequence[Listed],
        conditions: Preconditions,
    ) -> None:
        self.etag = ""
        self.size = 0
        self._bucket = bucket
        self._upload = upload
        self._listed = listed
        self._conditions = conditions

    def prepare(self) -> tuple[list[Change], list[Mark]]:
        """Return the change, if the parts that are there now may be an object."""
        try:
            self.size = _size(self._listed, _present(self._upload))
        except InvalidPart:  # as all are, once it is aborted or complete
            row = Upload.objects.filter(pk=self._upload.pk).first()
            uploads.require_unfinished(row)
            raise
        self.etag = uploads.composite_etag([part.sha256 for part in self._listed])
        change = uploads.completion(
            bucket=self._bucket,
            upload=self._upload,
            etag=self.etag,
            size=self.size,
            conditions=self._conditions,
        )
        return [change], []

    def check(self) -> None:
        """Look again under the upload's lock: now no part comes or goes any more."""
        uploads.hold_upload(upload=self._upload)
        present = _present(self._upload)
        _size(self._listed, present)
        unlisted = present.keys() - {part.number for part in self._listed}
        if unlisted:
            _drop(self._upload, unlisted)
        Upload.objects.filter(pk=self._upload.pk).update(expires_at=uploads.expiry())


def _require_room(*, bucket: BucketRow, upload: Upload, number: int, size: int) -> None:
    """Refuse before the body what would not fit with the parts that are there; the
    completion decides."""
    others = UploadPart.objects.filter(upload_id=upload.pk).exclude(number=number)
    present: int = others.aggregate(total=Sum("size", default=0))["total"]
    quotas.require_room(bucket=bucket, key=upload.key, size=present + size)


def _require_order(listed: Sequence[Listed]) -> None:
    if not 1 <= len(listed) <= MOST_PARTS:
        raise InvalidArgument(
            gettext_noop("List 1 to %(most)s parts; these are %(count)s."),
            most=MOST_PARTS,
            count=len(listed),
        )
    previous = 0
    for part in listed:
        require_number(part.number)
        if part.number != previous + 1:
            raise InvalidPartOrder(
                gettext_noop(
                    "Part %(number)s is listed after part %(previous)s: list every "
                    "part once, from 1 on, without a gap."
                ),
                number=part.number,
                previous=previous,
            )
        previous = part.number


def _present(upload: Upload) -> dict[int, StoredPart]:
    rows = UploadPart.objects.filter(upload_id=upload.pk)
    values = rows.values_list("number", "size", "sha256")
    return {part[0]: StoredPart._make(part) for part in values}


def _size(listed: Sequence[Listed], present: Mapping[int, StoredPart]) -> int:
    """Return how large the listed parts are together, if they may be an object."""
    chosen = [_part(part, present.get(part.number)) for part in listed]
    least: int = settings.MULTIPART_MIN_PART_BYTES
    for part in chosen[:-1]:
        if part.size < least:
            raise PartTooSmall(
                gettext_noop(
                    "Part %(number)s has %(size)s bytes; all but the last need "
                    "%(least)s or more."
                ),
                number=part.number,
                size=part.size,
                least=least,
            )
    size = sum(part.size for part in chosen)
    if size > settings.MAX_OBJECT_BYTES:
        raise BodyTooLarge(
            gettext_noop(
                "The parts have %(size)s bytes together; an object may have %(most)s."
            ),
            size=size,
            most=settings.MAX_OBJECT_BYTES,
        )
    return size


def _part(listed: Listed, present: StoredPart | None) -> StoredPart:
    if present is None:
        raise InvalidPart(
            gettext_noop("Part %(number)s was never uploaded."), number=listed.number
        )
    if present.sha256 != listed.sha256:
        raise InvalidPart(
            gettext_noop(
                "Part %(number)s has the SHA-256 %(present)s, not %(listed)s: it "
                "was replaced, or is not what you sent."
            ),
            number=listed.number,
            present=present.sha256,
            listed=listed.sha256,
        )
    return present


def _drop(upload: Upload, numbers: Set[int]) -> None:
    rows = UploadPart.objects.filter(upload_id=upload.pk).values_list("pk", "number")
    ids = [pk for pk, number in rows if number in numbers]
    UploadPart.objects.filter(pk__in=ids).delete()
