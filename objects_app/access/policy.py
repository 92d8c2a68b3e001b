"""The only gate. It takes a caller and a name and hands out the row, or raises.

A row in your hand proves the permission: nothing above the services fetches one by
itself. Who may do what:

- a superuser everything; an owner everything with the bucket;
- by a grant: a reader lists and gets, a writer also puts and deletes, an owner all;
- everybody: get from a public-read bucket, get and list from a public-list one, the
  present only: older versions are for who has a grant;
- by ANONYMOUS_ACCESS: everybody in the buckets that have no owner;
- an access key or a presigned URL never more than its own limits say.

Who is refused learns nothing: without credentials it is always CredentialsRequired; one
who may not even read cannot tell a bucket or object that is hidden from one that is not
there; only who may read is told that writing is what is missing (AccessDenied).
"""

from datetime import datetime
from enum import Enum
from typing import Literal, NoReturn

from django.conf import settings
from django.utils.translation import gettext_noop

from objects_app.access.principals import Principal
from objects_app.errors import (
    AccessDenied,
    BucketRequired,
    CredentialsRequired,
    DeleteMarker,
    NoSuchBucket,
    NoSuchKey,
    NoSuchUpload,
    NoSuchVersion,
    StoreError,
)
from objects_app.models import Bucket, Role, Upload
from objects_app.names import check_bucket_name
from objects_app.queries import history, reads
from objects_app.queries.rows import BucketRow, ObjectRow, Scope
from objects_app.queries.search import Reach
from objects_app.services import buckets, search, uploads
from objects_app.services.buckets import NewBucket

_READABLE = {Bucket.Visibility.PUBLIC_READ, Bucket.Visibility.PUBLIC_LIST}
_NOBODY = Scope()


class Action(Enum):
    """What may be done with a bucket and its objects."""

    READ = "read"
    LIST = "list"
    PAST = "past"
    WRITE = "write"
    OWN = "own"


_NEEDS = {
    Action.READ: Role.READER,
    Action.LIST: Role.READER,
    Action.PAST: Role.READER,
    Action.WRITE: Role.WRITER,
    Action.OWN: Role.OWNER,
}


def bucket_for(
    principal: Principal, name: str, action: Action, *, prefix: str = ""
) -> BucketRow:
    """Return the bucket if the caller may do this with its keys of that prefix.

    Raises InvalidBucketName, CredentialsRequired, NoSuchBucket, AccessDenied.
    """
    _refuse_strangers(principal, action)
    row = None
    if _within_limits(principal, check_bucket_name(name), prefix):
        row = reads.find_bucket(name, user_id=principal.user_id, prefix=prefix)
    return _allow(principal, name, row, action)


def bucket_for_put(principal: Principal, name: str, key: str) -> BucketRow | NewBucket:
    """Return the bucket to write the key to, or leave to create it if there is none.

    Raises InvalidBucketName, CredentialsRequired, NoSuchBucket, AccessDenied.
    """
    _refuse_strangers(principal, Action.WRITE)
    row = None
    if _within_limits(principal, check_bucket_name(name), key):
        row = reads.find_bucket(name, user_id=principal.user_id, prefix=key)
    return _allow_put(principal, name, row)


def object_for_put(
    principal: Principal, bucket: str, key: str
) -> tuple[BucketRow | NewBucket, ObjectRow | None]:
    """As `bucket_for_put`, with the present object, for a conditional write."""
    _refuse_strangers(principal, Action.WRITE)
    row, stored = _find_object(principal, bucket, key)
    return _allow_put(principal, bucket, row), stored


def object_for(
    principal: Principal,
    bucket: str,
    key: str,
    *,
    version: str | None = None,
    at: datetime | None = None,
) -> tuple[BucketRow, ObjectRow]:
    """Return a bucket and its object for reading, fetched in one statement.

    The object is the latest version of its key, or that of an id, or that of a moment.
    Raises InvalidBucketName, CredentialsRequired, NoSuchBucket, NoSuchKey; for a
    version NoSuchVersion, DeleteMarker; for a moment NotVersioned.
    """
    found, stored = _find_object(principal, bucket, key, version=version, at=at)
    present = version is None and at is None
    action = Action.READ if present else Action.PAST
    row = _allow(principal, bucket, found, action)
    if at is not None:
        buckets.require_past(bucket=row, moment=at)
    if stored is None or stored.is_delete_marker:
        raise _nothing_to_read(row, key, stored, version=version, at=at)
    return row, stored


def upload_for(
    principal: Principal, upload_id: str, protocol: Upload.Protocol
) -> tuple[BucketRow, Upload]:
    """Return an upload and its bucket, for who may write its key: the id alone opens
    nothing. Raises CredentialsRequired, NoSuchUpload."""
    _refuse_strangers(principal, Action.WRITE)
    upload = uploads.find_upload(upload_id=upload_id, protocol=protocol)
    try:
        if upload is not None:
            name, key = upload.bucket.name, upload.key
            return bucket_for(principal, name, Action.WRITE, prefix=key), upload
    except (NoSuchBucket, AccessDenied):
        pass
    raise NoSuchUpload(
        gettext_noop(
            "There is no upload of that id: it was aborted, has expired, or you "
            "may not write its key."
        )
    )


def new_bucket(principal: Principal, name: str) -> BucketRow | NewBucket:
    """Return the leave to create a bucket of that name, or the caller's that is there.

    Raises InvalidBucketName, CredentialsRequired; AccessDenied for who may create none,
    whether or not the name is taken.
    """
    _refuse_strangers(principal, Action.WRITE)
    check_bucket_name(name)
    if may_create(principal):
        return NewBucket(name=name, owner_id=principal.user_id)
    if _within_limits(principal, name, ""):
        row = reads.find_bucket(name, user_id=principal.user_id)
        if row is not None and _role(principal, row) >= Role.OWNER:
            return row
    if principal.read_only or principal.only_bucket:
        raise AccessDenied(
            gettext_noop("This access key is limited, and creates no buckets.")
        )
    raise AccessDenied(
        gettext_noop(
            "You may not create buckets: ask an administrator for the permission "
            "objects_app.add_bucket."
        )
    )


def readable(principal: Principal) -> Scope:
    """Return which buckets the caller may list whole. Raises CredentialsRequired."""
    if principal.user_id is None and anonymous_access(principal) == "none":
        require_credentials()
    if principal.presigned is not None:
        return _NOBODY
    return Scope(
        user_id=principal.user_id,
        everything=principal.is_superuser,
        ownerless=anonymous_access(principal) != "none",
        only_bucket=principal.only_bucket,
        only_prefix=principal.only_prefix,
    )


def readable_keys(principal: Principal, prefix: str) -> Scope:
    """As `readable`, for a listing of keys over all buckets.

    Raises BucketRequired for a key that is limited to a prefix of one.
    """
    if not prefix.startswith(principal.only_prefix):
        raise BucketRequired(
            gettext_noop(
                "This access key is limited to a prefix: list with "
                "bucket=%(bucket)s and that prefix."
            ),
            bucket=principal.only_bucket,
        )
    return readable(principal)


def searchable(principal: Principal, bucket: str, prefix: str) -> list[Reach]:
    """Return the keys of that prefix, of one bucket or (named "") all, to be searched.

    They are those that the caller may list, and those of prefixes granted. Raises what
    `bucket_for` raises where a bucket is named, else CredentialsRequired.
    """
    if not bucket:
        return search.reach_of_caller(readable=readable(principal), prefix=prefix)
    try:
        row = bucket_for(principal, bucket, Action.LIST, prefix=prefix)
    except (NoSuchBucket, AccessDenied):
        reaches = search.reach_of_caller(
            readable=readable(principal), prefix=prefix, bucket=bucket
        )
        if reaches:
            return reaches
        raise
    return search.reach_of_bucket(bucket=row, prefix=prefix)


def require_superuser(principal: Principal, what: str) -> None:
    """Raise AccessDenied unless the caller is an administrator, and may write."""
    if not principal.is_superuser or principal.read_only:
        raise AccessDenied(gettext_noop("Only administrators may %(what)s."), what=what)


def allows(principal: Principal, bucket: BucketRow, action: Action) -> bool:
    """Whether the caller may do this, by a row got for the keys that it is about."""
    if _role(principal, bucket) >= _NEEDS[action]:
        return True
    if action is Action.READ:
        return bucket.visibility in _READABLE
    return action is Action.LIST and bucket.visibility == Bucket.Visibility.PUBLIC_LIST


def may_create(principal: Principal) -> bool:
    """Whether the caller may create buckets."""
    if principal.read_only or principal.only_bucket:
        return False
    return principal.may_create or anonymous_access(principal) == "write"


def anonymous_access(principal: Principal) -> Literal["none", "read", "write"]:
    """Return what anybody may do with buckets nobody owns."""
    chosen: Literal["none", "read", "write"] | None = settings.ANONYMOUS_ACCESS
    if chosen is not None:
        return chosen
    return "write" if settings.LOCAL_MODE and principal.on_this_machine else "none"


def _find_object(
    principal: Principal,
    bucket: str,
    key: str,
    *,
    version: str | None = None,
    at: datetime | None = None,
) -> tuple[BucketRow | None, ObjectRow | None]:
    if not _within_limits(principal, check_bucket_name(bucket), key):
        return None, None
    user_id = principal.user_id
    if version is not None:
        found = history.find_version(bucket, key, version, user_id=user_id)
    elif at is not None:
        found = history.find_at(bucket, key, at, user_id=user_id)
    else:
        found = reads.find_object(bucket, key, user_id=user_id)
    return found or (None, None)


def _nothing_to_read(
    bucket: BucketRow,
    key: str,
    marker: ObjectRow | None,
    *,
    version: str | None,
    at: datetime | None,
) -> StoreError:
    """Return why there is nothing of a key that the caller may read."""
    if version is not None:
        if marker is not None:
            return DeleteMarker(version)
        return NoSuchVersion(
            gettext_noop(
                "There is no such version of that key: list them with GET "
                "/versions?bucket=%(bucket)s."
            ),
            bucket=bucket.name,
        )
    hidden_by = marker.version_id if marker else None
    if at is None and bucket.versioning != Bucket.Versioning.OFF:
        hidden_by = history.latest_marker(bucket_id=bucket.id, key=key)
    return NoSuchKey(
        gettext_noop(
            "There was then no object of that key in bucket %(bucket)s: list the "
            "bucket with GET /objects?bucket=%(bucket)s."
        )
        if at
        else gettext_noop(
            "There is no object of that key in bucket %(bucket)s: list the bucket "
            "with GET /objects?bucket=%(bucket)s."
        ),
        bucket=bucket.name,
        marker=hidden_by,
    )


def _within_limits(principal: Principal, bucket: str, prefix: str) -> bool:
    """Whether an access key's own limits reach that far."""
    if not principal.only_bucket:
        return True
    return bucket == principal.only_bucket and prefix.startswith(principal.only_prefix)


def _role(principal: Principal, bucket: BucketRow) -> int:
    role = Role.OWNER if principal.is_superuser else bucket.granted
    if bucket.owner_id is None:
        role = max(role, _anonymous_role(principal))
    return min(role, Role.READER) if principal.read_only else role


def _anonymous_role(principal: Principal) -> int:
    access = anonymous_access(principal)
    if access == "none":
        return 0
    return Role.OWNER if access == "write" else Role.READER


def _allow(
    principal: Principal, name: str, row: BucketRow | None, action: Action
) -> BucketRow:
    if row is not None and allows(principal, row, action):
        return row
    if principal.user_id is None:
        if row is None and may_create(principal):
            raise _no_such_bucket(name)
        require_credentials()
    if row is None or not allows(principal, row, Action.READ):
        raise _no_such_bucket(name)
    if principal.read_only and _NEEDS[action] > Role.READER:
        raise AccessDenied(
            gettext_noop("This access key only reads: use another one to write.")
        )
    raise AccessDenied(
        gettext_noop(
            "You may read from bucket %(name)s, but not do this: ask its owner for "
            "a grant."
        ),
        name=name,
    )


def _allow_put(
    principal: Principal, name: str, row: BucketRow | None
) -> BucketRow | NewBucket:
    if row is None and may_create(principal):
        return NewBucket(name=name, owner_id=principal.user_id)
    try:
        return _allow(principal, name, row, Action.WRITE)
    except NoSuchBucket as error:
        if may_create(principal):
            raise
        raise NoSuchBucket(
            gettext_noop("%(error)s You may not create buckets."), error=error
        ) from None


def _refuse_strangers(principal: Principal, action: Action) -> None:
    """Refuse before any look-up whoever could not be allowed anything like this.

    Reading may be: there are public buckets.
    """
    if (
        principal.user_id is None
        and _anonymous_role(principal) < _NEEDS[action]
        and action in {Action.WRITE, Action.OWN}
    ):
        require_credentials()


def _no_such_bucket(name: str) -> NoSuchBucket:
    return NoSuchBucket(
        gettext_noop("There is no bucket %(name)s, or you may not know of it."),
        name=name,
    )


def require_credentials() -> NoReturn:
    """Raise CredentialsRequired, with what to do about it."""
    raise CredentialsRequired(
        gettext_noop(
            "Callers without credentials may not do this here: send an access key, "
            "as in curl -u KEY_ID:SECRET, or sign in at /ui/login/."
        )
    )
