"""The journal as a record of who did what: written, and read back."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import QuerySet

from objects_app.models import JournalEntry
from objects_app.names import prefix_end
from objects_app.queries.rows import Actor, BucketRow

if TYPE_CHECKING:
    from objects_app.services.buckets import NewBucket

_MOST_CHARACTERS = 1000


class Filter(NamedTuple):
    """Which entries are wanted; None or empty: whatever they have there."""

    actor: str | None = None
    key_id: str | None = None
    address: str | None = None
    bucket: str | None = None
    prefix: str | None = None
    operation: list[str] | None = None
    since: datetime | None = None
    until: datetime | None = None


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


def entries(*, wanted: Filter, limit: int) -> Iterator[JournalEntry]:
    """Return the newest `limit` entries that are wanted, newest first."""
    found = JournalEntry.objects.order_by("-id")
    equal = {
        "actor": wanted.actor,
        "key_id": wanted.key_id,
        "address": wanted.address,
        "bucket_name": wanted.bucket,
    }
    found = found.filter(**{name: value for name, value in equal.items() if value})
    if wanted.prefix:
        found = _with_prefix(found, wanted.prefix)
    if wanted.operation:
        found = found.filter(operation__in=wanted.operation)
    if wanted.since:
        found = found.filter(created_at__gte=wanted.since)
    if wanted.until:
        found = found.filter(created_at__lt=wanted.until)
    return found[:limit].iterator()


def _with_prefix(found: QuerySet[JournalEntry], prefix: str) -> QuerySet[JournalEntry]:
    end = prefix_end(prefix)
    found = found.filter(key__gte=prefix)
    return found if end is None else found.filter(key__lt=end)
