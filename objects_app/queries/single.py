"""A commit of one claimed blob, and a delete, as one of the engine's changes."""

from objects_app.queries.changes import Change, Changed, Content, Failure, Refused
from objects_app.queries.rows import (
    Claim,
    Committed,
    Deleted,
    NewObject,
    Preconditions,
)


def put_change(
    *, claim: Claim, new: NewObject, conditions: Preconditions, limited: bool
) -> Change:
    """Return the change that a commit of one claimed blob is."""
    return Change(
        bucket_id=new.bucket_id,
        bucket_name=new.bucket_name,
        versioning=new.versioning,
        limited=limited,
        key=new.key,
        operation="put",
        what=Content(
            claim.id,
            new.sha256,
            new.size,
            new.etag,
            new.content_type,
            new.headers,
            new.metadata,
            new.tags,
        ),
        conditions=conditions,
    )


def committed(done: list[Changed] | Refused | None) -> Committed | None:
    """Return what became of the one change of a commit."""
    if isinstance(done, Refused):
        return Committed(None, None, False, done.exceeded and done.exceeded[1])
    return Committed(*done[0][:3]) if done else None


def removal_change(
    *, bucket_id: int, bucket_name: str, key: str, conditions: Preconditions
) -> Change:
    """Return the change that a delete is in a bucket without versions."""
    return Change(
        bucket_id=bucket_id,
        bucket_name=bucket_name,
        versioning="off",
        limited=False,
        key=key,
        operation="delete",
        what=None,
        conditions=conditions,
    )


def deleted(done: list[Changed] | Refused | None) -> Deleted | None:
    """Return what became of the one change of a delete."""
    if isinstance(done, Refused) and done.failures[0] is Failure.PRECONDITION:
        return Deleted(removed=False)
    return Deleted(removed=True) if isinstance(done, list) else None
