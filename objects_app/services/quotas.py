"""Quotas: how many bytes, objects and buckets there may be, of a bucket or an owner.

Whether an upload fits is decided by its commit (`queries/*: commit`), by what was used
when that statement began: uploads that race may exceed a quota by what is in flight.
"""

from typing import Any, NamedTuple

from django.db import transaction

from objects_app.errors import (
    InvalidArgument,
    NoSuchBucket,
    QuotaExceeded,
    TooManyBuckets,
)
from objects_app.models import Allowance, Bucket, JournalEntry
from objects_app.queries import reads
from objects_app.queries.rows import Actor, BucketRow, Exceeded, Owned
from objects_app.services import audit


class Quota(NamedTuple):
    """How much a bucket may hold; None: any amount."""

    bytes: int | None
    objects: int | None


def bucket_quota(*, bucket: BucketRow) -> Quota:
    """Return a bucket's own quota. Raises NoSuchBucket."""
    found = Bucket.objects.filter(pk=bucket.id).values_list(
        "quota_bytes", "quota_objects"
    )
    if (row := found.first()) is None:
        raise NoSuchBucket(f"There is no bucket {bucket.name}.")
    return Quota._make(row)


def set_bucket_quota(*, bucket: BucketRow, quota: Quota, by: Actor) -> None:
    """Limit a bucket, from the next upload on; what is there stays.

    Raises InvalidArgument for negative numbers, and NoSuchBucket.
    """
    _require_sensible(quota._asdict())
    with transaction.atomic():
        changed = Bucket.objects.filter(pk=bucket.id).update(
            quota_bytes=quota.bytes, quota_objects=quota.objects
        )
        if not changed:
            raise NoSuchBucket(f"There is no bucket {bucket.name}.")
        audit.record(
            operation=JournalEntry.Operation.CHANGE_BUCKET,
            by=by,
            bucket=bucket,
            detail=f"quota: {_told(quota._asdict())}",
        )


def owned(*, user_id: int) -> Owned:
    """Return what a user owns and may own, over all buckets."""
    return reads.owned(user_id)


def set_allowance(
    *,
    user_id: int,
    buckets: int | None,
    bytes_quota: int | None,
    objects_quota: int | None,
    by: Actor,
) -> None:
    """Limit what a user may own, over all buckets; None: any amount.

    What is there stays. Raises InvalidArgument for negative numbers.
    """
    limits = {
        "buckets": buckets,
        "bytes_quota": bytes_quota,
        "objects_quota": objects_quota,
    }
    _require_sensible(limits)
    with transaction.atomic():
        Allowance.objects.update_or_create(user_id=user_id, defaults=limits)
        audit.record(
            operation=JournalEntry.Operation.CHANGE_ALLOWANCE,
            by=by,
            detail=f"user {user_id}: {_told(limits)}",
        )


def require_room(*, bucket: BucketRow, key: str, size: int) -> None:
    """Raise QuotaExceeded when an upload of that size would not fit now."""
    room = reads.room(bucket_id=bucket.id, key=key)
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
    whose = (
        f"Bucket {bucket} holds"
        if exceeded.whose == "bucket"
        else "The owner's buckets hold"
    )
    return QuotaExceeded(
        f"{whose} {exceeded.used} of {exceeded.quota} {exceeded.unit}, and this upload "
        f"would add {exceeded.adds}: delete objects, or have the quota raised."
    )


def _require_another_bucket(owns: Owned) -> None:
    if owns.quota_buckets is not None and owns.buckets >= owns.quota_buckets:
        raise TooManyBuckets(
            f"You own {owns.buckets} buckets and may own {owns.quota_buckets}: delete "
            "one, or have the number raised."
        )


def _require_sensible(limits: dict[str, Any]) -> None:
    for name, limit in limits.items():
        if limit is not None and limit < 0:
            raise InvalidArgument(f"{name} must be 0 or more, or none at all.")


def _told(limits: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {'none' if limit is None else limit}" for name, limit in limits.items()
    )
