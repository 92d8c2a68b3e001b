"""What an object is described with: told whole, and changed in place."""

from collections.abc import Callable

from django.db import transaction
from django.utils.translation import gettext_noop

from objects_app.errors import (
    DeleteMarker,
    NoSuchKey,
    NoSuchVersion,
    PreconditionFailed,
    StorageBusy,
    StoreError,
)
from objects_app.models import JournalEntry, Segment, StoredObject
from objects_app.queries import sql
from objects_app.queries.changes import Rewrite
from objects_app.queries.rows import (
    ANYTHING,
    Actor,
    BucketRow,
    ObjectRow,
    Preconditions,
)
from objects_app.services import audit

_ATTEMPTS = 20


def segment_count(*, row: ObjectRow) -> int:
    """Return how many blobs an object is made of: 1 unless it was put in parts."""
    if row.blob_id is not None:
        return 1
    return Segment.objects.filter(object_id=row.id).count()


def change_object(
    *,
    bucket: BucketRow,
    key: str,
    version: str | None = None,
    rewrite: Callable[[ObjectRow], Rewrite],
    conditions: Preconditions = ANYTHING,
    by: Actor,
) -> ObjectRow:
    """Give a version (None: the latest) another description; return it as it is then.

    It stays the same version, with its bytes, its ETag and its time. `rewrite` is
    called with the version as it is, locked, so that of two changes at once neither is
    lost; what it raises ends all. Raises NoSuchKey, NoSuchVersion, DeleteMarker,
    PreconditionFailed, StorageBusy.
    """
    with transaction.atomic():
        sql.lock_keys([(bucket.id, key)])
        row = _locked(bucket, key, version)
        if row.is_delete_marker:
            raise DeleteMarker(row.version_id)
        if not conditions.hold(etag=row.etag, modified=row.created_at):
            raise PreconditionFailed()
        wanted = rewrite(row)._asdict()
        changed = {
            name: new
            for name, new in wanted.items()
            if new is not None and new != getattr(row, name)
        }
        if not changed:
            return row
        StoredObject.objects.filter(pk=row.id).update(**changed)
        audit.record(
            operation=JournalEntry.Operation.CHANGE_OBJECT,
            bucket=bucket,
            key=key,
            version_id=row.version_id,
            detail=", ".join(changed),
            by=by,
        )
    return row._replace(**changed)


def _locked(bucket: BucketRow, key: str, version: str | None) -> ObjectRow:
    """Return the version's row, locked against a PUT that overwrites it in place.

    A PUT that adds a version may do so while we wait for the lock of the latest, which
    then is not the latest any more and not found: hence again.
    """
    versions = StoredObject.objects.filter(bucket_id=bucket.id, key=key)
    if version is not None:
        wanted = versions.filter(version_id=version)
    else:
        wanted = versions.filter(is_latest=True, is_delete_marker=False)
    for _ in range(_ATTEMPTS):
        locked = wanted.select_for_update(of=("self",))
        if found := locked.values(*ObjectRow._fields).first():
            return ObjectRow(**found)
        if not wanted.exists():
            raise _nothing_to_change(bucket, version)
    raise StorageBusy(gettext_noop("This key kept changing meanwhile: send it again."))


def _nothing_to_change(bucket: BucketRow, version: str | None) -> StoreError:
    if version is None:
        return NoSuchKey(
            gettext_noop("There is no object of that key in bucket %(bucket)s."),
            bucket=bucket.name,
        )
    return NoSuchVersion(
        gettext_noop(
            "There is no such version of that key: list them with GET "
            "/versions?bucket=%(bucket)s."
        ),
        bucket=bucket.name,
    )
