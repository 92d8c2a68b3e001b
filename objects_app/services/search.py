"""Finding objects by what their keys and descriptions hold, page by page."""

import hashlib
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from django.conf import settings
from django.utils.translation import gettext_noop

from objects_app.errors import InvalidArgument, SearchTooBroad
from objects_app.names import prefix_end
from objects_app.queries import reads, search
from objects_app.queries.rows import BucketRow, Scope, Span
from objects_app.queries.search import Found, Order, Place, Reach, Search
from objects_app.queries.search_conditions import Wanted
from objects_app.services import cursors

LONGEST_SECONDS = 5.0
_FIRST_LOOK_KEYS = 5_000
_MANY = 30_000
_MOST_WALKS = 100
_NO_SIZE = 2**63


class Page(NamedTuple):
    """Objects in order; `next_cursor` is None on the last page."""

    objects: list[Found]
    next_cursor: str | None


def reach_of_bucket(*, bucket: BucketRow, prefix: str) -> list[Reach]:
    """Return the keys of that prefix of one bucket."""
    return [_reach(bucket.id, bucket.name, prefix)]


def reach_of_caller(*, readable: Scope, prefix: str, bucket: str = "") -> list[Reach]:
    """Return the keys of that prefix that the caller may read, in order.

    In whole buckets and in parts that were granted; of one bucket, if it is named.
    """
    if bucket:
        if readable.only_bucket not in {"", bucket}:
            return []
        readable = readable._replace(only_bucket=bucket)
    parts = [(row.id, row.name, "") for row in reads.buckets(scope=readable)]
    if readable.user_id is not None and not readable.everything:
        parts += reads.granted_prefixes(scope=readable)
    within = _both(prefix, readable.only_prefix)
    if within is None:
        return []
    reaches: list[Reach] = []
    for id_, name, part in sorted(parts, key=lambda found: found[1:]):
        wanted = _both(part, within)
        last = reaches[-1] if reaches else None
        if wanted is None or (last is not None and _covers(last, id_, wanted)):
            continue
        reaches.append(_reach(id_, name, wanted))
    return reaches


def find(
    *,
    wanted: Wanted,
    reaches: list[Reach],
    order: Order,
    query: str,
    cursor: str | None = None,
    limit: int,
) -> Page:
    """Return a page of what is wanted of the keys that the caller may read.

    `query` tells this search from others, whose cursors are no good here. A cursor
    names a place in the order, not a row, so it survives inserts and deletes. Raises
    InvalidArgument for a foreign one, SearchTooBroad for what takes over 5 seconds.
    """
    name = hashlib.sha256(query.encode()).hexdigest()[:16]
    after = _read_cursor(cursor, name, order) if cursor is not None else None
    if wanted.glob is not None:
        reaches = _narrowed(reaches, wanted.glob.literals()[0])
    if order.descending:
        reaches = reaches[::-1]
    if order.by == "key" and after is not None:
        reaches = _behind(reaches, after, order)
    try:
        with search.limited(LONGEST_SECONDS):
            found = _find(Search(wanted, reaches, order, after, limit + 1))
    except TimeoutError:
        raise SearchTooBroad(
            gettext_noop(
                "This search takes more than %(seconds).0f s: name a bucket, a "
                "prefix, or more of the key."
            ),
            seconds=LONGEST_SECONDS,
        ) from None
    if len(found) <= limit:
        return Page(found, None)
    return Page(found[:limit], _cursor(name, order, found[limit - 1]))


def _find(asked: Search) -> list[Found]:
    """Look through some keys, then go the better way for what is expected."""
    if not asked.reaches:
        return []
    found = search.look_through(asked, most=_FIRST_LOOK_KEYS)
    if found is not None:
        return found
    is_in_order = asked.order.by == "key" or settings.SEARCH_INDEX
    if search.expected(asked.wanted) <= _MANY:
        if settings.SEARCH_INDEX and asked.wanted.is_indexed:
            return search.by_index(asked)
    elif is_in_order and len(asked.reaches) <= _MOST_WALKS:
        return _walk(asked)
    return search.sort_out(asked)


def _walk(asked: Search) -> list[Found]:
    deadline = time.monotonic() + LONGEST_SECONDS
    found: list[Found] = []
    for page in search.walk(asked):
        found = page
        if time.monotonic() > deadline:
            raise TimeoutError
    return found


def _both(one: str, other: str) -> str | None:
    """Return the prefix of the keys that have both; None if none can."""
    shorter, longer = sorted((one, other), key=len)
    return longer if longer.startswith(shorter) else None


def _covers(reach: Reach, bucket_id: int, prefix: str) -> bool:
    """Whether keys of that prefix are among those: prefixes come in their order."""
    return reach.bucket_id == bucket_id and prefix.startswith(reach.span.after)


def _reach(bucket_id: int, bucket: str, prefix: str) -> Reach:
    span = Span(prefix, inclusive=True, end=prefix_end(prefix))
    return Reach(bucket_id, bucket, span)


def _narrowed(reaches: Iterable[Reach], prefix: str) -> list[Reach]:
    """Return those of the keys that begin so."""
    narrowed = []
    for reach in reaches:
        span, part = reach.span, Span(prefix, True, prefix_end(prefix))
        first = max(span.after, part.after)
        ends = [end for end in (span.end, part.end) if end is not None]
        end = min(ends, default=None)
        if end is None or first < end:
            narrowed.append(reach._replace(span=Span(first, True, end)))
    return narrowed


def _behind(reaches: list[Reach], after: Place, order: Order) -> list[Reach]:
    """Return what follows a place in the order of keys."""
    following = []
    for reach in reaches:
        span = reach.span
        if reach.bucket == after.bucket:
            if order.descending and (span.end is None or span.end > after.key):
                span = span._replace(end=after.key)
            elif not order.descending and span.after <= after.key:
                span = Span(after.key, inclusive=False, end=span.end)
        elif (reach.bucket < after.bucket) is not order.descending:
            continue
        if span.end is None or span.after < span.end:
            following.append(reach._replace(span=span))
    return following


def _cursor(query: str, order: Order, last: Found) -> str:
    value: int | str = ""
    if order.by == "size":
        value = last.entry.size
    elif order.by == "created_at":
        value = last.entry.created_at.isoformat()
    return cursors.encode([query, str(value), last.entry.bucket, last.entry.key])


def _read_cursor(cursor: str, query: str, order: Order) -> Place:
    its_query, text, bucket, key = map(str, cursors.decode(cursor, *[str] * 4))
    if its_query != query:
        raise InvalidArgument(gettext_noop("The cursor belongs to another search."))
    value: int | datetime | None = None
    try:
        if order.by == "size":
            value = int(text)
            if not 0 <= value < _NO_SIZE:
                raise ValueError
        elif order.by == "created_at":
            value = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidArgument(cursors.FOREIGN) from error
    return Place(value, bucket, key)
