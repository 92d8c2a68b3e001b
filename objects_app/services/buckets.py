"""Buckets: make, describe, list, delete."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_noop

from objects_app.errors import (
    BucketNotEmpty,
    BucketTaken,
    NoSuchBucket,
    NotVersioned,
    VersioningStays,
)
from objects_app.models import (
    Bucket,
    BucketTotals,
    ImportedObject,
    JournalEntry,
    StoredObject,
    Upload,
)
from objects_app.names import check_bucket_name
from objects_app.queries import bucket_pages, reads, sql, upkeep
from objects_app.queries.bucket_pages import ListedBucket
from objects_app.queries.rows import Actor, BucketRow, Scope
from objects_app.services import audit, quotas

_QUOTAS = frozenset({"quota_bytes", "quota_objects"})


class NewBucket(NamedTuple):
    """A bucket that the caller may create, and whose it will be."""

    name: str
    owner_id: int | None


class Page(NamedTuple):
    """Buckets by name; `next_after` is what the next page begins after, None: none."""

    buckets: list[ListedBucket]
    next_after: str | None


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
        raise NoSuchBucket(
            gettext_noop("Bucket %(bucket)s was deleted just now: try again."),
            bucket=new.name,
        )
    if row.owner_id != new.owner_id:
        raise BucketTaken(
            gettext_noop("Somebody else has a bucket %(bucket)s: choose another name."),
            bucket=new.name,
        )
    return CreatedBucket(row, created=False)


def ensure_bucket(*, bucket: BucketRow | NewBucket, by: Actor) -> CreatedBucket:
    """As `create_bucket`, where the gate may have found one that is there."""
    if isinstance(bucket, NewBucket):
        return create_bucket(new=bucket, by=by)
    return CreatedBucket(bucket, created=False)


def again(bucket: BucketRow) -> BucketRow:
    """Return the bucket as it is now. Raises NoSuchBucket when it was deleted."""
    row = reads.find_bucket(bucket.name)
    if row is None or row.id != bucket.id:
        raise NoSuchBucket(
            gettext_noop("Bucket %(bucket)s was deleted meanwhile: send it again."),
            bucket=bucket.name,
        )
    return row._replace(granted=bucket.granted)


def change_bucket(
    *, bucket: BucketRow, changes: Mapping[str, Any], by: Actor
) -> BucketRow:
    """Set `visibility`, `versioning`, `quota_bytes` or `quota_objects`; return the
    bucket as it is.

    Raises NoSuchBucket when it was deleted meanwhile, VersioningStays for versioning
    that was enabled and shall be off, InvalidArgument for a quota that no column can
    hold.
    """
    if not changes:
        return bucket
    quotas.require_limits(
        {name: limit for name, limit in changes.items() if name in _QUOTAS}
    )
    asked, changes = changes, dict(changes)
    with transaction.atomic():
        if "versioning" in changes:
            changes |= _prepare_versioning(bucket=bucket, wanted=changes["versioning"])
        if not Bucket.objects.filter(pk=bucket.id).update(**changes):
            raise NoSuchBucket(
                gettext_noop("There is no bucket %(bucket)s."), bucket=bucket.name
            )
        audit.record(
            operation=JournalEntry.Operation.CHANGE_BUCKET,
            by=by,
            bucket=bucket,
            detail=", ".join(f"{name}: {value}" for name, value in asked.items()),
        )
    return bucket._replace(
        visibility=changes.get("visibility", bucket.visibility),
        versioning=changes.get("versioning", bucket.versioning),
        versioned_since=changes.get("versioned_since", bucket.versioned_since),
    )


def require_past(*, bucket: BucketRow, moment: datetime) -> None:
    """Raise NotVersioned where nobody knows what was there at that moment: what was
    overwritten or deleted before there were versions has left no trace."""
    if bucket.versioned_since is None:
        raise NotVersioned(
            gettext_noop(
                "Bucket %(bucket)s keeps no versions: its owner turns them on with "
                "PATCH /buckets/%(bucket)s."
            ),
            bucket=bucket.name,
        )
    if moment < bucket.versioned_since:
        raise NotVersioned(
            gettext_noop(
                "Bucket %(bucket)s keeps versions since %(moment)s: name a moment "
                "from then on."
            ),
            bucket=bucket.name,
            moment=bucket.versioned_since.isoformat(),
        )


def _prepare_versioning(*, bucket: BucketRow, wanted: str) -> dict[str, Any]:
    """Keep writers away until the transaction ends, if this is a change, and return
    what else changes with it: there is a past from now on.

    A commit looks at the bucket's versioning in its own statement. One that looked
    before the change may not write after it: a row overwritten in place then would be
    missing from the bucket's past.
    """
    off = Bucket.Versioning.OFF
    present = Bucket.objects.filter(pk=bucket.id).values_list("versioning", flat=True)
    if present.first() == wanted:
        return {}
    upkeep.hold_writers()
    if present.first() == off:
        return {"versioned_since": sql.clock()}
    if wanted == off:
        raise VersioningStays(
            gettext_noop(
                "Bucket %(bucket)s has kept versions, and goes on: suspend "
                "versioning, and new versions take the place of those without an id."
            ),
            bucket=bucket.name,
        )
    return {}


def list_buckets(*, readable: Scope) -> list[BucketRow]:
    """Return the caller's buckets by name."""
    return reads.buckets(scope=readable)


def page_of_buckets(
    *, readable: Scope, text: str = "", after: str = "", limit: int
) -> Page:
    """Return the caller's buckets whose names have that text, by name, after a name,
    with what is in them."""
    found = bucket_pages.page(scope=readable, text=text, after=after, limit=limit + 1)
    if len(found) <= limit:
        return Page(found, None)
    return Page(found[:limit], found[limit - 1].row.name)


def delete_bucket(*, bucket: BucketRow, by: Actor) -> None:
    """Delete a bucket without objects, and what was on its way into it.

    Raises BucketNotEmpty, also when an object arrives at the same moment: then the
    foreign key, checked at the end of the transaction, refuses the delete.
    """
    refusal = BucketNotEmpty(
        gettext_noop(
            "Bucket %(bucket)s still has objects, or older versions of them: empty it "
            'first, with POST /delete and "versions": "all", or in its settings.'
        ),
        bucket=bucket.name,
    )
    try:
        with transaction.atomic():
            if StoredObject.objects.filter(bucket_id=bucket.id).exists():
                raise refusal
            Upload.objects.filter(bucket_id=bucket.id).delete()
            deleted, _ = Bucket.objects.filter(pk=bucket.id).delete()
            if not deleted:
                raise NoSuchBucket(
                    gettext_noop("There is no bucket %(bucket)s."), bucket=bucket.name
                )
            BucketTotals.objects.filter(pk=bucket.id).delete()
            ImportedObject.objects.filter(bucket_id=bucket.id).delete()
            operation = JournalEntry.Operation.DELETE_BUCKET
            audit.record(operation=operation, by=by, bucket=bucket)
    except IntegrityError as error:
        raise refusal from error
