"""The protocol's SQL for SQLite: plain statements under BEGIN IMMEDIATE.

One writer at a time, so what PostgreSQL needs locks and single statements for is here
an ordinary transaction. Times are text with six decimals, so that they sort; `%%` is a
percent sign, because every statement is run with parameters.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from objects_app.queries import quotas, run
from objects_app.queries.rows import (
    Actor,
    BlobState,
    BucketRow,
    Claim,
    Committed,
    Deleted,
    NewObject,
    Preconditions,
    Room,
)

_TIME = "%%Y-%%m-%%d %%H:%%M:%%f000"
NOW = f"strftime('{_TIME}', 'now')"


def ago(parameter: str) -> str:
    """Return the time that many seconds before now, the seconds a parameter."""
    return f"strftime('{_TIME}', 'now', '-' || %({parameter})s || ' seconds')"


def ahead(parameter: str) -> str:
    """Return the time that many seconds from now, the seconds a parameter."""
    return f"strftime('{_TIME}', 'now', '+' || %({parameter})s || ' seconds')"


WATERMARK = "coalesce((SELECT position FROM journal_watermark WHERE id = 1), 0)"
UNFOLDED = f"j.id > {WATERMARK}"


def create_bucket(*, name: str, owner_id: int | None, by: Actor) -> BucketRow | None:
    """See Dialect.create_bucket."""
    with transaction.atomic():
        row = run.row(
            "INSERT INTO bucket (name, owner_id, visibility, created_at)"
            f" SELECT %(name)s, %(owner_id)s, 'private', {NOW}"
            f" WHERE {quotas.MAY_OWN_ANOTHER} ON CONFLICT (name) DO NOTHING"
            " RETURNING id, name, owner_id, visibility, created_at || '',"
            f" {quotas.OWNER_HAS_QUOTA}",
            {"name": name, "owner_id": owner_id},
        )
        if row is None:
            return None
        *plain, created_at, has_quota = row
        _journal(
            {"bucket_id": row[0], "bucket_name": name, "key": "", "sha256": ""},
            by,
            now=created_at,
            version_id="",
            operation="create_bucket",
            objects_delta=0,
            bytes_delta=0,
            old_blob_id=None,
        )
    return BucketRow._make((*plain, _parse(created_at), bool(has_quota), 0))


_CLAIM = f"""
SELECT id, created_at || '', CASE
    WHEN deleting_since IS NOT NULL THEN 'deleting'
    WHEN condemned_at IS NOT NULL THEN 'condemned'
    WHEN verified_at IS NULL THEN 'claimed'
    WHEN verified_at > {ago("trust")} THEN 'live'
    ELSE 'untrusted'
  END, verified_at IS NOT NULL
FROM blob WHERE sha256 = %(sha256)s
"""


def claim(*, sha256: str, size: int, trust_seconds: int) -> Claim | None:
    """See Dialect.claim."""
    row = run.row(_CLAIM, {"sha256": sha256, "trust": trust_seconds})
    if row is None:
        row = run.row(
            "INSERT INTO blob (sha256, size, created_at)"
            f" VALUES (%(sha256)s, %(size)s, {NOW})"
            " ON CONFLICT (sha256) DO NOTHING"
            " RETURNING id, created_at || '', 'claimed', 0",
            {"sha256": sha256, "size": size},
        )
    if row is None:
        return None
    id_, created_at, state, once_verified = row
    return Claim(id_, sha256, created_at, BlobState(state), bool(once_verified))


_AS_CLAIMED = "id = %(blob_id)s AND sha256 = %(sha256)s AND created_at = %(claimed_at)s"
_MARK_SEEN = (
    f"UPDATE blob SET verified_at = {NOW}, condemned_at = NULL"
    f" WHERE {_AS_CLAIMED} AND deleting_since IS NULL RETURNING id"
)
_MARK_TRUSTED = (
    f"SELECT id FROM blob WHERE {_AS_CLAIMED}"
    " AND condemned_at IS NULL AND verified_at IS NOT NULL"
)

_VALUES = (
    "blob_id",
    "sha256",
    "size",
    "etag",
    "content_type",
    "headers",
    "metadata",
    "node_id",
    "created_at",
    "prev_size",
    "prev_blob_id",
)
_INSERT = (
    f"INSERT INTO stored_object (bucket_id, key, {', '.join(_VALUES)},"
    " version_id, is_latest, is_delete_marker, tags)"
    f" VALUES (%(bucket_id)s, %(key)s, {', '.join(f'%({v})s' for v in _VALUES)},"
    " 'null', 1, 0, '{}')"
)
_OVERWRITE = (
    f"UPDATE stored_object SET {', '.join(f'{v} = %({v})s' for v in _VALUES)},"
    " tags = '{}' WHERE id = %(object_id)s"
)
_JOURNAL = """
INSERT INTO journal_entry (bucket_id, bucket_name, key, version_id, operation,
  objects_delta, bytes_delta, sha256, old_blob_id, actor, node_id, request_id,
  key_id, address, detail, created_at)
VALUES (%(bucket_id)s, %(bucket_name)s, %(key)s, %(version_id)s, %(operation)s,
  %(objects_delta)s, %(bytes_delta)s, %(sha256)s, %(old_blob_id)s, %(actor)s,
  %(node_id)s, %(request_id)s, %(key_id)s, %(address)s, '', %(now)s)
"""
_LATEST = (
    "SELECT id, size, sha256, blob_id, etag, created_at || '' FROM stored_object"
    " WHERE bucket_id = %(bucket_id)s AND key = %(key)s AND is_latest"
)

_ROOM = f"WITH {quotas.room(UNFOLDED)} SELECT * FROM room"


def commit(
    *,
    claim: Claim,
    new: NewObject,
    conditions: Preconditions,
    wrote: bool,
    by: Actor,
    limited: bool = False,
) -> Committed | None:
    """See Dialect.commit."""
    values: dict[str, Any] = {
        **new._asdict(),
        "headers": json.dumps(new.headers),
        "metadata": json.dumps(new.metadata),
        "blob_id": claim.id,
        "claimed_at": claim.created_at,
    }
    with transaction.atomic():
        if run.row(_MARK_SEEN if wrote else _MARK_TRUSTED, values) is None:
            return None
        present = run.row(_LATEST, values)
        object_id, prev_size, _, prev_blob_id, etag, created_at = present or [None] * 6
        modified = _parse(created_at) if created_at else None
        if not conditions.hold(etag=etag, modified=modified):
            return Committed(None, replaced=present is not None)
        if limited:
            room = run.row(_ROOM, values)  # none of a bucket that is gone
            if room and (exceeded := Room._make(room).exceeded(size=new.size)):
                return Committed(None, present is not None, exceeded)
        now = _later(_now(), created_at)
        values |= {
            "created_at": now,
            "prev_size": prev_size,
            "prev_blob_id": prev_blob_id,
            "object_id": object_id,
            "node_id": by.node_id,
        }
        if present:
            run.changed("DELETE FROM segment WHERE object_id = %s", [object_id])
        run.changed(_OVERWRITE if present else _INSERT, values)
        _journal(
            values,
            by,
            now=now,
            operation="put",
            objects_delta=0 if present else 1,
            bytes_delta=new.size - (prev_size or 0),
            old_blob_id=prev_blob_id,
        )
    return Committed(_parse(now), replaced=present is not None)


def delete_object(
    *,
    bucket_id: int,
    bucket_name: str,
    key: str,
    conditions: Preconditions,
    by: Actor,
) -> Deleted | None:
    """See Dialect.delete_object."""
    values: dict[str, Any] = {
        "bucket_id": bucket_id,
        "bucket_name": bucket_name,
        "key": key,
    }
    with transaction.atomic():
        present = run.row(_LATEST, values)
        if present is None:
            return None
        object_id, size, sha256, blob_id, etag, created_at = present
        if not conditions.hold(etag=etag, modified=_parse(created_at)):
            return Deleted(removed=False, size=0)
        run.changed("DELETE FROM segment WHERE object_id = %s", [object_id])
        run.changed("DELETE FROM stored_object WHERE id = %s", [object_id])
        _journal(
            {**values, "sha256": sha256},
            by,
            now=_now(),
            operation="delete",
            objects_delta=-1,
            bytes_delta=-size,
            old_blob_id=blob_id,
        )
    return Deleted(removed=True, size=size)


def _journal(values: Mapping[str, Any], by: Actor, **change: Any) -> None:
    run.changed(
        _JOURNAL,
        {
            "version_id": "null",
            **values,
            **change,
            **by.columns(),
        },
    )


def _now() -> str:
    return str(run.one(f"SELECT {NOW}", [])[0])


def _parse(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC)


def _later(now: str, previous: str | None) -> str:
    """Return `now`, or just after `previous`: version time only moves forward."""
    if previous is None or now > previous:
        return now
    following = datetime.fromisoformat(previous) + timedelta(microseconds=1)
    return following.isoformat(sep=" ", timespec="microseconds")


def position_function() -> str:
    """See Dialect.position_function."""
    return "instr"
