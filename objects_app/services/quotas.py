"""Quotas: how many bytes, objects and buckets there may be, of a bucket or an owner.

Whether an upload fits is decided by its commit (`queries/*: commit`), by what was used
when that statement began: uploads that race may exceed a quota by what is in flight.
"""

from collections.abc import Mapping

from django.db import transaction
from django.utils.translation import gettext_noop

from objects_app.errors import (
    InvalidArgument,
    NoSuchBucket,
    QuotaExceeded,
    TooManyBuckets,
)
from objects_app.models import Allowance, Bucket, JournalEntry
from objects_app.queries import reads
from objects_app.queries.rows import Actor, BucketRow, Exceeded, Owned, Room
from objects_app.services import audit
from objects_app.services.users import name_of

_MOST = 2**63 - 1
_MOST_BUCKETS = 2**31 - 1
_FULL = {
    ("bucket", "bytes"): gettext_noop(
        "Bucket %(bucket)s holds %(used)s of %(quota)s bytes, and this would add "
        "%(adds)s: delete objects, or have the quota raised."
    ),
    ("bucket", "objects"): gettext_noop(
        "Bucket %(bucket)s holds %(used)s of %(quota)s objects, and this would add "
        "%(adds)s: delete objects, or have the quota raised."
    ),
    ("owner", "bytes"): gettext_noop(
        "The owner's buckets hold %(used)s of %(quota)s bytes, and this would add "
        "%(adds)s: delete objects, or have the quota raised."
    ),
    ("owner", "objects"): gettext_noop(
        "The owner's buckets hold %(used)s of %(quota)s objects, and this would add "
        "%(adds)s: delete objects, or have the quota raised."
    ),
}


def used(*, bucket: BucketRow) -> Room:
    """Return what a bucket and its owner use and may. Raises NoSuchBucket."""
    room = reads.room(bucket_id=bucket.id, key="")
    if room is None:
        raise NoSuchBucket(
            gettext_noop("There is no bucket %(bucket)s."), bucket=bucket.name
        )
    return room


def owned(*, user_id: int) -> Owned:
    """Return what a user owns and may own, over all buckets."""
    return reads.owned(user_id)


def change_allowance(
    *, user_id: int, changes: Mapping[str, int | None], by: Actor
) -> None:
    """Set `buckets`, `bytes_quota` or `objects_quota` of all that a user owns.

    None is any amount. What is there stays. Raises InvalidArgument for a limit that no
    column can hold.
    """
    require_limits(changes)
    with transaction.atomic():
        Allowance.objects.update_or_create(user_id=user_id, defaults=changes)
        audit.record(
            operation=JournalEntry.Operation.CHANGE_ALLOWANCE,
            by=by,
            detail=f"{name_of(user_id)}: "
            + ", ".join(f"{name}: {limit}" for name, limit in changes.items()),
        )


def require_limits(limits: Mapping[str, int | None]) -> None:
    """Raise InvalidArgument for a limit that no column can hold. None is any amount."""
    for name, limit in limits.items():
        most = _MOST_BUCKETS if name == "buckets" else _MOST
        if limit is not None and not 0 <= limit <= most:
            raise InvalidArgument(
                gettext_noop("%(name)s is from 0 to %(most)s, or none at all."),
                name=name,
                most=most,
            )


def require_room(*, bucket: BucketRow, key: str, size: int) -> None:
    """Raise QuotaExceeded when an upload of that size would not fit now."""
    over = "" if bucket.versioning == Bucket.Versioning.ENABLED else "null"
    room = reads.room(bucket_id=bucket.id, key=key, version_id=over)
    if room is not None and (exceeded := room.exceeded(size=size)):
        raise refusal(bucket=bucket.name, exceeded=exceeded)


def require_room_for_new_bucket(*, owner_id: int | None, size: int) -> None:
    """Raise TooManyBuckets or QuotaExceeded when a user may not own another bucket
    with an object of that size in it."""
    if owner_id is None:
        return
    owns = reads.owned(owner_id)
    _require_another_bucket(owns)
    if exceeded := owns.room.exceeded(size=size):
        raise refusal(bucket="", exceeded=exceeded)


def require_another_bucket(*, owner_id: int | None) -> None:
    """Raise TooManyBuckets when a user may not own another bucket."""
    if owner_id is not None:
        _require_another_bucket(reads.owned(owner_id))


def refusal(*, bucket: str, exceeded: Exceeded) -> QuotaExceeded:
    """Return what to raise at whoever would exceed a limit, with its numbers."""
    return QuotaExceeded(
        _FULL[exceeded.whose, exceeded.unit],
        bucket=bucket,
        used=exceeded.used,
        quota=exceeded.quota,
        adds=exceeded.adds,
    )


def _require_another_bucket(owns: Owned) -> None:
    if owns.quota_buckets is not None and owns.buckets >= owns.quota_buckets:
        raise TooManyBuckets(
            gettext_noop(
                "You own %(buckets)s buckets and may own %(quota)s: delete one, or "
                "have the number raised."
            ),
            buckets=owns.buckets,
            quota=owns.quota_buckets,
        )
