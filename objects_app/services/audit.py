"""Journal entries about access: logins, keys, grants, settings."""

from objects_app.models import JournalEntry
from objects_app.queries.rows import Actor, BucketRow


def record(
    *,
    operation: JournalEntry.Operation,
    by: Actor,
    bucket: BucketRow | None = None,
    detail: str = "",
) -> None:
    """Write one entry. Call it in the transaction of the change it tells of."""
    JournalEntry.objects.create(
        bucket_id=bucket.id if bucket else 0,
        bucket_name=bucket.name if bucket else "",
        operation=operation,
        detail=detail.replace("\0", "")[:1000],
        **by.columns(),
    )
