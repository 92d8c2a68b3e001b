"""The only gate. It takes a caller and a name and hands out the row, or raises.

A row in your hand proves the permission: nothing above the services fetches one by
itself.

Owners may do everything with their buckets. ANONYMOUS_ACCESS says what callers without
credentials may do with the buckets that have no owner; unset, it is `write` for callers
on this very machine in local mode, and `none` for everybody else.
"""

from enum import Enum
from typing import Literal, NoReturn

from django.conf import settings

from objects_app.access.principals import Principal
from objects_app.errors import CredentialsRequired, NoSuchBucket, NoSuchKey
from objects_app.names import check_bucket_name
from objects_app.queries import reads
from objects_app.queries.rows import BucketRow, ObjectRow, Scope
from objects_app.services.buckets import NewBucket


class Action(Enum):
    """What may be done with a bucket and its objects."""

    READ = "read"
    WRITE = "write"
    OWN = "own"


def bucket_for(principal: Principal, name: str, action: Action) -> BucketRow:
    """Return the bucket if the caller may do this with it.

    Raises InvalidBucketName, CredentialsRequired, NoSuchBucket.
    """
    _refuse_strangers(principal, action)
    row = reads.find_bucket(check_bucket_name(name))
    if row is None or not _allowed(principal, row, action):
        _refuse_bucket(principal, name, row)
    return row


def bucket_for_put(principal: Principal, name: str) -> BucketRow | NewBucket:
    """Return the bucket to write to, or leave to create it if there is none.

    Raises InvalidBucketName, CredentialsRequired, NoSuchBucket.
    """
    _refuse_strangers(principal, Action.WRITE)
    row = reads.find_bucket(check_bucket_name(name))
    if row is None:
        return new_bucket(principal, name)
    if not _allowed(principal, row, Action.WRITE):
        _refuse_bucket(principal, name, row)
    return row


def object_for_put(
    principal: Principal, bucket: str, key: str
) -> tuple[BucketRow | NewBucket, ObjectRow | None]:
    """As `bucket_for_put`, with the present object, for a conditional write."""
    _refuse_strangers(principal, Action.WRITE)
    found = reads.find_object(check_bucket_name(bucket), key)
    if found is None:
        return new_bucket(principal, bucket), None
    if not _allowed(principal, found[0], Action.WRITE):
        _refuse_bucket(principal, bucket, found[0])
    return found


def object_for(
    principal: Principal, bucket: str, key: str
) -> tuple[BucketRow, ObjectRow]:
    """Return a bucket and its object for reading, fetched in one statement.

    Raises InvalidBucketName, CredentialsRequired, NoSuchBucket, NoSuchKey.
    """
    _refuse_strangers(principal, Action.READ)
    found = reads.find_object(check_bucket_name(bucket), key)
    if found is None:
        _refuse_bucket(principal, bucket, None)
    row, stored = found
    if not _allowed(principal, row, Action.READ):
        _refuse_bucket(principal, bucket, row)
    if stored is None:
        raise NoSuchKey(
            f"There is no object of that key in bucket {bucket}: list the bucket with "
            f"GET /objects?bucket={bucket}."
        )
    return row, stored


def new_bucket(principal: Principal, name: str) -> NewBucket:
    """Return the leave to create a bucket of that name.

    Raises CredentialsRequired, InvalidBucketName.
    """
    _refuse_strangers(principal, Action.WRITE)
    return NewBucket(name=check_bucket_name(name), owner_id=principal.user_id)


def readable(principal: Principal) -> Scope:
    """Return which buckets the caller may read. Raises CredentialsRequired."""
    _refuse_strangers(principal, Action.READ)
    return Scope(owner_id=principal.user_id)


def anonymous_access(principal: Principal) -> Literal["none", "read", "write"]:
    """Return what a caller without credentials may do with buckets nobody owns."""
    chosen: Literal["none", "read", "write"] | None = settings.ANONYMOUS_ACCESS
    if chosen is not None:
        return chosen
    return "write" if settings.LOCAL_MODE and principal.on_this_machine else "none"


def _allowed(principal: Principal, bucket: BucketRow, action: Action) -> bool:
    if principal.user_id is not None:
        return bucket.owner_id == principal.user_id
    return bucket.owner_id is None and _anonymous_may(principal, action)


def _anonymous_may(principal: Principal, action: Action) -> bool:
    access = anonymous_access(principal)
    return access == "write" or (access == "read" and action is Action.READ)


def _refuse_strangers(principal: Principal, action: Action) -> None:
    """Refuse before any look-up whoever could not be allowed anything like this."""
    if principal.user_id is None and not _anonymous_may(principal, action):
        _require_credentials()


def _refuse_bucket(principal: Principal, name: str, row: BucketRow | None) -> NoReturn:
    if row is not None and principal.user_id is None:
        _require_credentials()
    raise NoSuchBucket(f"There is no bucket {name}, or you may not know of it.")


def _require_credentials() -> NoReturn:
    raise CredentialsRequired(
        "Callers without credentials may not do this here. On the machine itself, use "
        "http://localhost; elsewhere the server's ANONYMOUS_ACCESS decides."
    )
