"""The versions of a bucket's keys, listed page by page."""

from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple

from django.db.models import Count, Q
from django.utils.translation import gettext_noop

from objects_app.errors import InvalidArgument
from objects_app.models import StoredObject
from objects_app.names import after_prefix
from objects_app.queries import history, reads
from objects_app.queries.rows import (
    BucketRow,
    ListedEntry,
    ListedVersion,
    Span,
)
from objects_app.services import cursors
from objects_app.services.listing import JUST_AFTER, PAGE_MAX, span_after

_KEYS_AT_ONCE = 128


class VersionsPage(NamedTuple):
    """Versions and common prefixes in order; `next_cursor` is None on the last page."""

    entries: list[ListedVersion]
    next_cursor: str | None


class Contents(NamedTuple):
    """How much there is in a bucket: objects, older versions, and delete markers."""

    objects: int
    older: int
    markers: int


class _Place(NamedTuple):
    """Where a page ended: with a prefix (then `created_at` is ""), or a version."""

    bucket: str
    key: str
    created_at: str


def list_versions(
    *,
    bucket: BucketRow,
    prefix: str = "",
    delimiter: str = "",
    cursor: str | None = None,
    limit: int = PAGE_MAX,
) -> VersionsPage:
    """List all versions by key, newest first, delete markers among them.

    Keys that share a part up to `delimiter` are one prefix. `limit` (1 to 1000) counts
    versions and prefixes. The cursor names a key and a time, not a row, so it survives
    inserts and deletes. Raises InvalidArgument for a foreign cursor.
    """
    wanted = limit + 1
    entries: list[ListedVersion] = []
    after = ""
    if cursor is not None:
        place, before = _read_cursor(cursor)
        if place.bucket != bucket.name:
            raise InvalidArgument(
                gettext_noop("The cursor belongs to a listing of another bucket.")
            )
        after = place.key if before else after_prefix(place.key)
        if before:
            entries = history.older_versions(
                bucket=bucket, key=place.key, before=before, limit=wanted
            )
    wanted -= len(entries)
    if wanted and delimiter:
        entries += _rolled_up(bucket, prefix, delimiter, after, wanted)
    elif wanted:
        span = span_after(prefix, after)
        entries += history.versions(bucket=bucket, span=span, limit=wanted)
    return _page(entries, limit)


def list_versions_of(
    *, bucket: BucketRow, key: str, cursor: str | None = None, limit: int = PAGE_MAX
) -> VersionsPage:
    """List the versions of one key, as `list_versions` does."""
    if cursor is None:
        span = Span(key, inclusive=True, end=key + JUST_AFTER)
        entries = history.versions(bucket=bucket, span=span, limit=limit + 1)
    else:
        place, before = _read_cursor(cursor)
        if before is None or (place.bucket, place.key) != (bucket.name, key):
            raise InvalidArgument(
                gettext_noop("The cursor belongs to a listing of another key.")
            )
        entries = history.older_versions(
            bucket=bucket, key=key, before=before, limit=limit + 1
        )
    return _page(entries, limit)


def contents(*, bucket: BucketRow, most: int) -> Contents | None:
    """Count what is in a bucket; None where that is more than `most` versions."""
    rows = StoredObject.objects.filter(bucket_id=bucket.id)
    counted = rows.values("pk", "is_latest", "is_delete_marker")[: most + 1].aggregate(
        every=Count("pk"),
        objects=Count("pk", filter=Q(is_latest=True, is_delete_marker=False)),
        markers=Count("pk", filter=Q(is_delete_marker=True)),
    )
    every, objects, markers = (
        counted[name] for name in ("every", "objects", "markers")
    )
    if every > most:
        return None
    return Contents(objects, every - objects - markers, markers)


def _page(entries: list[ListedVersion], limit: int) -> VersionsPage:
    if len(entries) <= limit:
        return VersionsPage(entries, None)
    return VersionsPage(entries[:limit], _cursor_after(entries[limit - 1].entry))


def _rolled_up(
    bucket: BucketRow, prefix: str, delimiter: str, after: str, wanted: int
) -> list[ListedVersion]:
    """Collect prefixes by loose scans of the keys, which jump over what is under them,
    and the versions of the keys between them by range scans."""
    entries: list[ListedVersion] = []
    while len(entries) < wanted:
        size = min(wanted - len(entries), _KEYS_AT_ONCE)
        keys = reads.loose_scan(
            bucket=bucket,
            prefix=prefix,
            delimiter=delimiter,
            span=span_after(prefix, after),
            limit=size,
            view=history.EVERY_KEY,
        )
        for are_prefixes, run in groupby(keys, key=lambda entry: entry.is_prefix):
            found = list(run)
            if are_prefixes:
                entries += map(ListedVersion, found)
            elif len(entries) < wanted:
                end = found[-1].key + JUST_AFTER
                entries += history.versions(
                    bucket=bucket,
                    span=Span(found[0].key, inclusive=True, end=end),
                    limit=wanted - len(entries),
                )
        if len(keys) < size:
            break
        last = keys[-1]
        after = after_prefix(last.key) if last.is_prefix else last.key
    return entries[:wanted]


def _cursor_after(entry: ListedEntry) -> str:
    moment = "" if entry.is_prefix else entry.created_at.isoformat()
    return cursors.encode(_Place(entry.bucket, entry.key, moment))


def _read_cursor(cursor: str) -> tuple[_Place, datetime | None]:
    place = _Place._make(cursors.decode(cursor, str, str, str))
    try:
        if not place.created_at:
            return place, None
        return place, datetime.fromisoformat(place.created_at).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidArgument(cursors.FOREIGN) from error
