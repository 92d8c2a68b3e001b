"""Unfinished uploads by key, and the parts of one, page by page."""

import base64
import binascii
from collections.abc import Collection
from typing import NamedTuple

from django.db.models import Q, Sum
from django.db.models.functions import Now
from django.utils.translation import gettext_noop

from objects_app.errors import InvalidArgument
from objects_app.models import Upload, UploadPart
from objects_app.names import prefix_end
from objects_app.queries.rows import BucketRow

PAGE_MAX = 1000
_ID_CHARACTERS = 32
_MOST_DIGITS = 9


class UploadPage(NamedTuple):
    """Uploads in order; `next_cursor` is None on the last page."""

    entries: list[Upload]
    next_cursor: str | None


class PartPage(NamedTuple):
    """Parts in order; `next_cursor` is None on the last page."""

    entries: list[UploadPart]
    next_cursor: str | None


def list_uploads(
    *,
    bucket: BucketRow,
    protocols: Collection[Upload.Protocol],
    prefix: str = "",
    cursor: str | None = None,
    limit: int = PAGE_MAX,
) -> UploadPage:
    """Return those through these doors whose key has the prefix, `limit` at most.

    Raises InvalidArgument for a foreign cursor.
    """
    rows = Upload.objects.filter(
        bucket_id=bucket.id,
        protocol__in=protocols,
        completed_at__isnull=True,
        expires_at__gt=Now(),
        key__gte=prefix,
    )
    if (end := prefix_end(prefix)) is not None:
        rows = rows.filter(key__lt=end)
    if cursor is not None:
        key, upload_id = _decode(cursor)
        beside = Q(key=key, upload_id__gt=upload_id)
        rows = rows.filter(beside | Q(key__gt=key), key__gte=key)
    found = list(rows.order_by("key", "upload_id")[: limit + 1])
    more = len(found) > limit
    return UploadPage(found[:limit], _encode(found[limit - 1]) if more else None)


def arrived(uploads: Collection[Upload]) -> dict[str, int]:
    """Return how many bytes of each upload are here, by its id."""
    multipart = [one for one in uploads if one.protocol == Upload.Protocol.MULTIPART]
    parts = UploadPart.objects.filter(upload__in=multipart).values("upload_id")
    sums = dict(parts.values_list("upload_id", Sum("size")))
    return {one.upload_id: one.received + sums.get(one.pk, 0) for one in uploads}


def list_parts(
    *, upload: Upload, cursor: str | None = None, limit: int = PAGE_MAX
) -> PartPage:
    """Return the parts that are there, `limit` at most.

    Raises InvalidArgument for a foreign cursor.
    """
    rows = UploadPart.objects.filter(upload_id=upload.pk)
    if cursor is not None:
        number = cursor.isascii() and cursor.isdecimal() and len(cursor) <= _MOST_DIGITS
        if not number:
            raise _foreign_cursor()
        rows = rows.filter(number__gt=int(cursor))
    found = list(rows.order_by("number")[: limit + 1])
    more = len(found) > limit
    return PartPage(found[:limit], str(found[limit - 1].number) if more else None)


def _encode(last: Upload) -> str:
    place = f"{last.upload_id}{last.key}"
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _decode(cursor: str) -> tuple[str, str]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        place = base64.urlsafe_b64decode(padded).decode()
    except (binascii.Error, ValueError) as error:
        raise _foreign_cursor() from error
    if len(place) <= _ID_CHARACTERS or "\0" in place:
        raise _foreign_cursor()
    return place[_ID_CHARACTERS:], place[:_ID_CHARACTERS]


def _foreign_cursor() -> InvalidArgument:
    return InvalidArgument(
        gettext_noop("The cursor is not one of ours: pass next_cursor back unchanged.")
    )
