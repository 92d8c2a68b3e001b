"""The journal as a record of who did what: written, and read back."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Q, QuerySet, Subquery

from objects_app.models import JournalEntry
from objects_app.names import is_storable, prefix_end
from objects_app.queries.rows import Actor, BucketRow

if TYPE_CHECKING:
    from objects_app.services.buckets import NewBucket

PAGE = 100
_MOST_CHARACTERS = 1000
_EXPORT_PAGE = 1000
_LOOKED_AT = 10_000


class Filter(NamedTuple):
    """Which entries are wanted; None or empty: whatever they have there.

    `bucket_id` is for who may know of this bucket, but not of others that had its name.
    """

    actor: str | None = None
    key_id: str | None = None
    address: str | None = None
    bucket: str | None = None
    bucket_id: int | None = None
    prefix: str | None = None
    operation: list[str] | None = None
    since: datetime | None = None
    until: datetime | None = None


class Page(NamedTuple):
    """Some entries, newest first. `next` is what to go on after, None at the end.

    `reached`: how far back was looked, where that is not the last entry's time: among
    many that were not wanted there are pages with few entries, or none.
    """

    entries: list[JournalEntry]
    next: int | None
    reached: datetime | None


def record(
    *,
    operation: JournalEntry.Operation,
    by: Actor,
    bucket: "BucketRow | NewBucket | None" = None,
    key: str = "",
    version_id: str = "",
    detail: str = "",
) -> None:
    """Write one entry. Call it in the transaction of the change it tells of."""
    JournalEntry.objects.create(
        bucket_id=bucket.id if isinstance(bucket, BucketRow) else 0,
        bucket_name=bucket.name if bucket else "",
        key=key,
        version_id=version_id,
        operation=operation,
        detail=detail.replace("\0", "")[:_MOST_CHARACTERS],
        **by.columns(),
    )


def page(*, wanted: Filter, after: int | None = None, limit: int = PAGE) -> Page:
    """Return the newest entries that are wanted, of those after entry `after`.

    Of what the index that reaches furthest back finds, so many are looked at that it
    takes no more than some hundredths of a second; `next` goes on from there.
    """
    if not is_storable("".join(filter(None, (*wanted[:4], wanted.prefix)))):
        return Page([], None, None)
    indexed, rest = _conditions(wanted)
    found = _between(wanted).order_by("-created_at", "-id")
    if after is not None:
        time = _time_of(after)
        found = found.filter(created_at__lte=time)
        found = found.exclude(created_at=time, id__gte=after)
    edge = _edge(found, indexed) if rest or len(indexed) > 1 else None
    if edge is not None:
        # The planner takes a number for what it is, and a subquery for a third of all.
        found = found.filter(created_at__gte=edge.created_at - timedelta(seconds=1))
        time = _time_of(edge.id)
        found = found.filter(created_at__gte=time)
        found = found.exclude(created_at=time, id__lt=edge.id)
    rows = list(found.filter(*indexed, rest)[: limit + 1])
    if len(rows) > limit:
        return Page(rows[:limit], rows[limit - 1].id, None)
    if edge is not None:
        return Page(rows, edge.id, edge.created_at)
    return Page(rows, None, None)


def entries(*, wanted: Filter, limit: int) -> Iterator[JournalEntry]:
    """Return the newest `limit` entries that are wanted, newest first, in little
    memory."""
    after: int | None = None
    while limit > 0:
        got = page(wanted=wanted, after=after, limit=min(limit, _EXPORT_PAGE))
        yield from got.entries
        limit -= len(got.entries)
        after = got.next
        if after is None:
            return


def _between(wanted: Filter) -> QuerySet[JournalEntry]:
    found = JournalEntry.objects.all()
    if wanted.since:
        found = found.filter(created_at__gte=wanted.since)
    if wanted.until:
        found = found.filter(created_at__lt=wanted.until)
    return found


def _conditions(wanted: Filter) -> tuple[list[Q], Q]:
    """Return what has an index in order of time, and what is left to be looked at.

    `put` has none, as most entries are of it.
    """
    operations = wanted.operation or []
    seldom = len(operations) == 1 and operations != [JournalEntry.Operation.PUT]
    named = {
        "key_id": wanted.key_id,
        "operation": operations[0] if seldom else None,
        "actor": wanted.actor,
        "bucket_name": wanted.bucket,
    }
    indexed = [Q((column, value)) for column, value in named.items() if value]
    rest = Q()
    if wanted.address:
        rest &= Q(address=wanted.address)
    if wanted.bucket_id is not None:
        rest &= Q(bucket_id=wanted.bucket_id)
    if operations and not seldom:
        rest &= Q(operation__in=operations)
    if wanted.prefix:
        rest &= Q(key__gte=wanted.prefix)
        end = prefix_end(wanted.prefix)
        rest &= Q(key__lt=end) if end is not None else Q()
    return indexed, rest


def _edge(found: QuerySet[JournalEntry], indexed: list[Q]) -> JournalEntry | None:
    """Return the last entry that is looked at, by the index that reaches furthest back;
    None when one of them has not so many."""
    edges = []
    for condition in indexed or [Q()]:
        places = found.filter(condition).only("id", "created_at")
        edge = places[_LOOKED_AT - 1 : _LOOKED_AT].first()
        if edge is None:
            return None
        edges.append(edge)
    return min(edges, key=lambda edge: (edge.created_at, edge.id))


def _time_of(entry: int) -> Subquery:
    """Return an entry's time, for comparing as the database has it."""
    return Subquery(JournalEntry.objects.filter(pk=entry).values("created_at"))
