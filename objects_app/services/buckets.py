"""Buckets: make, describe, list, delete."""

from typing import NamedTuple

from django.db import IntegrityError, transaction

from objects_app.errors import BucketNotEmpty, BucketTaken, NoSuchBucket
from objects_app.models import (
    Bucket,
    BucketTotals,
    ImportedObject,
    JournalEntry,
    StoredObject,
    Upload,
)
from objects_app.names import check_bucket_name
from objects_app.queries import reads, sql
from objects_app.queries.rows import Actor, BucketRow, Scope, Totals
from objects_app.services import quotas


class NewBucket(NamedTuple):
    """A bucket that the caller may create, and whose it will be."""

    name: str
    owner_id: int | None


class CreatedBucket(NamedTuple):
    """A bucket that is there now; `created` unless it was before."""

    row: BucketRow
    created: bool


def create_bucket(*, new: NewBucket, by: Actor) -> CreatedBucket:
    """Make a bucket, or return it if it is the owner's already.

    Raises InvalidBucketName; TooManyBuckets when the owner may have no other; and
    BucketTaken when somebody else has the name.
    """
    check_bucket_name(new.name)
    made = sql.create_bucket(name=new.name, owner_id=new.owner_id, by=by)
    if made is not None:
        return CreatedBucket(made, created=True)
    row = reads.find_bucket(new.name)
    if row is None or row.owner_id != new.owner_id:
        quotas.require_another_bucket(owner_id=new.owner_id)
    if row is None:
        raise NoSuchBucket(f"Bucket {new.name} was deleted just now: try again.")
    if row.owner_id != new.owner_id:
        raise BucketTaken(
            f"Somebody else has a bucket {new.name}: choose another name."
        )
    return CreatedBucket(row, created=False)


def bucket_totals(*, bucket: BucketRow) -> Totals:
    """Return how many objects and bytes a bucket holds, exact at this moment."""
    return reads.bucket_totals(bucket.id)


def list_buckets(*, readable: Scope) -> list[BucketRow]:
    """Return the caller's buckets by name."""
    return reads.buckets(scope=readable)


def delete_bucket(*, bucket: BucketRow, by: Actor) -> None:
    """Delete an empty bucket.

    Raises BucketNotEmpty, also when an object arrives at the same moment: then the
    foreign key, checked at the end of the transaction, refuses the delete.
    """
    refusal = BucketNotEmpty(
        f"Bucket {bucket.name} still has objects or unfinished uploads: "
        "delete them first."
    )
    try:
        with transaction.atomic():
            if (
                StoredObject.objects.filter(bucket_id=bucket.id).exists()
                or Upload.objects.filter(bucket_id=bucket.id).exists()
            ):
                raise refusal
            deleted, _ = Bucket.objects.filter(pk=bucket.id).delete()
            if not deleted:
                raise NoSuchBucket(f"There is no bucket {bucket.name}.")
            BucketTotals.objects.filter(pk=bucket.id).delete()
            ImportedObject.objects.filter(bucket_id=bucket.id).delete()
            _journal(bucket.id, bucket.name, JournalEntry.Operation.DELETE_BUCKET, by)
    except IntegrityError as error:
        raise refusal from error


def _journal(bucket_id: int, name: str, operation: str, by: Actor) -> None:
    JournalEntry.objects.create(
        bucket_id=bucket_id,
        bucket_name=name,
        operation=operation,
        **by.columns(),
    )
