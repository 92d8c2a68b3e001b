"""Listings: keys and common prefixes in byte order, page by page."""

from datetime import datetime
from typing import NamedTuple

from django.utils.translation import gettext_noop

from objects_app.errors import InvalidArgument
from objects_app.names import after_prefix, prefix_end
from objects_app.queries import history, reads
from objects_app.queries.reads import View
from objects_app.queries.rows import BucketRow, ListedEntry, Scope, Span
from objects_app.services import buckets, cursors

PAGE_MAX = 1000
_FIRST_BATCH = 128
_BUCKET_BATCH = 100
_MOST_LOOKED_AT = 5000
JUST_AFTER = "\1"  # between a key and that with this behind it there is no other


class Page(NamedTuple):
    """Objects and common prefixes in order; `next_cursor` is None on the last page."""

    entries: list[ListedEntry]
    next_cursor: str | None


class _Place(NamedTuple):
    """Where a page ended: everything up to this entry has been listed."""

    bucket: str
    key: str
    is_prefix: bool

    @property
    def bound(self) -> str:
        return after_prefix(self.key) if self.is_prefix else self.key


def list_bucket(
    *,
    bucket: BucketRow,
    prefix: str = "",
    delimiter: str = "",
    start_after: str = "",
    cursor: str | None = None,
    limit: int = PAGE_MAX,
    at: datetime | None = None,
) -> Page:
    """List one bucket, keys sharing a part up to `delimiter` rolled into one prefix.

    `limit` (1 to 1000) counts objects and prefixes. The cursor names a key, not a row,
    so it survives inserts and deletes. `at` lists the bucket as it was at that moment;
    such a page may have fewer entries, even none, and a cursor all the same. Raises
    InvalidArgument for a foreign cursor, NotVersioned for a moment before
    there were versions.
    """
    if at is not None:
        buckets.require_past(bucket=bucket, moment=at)
    if cursor is not None:
        place = _place(cursor)
        if place.bucket != bucket.name:
            raise InvalidArgument(
                gettext_noop("The cursor belongs to a listing of another bucket.")
            )
        start_after = max(start_after, place.bound)
    view = reads.TODAY if at is None else history.at(at)
    if at is None or delimiter:
        entries = _entries(bucket, prefix, delimiter, start_after, limit + 1, view=view)
        return _page(entries, limit)
    return _past_page(bucket, span_after(prefix, start_after), limit, view)


def _past_page(bucket: BucketRow, span: Span, limit: int, view: View) -> Page:
    """List the past of the next keys only: a million that came later would take longer
    to pass over than a request may last."""
    last = history.key_after(bucket=bucket, span=span, keys=_MOST_LOOKED_AT)
    if last is not None:
        span = span._replace(end=last + JUST_AFTER)
    entries = reads.key_range(bucket=bucket, span=span, limit=limit + 1, view=view)
    if last is None or len(entries) > limit:
        return _page(entries, limit)
    return Page(entries, cursors.encode(_Place(bucket.name, last, False)))


def list_everything(
    *,
    readable: Scope,
    prefix: str = "",
    cursor: str | None = None,
    limit: int = PAGE_MAX,
) -> Page:
    """List all objects of the caller's buckets, ordered by (bucket, key)."""
    place = _place(cursor) if cursor is not None else _Place("", "", False)
    entries: list[ListedEntry] = []
    first = place.bucket
    while len(entries) <= limit:
        buckets = reads.buckets_with_keys(
            scope=readable,
            first=first,
            span=span_after(prefix, ""),
            limit=_BUCKET_BATCH,
        )
        for bucket in buckets:
            after = place.bound if bucket.name == place.bucket else ""
            wanted = limit + 1 - len(entries)
            entries += _entries(bucket, prefix, "", after, wanted)
            if len(entries) > limit:
                break
        if len(buckets) < _BUCKET_BATCH:
            break
        first = buckets[-1].name + "!"  # sorts before every character of a name
    return _page(entries, limit)


def _page(entries: list[ListedEntry], limit: int) -> Page:
    if len(entries) <= limit:
        return Page(entries, None)
    last = entries[limit - 1]
    place = _Place(last.bucket, last.key, last.is_prefix)
    return Page(entries[:limit], cursors.encode(place))


def _place(cursor: str) -> _Place:
    return _Place._make(cursors.decode(cursor, str, str, bool))


def span_after(prefix: str, after: str) -> Span:
    """Return the keys with that prefix after `after`; "" is before every key."""
    if after < prefix or not after:
        return Span(prefix, inclusive=True, end=prefix_end(prefix))
    return Span(after, inclusive=False, end=prefix_end(prefix))


def _entries(
    bucket: BucketRow,
    prefix: str,
    delimiter: str,
    after: str,
    wanted: int,
    *,
    view: View = reads.TODAY,
) -> list[ListedEntry]:
    """Collect up to `wanted` entries, by range scans where keys are plain and by loose
    scans where prefixes swallow them; each batch's yield chooses the next one's way."""
    if not delimiter:
        return reads.key_range(
            bucket=bucket, span=span_after(prefix, after), limit=wanted, view=view
        )
    entries: list[ListedEntry] = []
    loose = False
    size = min(wanted, _FIRST_BATCH)
    while len(entries) < wanted:
        span = span_after(prefix, after)
        if loose:
            batch = reads.loose_scan(
                bucket=bucket,
                prefix=prefix,
                delimiter=delimiter,
                span=span,
                limit=size,
                view=view,
            )
            rolled = batch
        else:
            batch = reads.key_range(bucket=bucket, span=span, limit=size, view=view)
            rolled = _roll_up(batch, prefix, delimiter)
        entries += rolled
        if len(batch) < size:
            break
        after = _Place("", rolled[-1].key, rolled[-1].is_prefix).bound
        plain = sum(not entry.is_prefix for entry in rolled)
        loose = plain < size // 2
        size = wanted - len(entries)
    return entries[:wanted]


def _roll_up(
    batch: list[ListedEntry], prefix: str, delimiter: str
) -> list[ListedEntry]:
    rolled: list[ListedEntry] = []
    for entry in batch:
        end = entry.key.find(delimiter, len(prefix))
        if end < 0:
            rolled.append(entry)
            continue
        common = entry.key[: end + len(delimiter)]
        if not rolled or not rolled[-1].is_prefix or rolled[-1].key != common:
            rolled.append(ListedEntry.common_prefix(entry.bucket, common))
    return rolled
