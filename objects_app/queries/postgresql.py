"""The protocol's SQL for PostgreSQL, READ COMMITTED, one statement a step.

Parameters are cast where the server cannot infer their type: with server-side binding
psycopg sends text as unknown and small integers as smallint.
"""

import json
from functools import cache
from typing import Any

from django.db import DatabaseError

from objects_app.queries import postgresql_quotas, quotas, run
from objects_app.queries.rows import (
    ANYTHING,
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

# Reads first: a hit takes no lock and writes no WAL. Only an insert commits
# asynchronously: a claim lost in a crash sends its commit back here. When somebody's
# insert commits between our look and our insert, neither part has a row: run it again.
_CLAIM = """
WITH found AS MATERIALIZED (
  SELECT id, created_at, verified_at IS NOT NULL AS once_verified,
    CASE
      WHEN deleting_since IS NOT NULL THEN 'deleting'
      WHEN condemned_at IS NOT NULL THEN 'condemned'
      WHEN verified_at IS NULL THEN 'claimed'
      WHEN verified_at > clock_timestamp() - make_interval(secs => %(trust)s::float8)
        THEN 'live'
      ELSE 'untrusted'
    END AS state
  FROM blob WHERE sha256 = %(sha256)s
), inserted AS (
  INSERT INTO blob (sha256, size, created_at)
  SELECT %(sha256)s, %(size)s::bigint, clock_timestamp()
  FROM set_config('synchronous_commit', 'off', true)
  WHERE NOT EXISTS (SELECT FROM found)
  ON CONFLICT (sha256) DO NOTHING
  RETURNING id, created_at, false, 'claimed'
)
SELECT * FROM found UNION ALL SELECT * FROM inserted
"""

# The row as claimed: after a crash that lost an asynchronous claim the database may
# hand its id to other content, so id, digest and creation time must all agree.
_AS_CLAIMED = "id = %(blob_id)s AND sha256 = %(sha256)s AND created_at = %(claimed_at)s"

# A request that has seen the bytes rescues a condemned blob by this very update.
_MARK_SEEN = f"""
  UPDATE blob SET verified_at = clock_timestamp(), condemned_at = NULL
  WHERE {_AS_CLAIMED} AND deleting_since IS NULL RETURNING id
"""

# A trusted hit writes nothing. FOR KEY SHARE would let a sweeper condemn meanwhile.
_MARK_TRUSTED = f"""
  SELECT id FROM blob
  WHERE {_AS_CLAIMED} AND condemned_at IS NULL AND verified_at IS NOT NULL FOR SHARE
"""

_NEW_VALUES = {
    "bucket_id": "%(bucket_id)s::bigint",
    "key": "%(key)s",
    "blob_id": "b.id",
    "sha256": "%(sha256)s",
    "size": "%(size)s::bigint",
    "etag": "%(etag)s",
    "content_type": "%(content_type)s",
    "headers": "%(headers)s::jsonb",
    "metadata": "%(metadata)s::jsonb",
    "tags": "'{}'::jsonb",
    "node_id": "%(node_id)s",
}

# The deltas come from the locked, latest row: prev_size reads `stored_object`, which in
# a SELECT of the same statement would still be the snapshot's. `excluded.created_at`
# dates from before the wait for that lock, so time is taken again under it.
_OVERWRITE = (
    "prev_size = stored_object.size, prev_blob_id = stored_object.blob_id,"
    " created_at = greatest(clock_timestamp(),"
    " stored_object.created_at + interval '1 microsecond')"
)

_RETURNING = "RETURNING stored_object.id, created_at, prev_size, prev_blob_id, size"

_INSERT = f"""
  INSERT INTO stored_object ({", ".join(_NEW_VALUES)},
    version_id, is_latest, is_delete_marker, created_at)
  SELECT {", ".join(_NEW_VALUES.values())}, 'null', true, false, clock_timestamp()
  FROM b"""
_ON_CONFLICT = " ON CONFLICT (bucket_id, key) WHERE is_latest "

# ON CONFLICT watches over one index. Of two creators of a key, the second may pass that
# one before the first inserts, then wait at the other (bucket, key, version_id) and be
# refused there (unique_violation), or each waits for the other (deadlock_detected):
# nothing was written, and the next try finds the first one's row.
_RUN_AGAIN = {"23505", "40P01"}

_JOURNAL_COLUMNS = (
    "bucket_id, bucket_name, key, version_id, operation, objects_delta, bytes_delta,"
    " sha256, old_blob_id, actor, node_id, request_id, key_id, address"
)


_CREATE_BUCKET = f"""
WITH b AS (
  INSERT INTO bucket (name, owner_id, visibility, created_at)
  SELECT %(name)s, %(owner_id)s::bigint, 'private', clock_timestamp()
  WHERE {quotas.MAY_OWN_ANOTHER}
  ON CONFLICT (name) DO NOTHING
  RETURNING id, name, owner_id, visibility, created_at, {quotas.OWNER_HAS_QUOTA}
), j AS (
  INSERT INTO journal_entry ({_JOURNAL_COLUMNS})
  SELECT id, name, '', '', 'create_bucket', 0, 0, '', NULL,
    %(actor)s, %(node_id)s, %(request_id)s, %(key_id)s, %(address)s
  FROM b
)
SELECT * FROM b
"""


def create_bucket(*, name: str, owner_id: int | None, by: Actor) -> BucketRow | None:
    """See Dialect.create_bucket."""
    parameters = {
        "name": name,
        "owner_id": owner_id,
        **by.columns(),
    }
    row = run.row(_CREATE_BUCKET, parameters)
    return BucketRow(*row) if row else None


def claim(*, sha256: str, size: int, trust_seconds: int) -> Claim | None:
    """See Dialect.claim."""
    row = run.row(_CLAIM, {"sha256": sha256, "size": size, "trust": trust_seconds})
    if row is None:
        return None
    id_, created_at, once_verified, state = row
    return Claim(id_, sha256, created_at, BlobState(state), once_verified)


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
    parameters = {
        **new._asdict(),
        **_condition_parameters(conditions),
        "headers": json.dumps(new.headers),
        "metadata": json.dumps(new.metadata),
        "blob_id": claim.id,
        "claimed_at": claim.created_at,
        **by.columns(),
    }
    statement = _commit_statement(
        wrote=wrote, limited=limited, shape=_shape(conditions)
    )
    try:
        row = run.row(statement, parameters)
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", None) in _RUN_AGAIN:
            return None
        raise
    if row is None:
        return None
    created_at, replaced, *room = row
    if limited and created_at is None:
        return _refused(Room._make(room), new.size, conditions)
    return Committed(created_at, replaced)


def _refused(room: Room, size: int, conditions: Preconditions) -> Committed | None:
    """Return why nothing was written; None: to be tried again, as the object that it
    replaces was made smaller meanwhile."""
    present = room.present_size is not None
    unmet = conditions.if_none_match if present else conditions.if_match
    if unmet is not None and (unmet == ("*",) or not present):
        return Committed(None, present)
    exceeded = room.exceeded(size=size)
    if exceeded is None and conditions == ANYTHING:
        return None
    return Committed(None, present, exceeded)


@cache
def _commit_statement(
    *, wrote: bool, limited: bool, shape: tuple[bool | str, ...]
) -> str:
    """Return one of the few texts the commit has, so that each stays prepared."""
    room, columns, join = ("", "", "")
    if limited:
        room, columns, join = (
            postgresql_quotas.ROOM,
            postgresql_quotas.COLUMNS,
            postgresql_quotas.JOIN,
        )
    return f"""
WITH b AS MATERIALIZED ({_MARK_SEEN if wrote else _MARK_TRUSTED}),
{room}
o AS ({_upsert(shape, limited=limited)} {_RETURNING}),
s AS (
  DELETE FROM segment USING o
  WHERE segment.object_id = o.id AND o.prev_size IS NOT NULL
),
j AS (
  INSERT INTO journal_entry ({_JOURNAL_COLUMNS})
  SELECT %(bucket_id)s::bigint, %(bucket_name)s, %(key)s, 'null', 'put',
    (prev_size IS NULL)::int, size - coalesce(prev_size, 0), %(sha256)s, prev_blob_id,
    %(actor)s, %(node_id)s, %(request_id)s, %(key_id)s, %(address)s
  FROM o
)
SELECT o.created_at, o.prev_size IS NOT NULL{columns}
FROM b {join} LEFT JOIN o ON true
"""


def _shape(conditions: Preconditions) -> tuple[bool | str, ...]:
    """Which conditions were sent: they choose the statement, not its values."""

    def sent(tags: tuple[str, ...] | None) -> str:
        return "" if tags is None else "any" if tags == ("*",) else "tags"

    return (
        sent(conditions.if_match),
        sent(conditions.if_none_match),
        conditions.if_unmodified_since is not None,
    )


def _condition_parameters(conditions: Preconditions) -> dict[str, Any]:
    return {
        "if_match": list(conditions.if_match or ()),
        "if_none_match": list(conditions.if_none_match or ()),
        "unmodified_since": conditions.if_unmodified_since,
    }


def _condition(shape: tuple[bool | str, ...]) -> str:
    """Return the conditions on a present row, in RFC 9110 13.2.2's order."""
    if_match, if_none_match, unmodified_since = shape
    terms = ["true"]
    if if_match == "tags":
        terms.append("stored_object.etag = ANY(%(if_match)s::text[])")
    elif not if_match and unmodified_since:
        terms.append(
            "date_trunc('second', stored_object.created_at)"
            " <= %(unmodified_since)s::timestamptz"
        )
    if if_none_match == "any":
        terms.append("false")
    elif if_none_match == "tags":
        terms.append("NOT stored_object.etag = ANY(%(if_none_match)s::text[])")
    return f"({' AND '.join(terms)})"


def _upsert(shape: tuple[bool | str, ...], *, limited: bool) -> str:
    if_match, if_none_match, _ = shape
    condition = f"{_condition(shape)}{postgresql_quotas.FITS_STILL if limited else ''}"
    if if_match:
        assignments = ", ".join(
            f"{column} = {value}"
            for column, value in _NEW_VALUES.items()
            if column not in {"bucket_id", "key"}
        )
        return f"""
  UPDATE stored_object SET {_OVERWRITE}, {assignments} FROM b
  WHERE bucket_id = %(bucket_id)s::bigint AND key = %(key)s AND is_latest
    AND {condition}
"""
    insert = f"{_INSERT}{postgresql_quotas.FITS if limited else ''}{_ON_CONFLICT}"
    if if_none_match == "any":
        return f"{insert} DO NOTHING"
    assignments = ", ".join(
        f"{column} = excluded.{column}"
        for column in _NEW_VALUES
        if column not in {"bucket_id", "key"}
    )
    return f"{insert} DO UPDATE SET {_OVERWRITE}, {assignments} WHERE {condition}"


def delete_object(
    *,
    bucket_id: int,
    bucket_name: str,
    key: str,
    conditions: Preconditions,
    by: Actor,
) -> Deleted | None:
    """See Dialect.delete_object."""
    parameters = {
        **_condition_parameters(conditions),
        "bucket_id": bucket_id,
        "bucket_name": bucket_name,
        "key": key,
        **by.columns(),
    }
    size, existed = run.one(_delete_statement(_shape(conditions)), parameters)
    if size is None:
        return Deleted(removed=False, size=0) if existed else None
    return Deleted(removed=True, size=size)


@cache
def _delete_statement(shape: tuple[bool | str, ...]) -> str:
    return f"""
WITH d AS (
  DELETE FROM stored_object
  WHERE bucket_id = %(bucket_id)s::bigint AND key = %(key)s AND is_latest
    AND {_condition(shape)}
  RETURNING id, size, sha256, blob_id
), s AS (
  DELETE FROM segment USING d WHERE segment.object_id = d.id
), j AS (
  INSERT INTO journal_entry ({_JOURNAL_COLUMNS})
  SELECT %(bucket_id)s::bigint, %(bucket_name)s, %(key)s, 'null', 'delete',
    -1, -size, sha256, blob_id,
    %(actor)s, %(node_id)s, %(request_id)s, %(key_id)s, %(address)s
  FROM d
)
SELECT (SELECT size FROM d), {_exists(shape)}
"""


def _exists(shape: tuple[bool | str, ...]) -> str:
    """Return what tells a condition that failed from a key that is not there.

    By the snapshot: a condition that held in it may have failed on the locked, newer
    row. Without conditions nothing but a missing key can have come between.
    """
    if not any(shape):
        return "false"
    return """EXISTS (
  SELECT FROM stored_object
  WHERE bucket_id = %(bucket_id)s::bigint AND key = %(key)s AND is_latest
)"""


def position_function() -> str:
    """See Dialect.position_function."""
    return "strpos"
