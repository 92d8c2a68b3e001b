"""The protocol's SQL for SQLite: plain statements under BEGIN IMMEDIATE.

One writer at a time, so what PostgreSQL needs locks and single statements for is here
an ordinary transaction. Times are text with six decimals, so that they sort; `%%` is a
percent sign, because every statement is run with parameters.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from objects_app.queries.rows import (
    Actor,
    BlobState,
    BucketRow,
    Claim,
    Committed,
    Deleted,
    Marked,
    NewObject,
    Preconditions,
)

_TIME = "%%Y-%%m-%%d %%H:%%M:%%f000"
_NOW = f"strftime('{_TIME}', 'now')"


def _ago(parameter: str) -> str:
    return f"strftime('{_TIME}', 'now', '-' || %({parameter})s || ' seconds')"


def create_bucket(*, name: str, owner_id: int | None, by: Actor) -> BucketRow | None:
    """See Dialect.create_bucket."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO bucket (name, owner_id, visibility, created_at)"
            f" VALUES (%(name)s, %(owner_id)s, 'private', {_NOW})"
            " ON CONFLICT (name) DO NOTHING"
            " RETURNING id, name, owner_id, visibility, created_at || ''",
            {"name": name, "owner_id": owner_id},
        )
        row = cursor.fetchone()
        if row is None:
            return None
        *plain, created_at = row
        _journal(
            cursor,
            {"bucket_id": row[0], "bucket_name": name, "key": "", "sha256": ""},
            by,
            now=created_at,
            version_id="",
            operation="create_bucket",
            objects_delta=0,
            bytes_delta=0,
            old_blob_id=None,
        )
    return BucketRow._make((*plain, _parse(created_at)))


_CLAIM = f"""
SELECT id, created_at || '', CASE
    WHEN deleting_since IS NOT NULL THEN 'deleting'
    WHEN condemned_at IS NOT NULL THEN 'condemned'
    WHEN verified_at IS NULL THEN 'claimed'
    WHEN verified_at > {_ago("trust")} THEN 'live'
    ELSE 'untrusted'
  END, verified_at IS NOT NULL
FROM blob WHERE sha256 = %(sha256)s
"""


def claim(*, sha256: str, size: int, trust_seconds: int) -> Claim | None:
    """See Dialect.claim."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"sha256": sha256, "trust": trust_seconds})
        row = cursor.fetchone()
        if row is None:
            cursor.execute(
                "INSERT INTO blob (sha256, size, created_at)"
                f" VALUES (%(sha256)s, %(size)s, {_NOW})"
                " ON CONFLICT (sha256) DO NOTHING"
                " RETURNING id, created_at || '', 'claimed', 0",
                {"sha256": sha256, "size": size},
            )
            row = cursor.fetchone()
    if row is None:
        return None
    id_, created_at, state, once_verified = row
    return Claim(id_, sha256, created_at, BlobState(state), bool(once_verified))


_AS_CLAIMED = "id = %(blob_id)s AND sha256 = %(sha256)s AND created_at = %(claimed_at)s"
_MARK_SEEN = (
    f"UPDATE blob SET verified_at = {_NOW}, condemned_at = NULL"
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
  created_at)
VALUES (%(bucket_id)s, %(bucket_name)s, %(key)s, %(version_id)s, %(operation)s,
  %(objects_delta)s, %(bytes_delta)s, %(sha256)s, %(old_blob_id)s, %(actor)s,
  %(node_id)s, %(request_id)s, %(now)s)
"""
_LATEST = (
    "SELECT id, size, sha256, blob_id, etag, created_at || '' FROM stored_object"
    " WHERE bucket_id = %(bucket_id)s AND key = %(key)s AND is_latest"
)


def commit(
    *,
    claim: Claim,
    new: NewObject,
    conditions: Preconditions,
    wrote: bool,
    by: Actor,
) -> Committed | None:
    """See Dialect.commit."""
    values: dict[str, Any] = {
        **new._asdict(),
        "headers": json.dumps(new.headers),
        "metadata": json.dumps(new.metadata),
        "blob_id": claim.id,
        "claimed_at": claim.created_at,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_MARK_SEEN if wrote else _MARK_TRUSTED, values)
        if cursor.fetchone() is None:
            return None
        cursor.execute(_LATEST, values)
        present = cursor.fetchone()
        object_id, prev_size, _, prev_blob_id, etag, created_at = present or [None] * 6
        modified = _parse(created_at) if created_at else None
        if not conditions.hold(etag=etag, modified=modified):
            return Committed(None, replaced=present is not None)
        now = _later(_now(cursor), created_at)
        values |= {
            "created_at": now,
            "prev_size": prev_size,
            "prev_blob_id": prev_blob_id,
            "object_id": object_id,
            "node_id": by.node_id,
        }
        if present:
            cursor.execute("DELETE FROM segment WHERE object_id = %s", [object_id])
        cursor.execute(_OVERWRITE if present else _INSERT, values)
        _journal(
            cursor,
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
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LATEST, values)
        present = cursor.fetchone()
        if present is None:
            return None
        object_id, size, sha256, blob_id, etag, created_at = present
        if not conditions.hold(etag=etag, modified=_parse(created_at)):
            return Deleted(removed=False, size=0)
        cursor.execute("DELETE FROM segment WHERE object_id = %s", [object_id])
        cursor.execute("DELETE FROM stored_object WHERE id = %s", [object_id])
        _journal(
            cursor,
            {**values, "sha256": sha256},
            by,
            now=_now(cursor),
            operation="delete",
            objects_delta=-1,
            bytes_delta=-size,
            old_blob_id=blob_id,
        )
    return Deleted(removed=True, size=size)


def _journal(cursor: Any, values: Mapping[str, Any], by: Actor, **change: Any) -> None:
    cursor.execute(
        _JOURNAL,
        {
            "version_id": "null",
            **values,
            **change,
            "actor": by.label,
            "node_id": by.node_id,
            "request_id": by.request_id,
        },
    )


def _now(cursor: Any) -> str:
    cursor.execute(f"SELECT {_NOW}", [])
    return str(cursor.fetchone()[0])


def _parse(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC)


def _later(now: str, previous: str | None) -> str:
    """Return `now`, or just after `previous`: version time only moves forward."""
    if previous is None or now > previous:
        return now
    following = datetime.fromisoformat(previous) + timedelta(microseconds=1)
    return following.isoformat(sep=" ", timespec="microseconds")


_REFERRED = """(
    EXISTS (SELECT 1 FROM stored_object WHERE blob_id = blob.id)
    OR EXISTS (SELECT 1 FROM segment WHERE blob_id = blob.id)
    OR EXISTS (SELECT 1 FROM upload_part WHERE blob_id = blob.id))"""


def condemn_candidates(
    *, above_id: int, window: int, claim_age_seconds: float
) -> list[int]:
    """See Dialect.condemn_candidates."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM blob WHERE id > %(above)s AND id <= %(above)s + %(window)s"
            " AND condemned_at IS NULL AND (verified_at IS NOT NULL"
            f" OR created_at <= {_ago('claim_age')}) AND NOT {_REFERRED} ORDER BY id",
            {"above": above_id, "window": window, "claim_age": claim_age_seconds},
        )
        return [id_ for (id_,) in cursor.fetchall()]


def condemn(*, ids: Sequence[int], claim_age_seconds: float) -> int:
    """See Dialect.condemn.

    It does not look for references again, on purpose: PostgreSQL's look may be stale,
    the protocol allows for that (mark looks once more), and tests/races explores it.
    """
    condemned = 0
    with transaction.atomic(), connection.cursor() as cursor:
        for id_ in ids:
            cursor.execute(
                f"UPDATE blob SET condemned_at = {_NOW}"
                " WHERE id = %(id)s AND condemned_at IS NULL AND"
                f" (verified_at IS NOT NULL OR created_at <= {_ago('claim_age')})",
                {"id": id_, "claim_age": claim_age_seconds},
            )
            condemned += cursor.rowcount
    return condemned


def mark(
    *, grace_seconds: float, lease_seconds: float, limit: int
) -> tuple[list[Marked], int]:
    """See Dialect.mark."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, {_REFERRED} FROM blob WHERE (deleting_since IS NULL"
            f" AND condemned_at <= {_ago('grace')})"
            f" OR deleting_since <= {_ago('lease')} ORDER BY id LIMIT %(limit)s",
            {"grace": grace_seconds, "lease": lease_seconds, "limit": limit},
        )
        rows = cursor.fetchall()
        marked = []
        for id_, referred in rows:
            if referred:
                cursor.execute(
                    "UPDATE blob SET condemned_at = NULL, deleting_since = NULL"
                    " WHERE id = %s",
                    [id_],
                )
                continue
            cursor.execute(
                f"UPDATE blob SET deleting_since = {_NOW} WHERE id = %(id)s"
                " RETURNING id, sha256, size, deleting_since || ''",
                {"id": id_},
            )
            marked.append(Marked(*cursor.fetchone()))
    return marked, len(rows) - len(marked)


def drop(marked: Marked) -> bool:
    """See Dialect.drop."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM blob WHERE id = %s AND deleting_since = %s",
            [marked.id, marked.deleting_since],
        )
        return bool(cursor.rowcount == 1)


def adopt_orphan(*, sha256: str, size: int) -> Marked | None:
    """See Dialect.adopt_orphan."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO blob (sha256, size, created_at, condemned_at, deleting_since)"
            f" VALUES (%(sha256)s, %(size)s, {_NOW}, {_NOW}, {_NOW})"
            " ON CONFLICT (sha256) DO NOTHING"
            " RETURNING id, sha256, size, deleting_since || ''",
            {"sha256": sha256, "size": size},
        )
        row = cursor.fetchone()
    return Marked(*row) if row else None


_WATERMARK = "coalesce((SELECT position FROM journal_watermark WHERE id = 1), 0)"
_MOVE_WATERMARK = (
    "INSERT INTO journal_watermark (id, position)"
    " SELECT 1, coalesce(max(id), 0) FROM journal_entry WHERE true"
    " ON CONFLICT (id) DO UPDATE SET position = excluded.position"
)


def fold_journal() -> int:
    """See Dialect.fold_journal."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM journal_entry WHERE id > {_WATERMARK}")
        folded = int(cursor.fetchone()[0])
        if not folded:
            return 0
        cursor.execute(
            "INSERT INTO bucket_totals (bucket_id, objects_total, bytes_total)"
            " SELECT bucket_id, sum(objects_delta), sum(bytes_delta)"
            f" FROM journal_entry WHERE id > {_WATERMARK} GROUP BY bucket_id"
            " ON CONFLICT (bucket_id) DO UPDATE SET"
            " objects_total = objects_total + excluded.objects_total,"
            " bytes_total = bytes_total + excluded.bytes_total"
        )
        cursor.execute(_MOVE_WATERMARK)
    return folded


def recount() -> None:
    """See Dialect.recount."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM bucket_totals")
        cursor.execute(
            "INSERT INTO bucket_totals (bucket_id, objects_total, bytes_total)"
            " SELECT bucket_id, count(*), sum(size) FROM stored_object"
            " WHERE is_latest AND NOT is_delete_marker GROUP BY bucket_id"
        )
        cursor.execute(_MOVE_WATERMARK)


def totals_unfolded() -> str:
    """See Dialect.totals_unfolded."""
    return f"j.id > {_WATERMARK}"


def position_function() -> str:
    """See Dialect.position_function."""
    return "instr"
