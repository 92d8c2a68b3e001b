"""A commit of one claimed blob, as one of the engine's changes."""

from objects_app.queries.changes import Change, Changed, Content, Refused
from objects_app.queries.rows import Claim, Committed, NewObject, Preconditions


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
