"""Commit and delete of one key on PostgreSQL: the hot path, one statement each."""

import json
from functools import cache
from typing import Any

from django.db import DatabaseError

from objects_app.queries import postgresql_quotas, run
from objects_app.queries.changes import Mark
from objects_app.queries.plans import NULL_VERSION, new_version_id
from objects_app.queries.postgresql_changes import RUN_AGAIN, apply
from objects_app.queries.rows import (
    ANYTHING,
    Actor,
    Claim,
    Committed,
    Deleted,
    NewObject,
    Preconditions,
    Room,
)
from objects_app.queries.single import (
    committed,
    deleted,
    put_change,
    removal_change,
)

# The row as claimed: after a crash that lost an asynchronous claim the database may
# hand its id to other content, so id, digest and creation time must all agree.
_AS_CLAIMED = "id = %(blob_id)s AND sha256 = %(sha256)s AND created_at = %(claimed_at)s"

# Whoever changes a bucket's versioning waits for the writers in flight; later ones see
# it here, and look the bucket up again.
_VERSIONING = """EXISTS (SELECT FROM bucket
    WHERE id = %(bucket_id)s::bigint AND versioning = %(versioning)s)"""

# A request that has seen the bytes rescues a condemned blob by this very update.
_MARK_SEEN = f"""
  UPDATE blob SET verified_at = clock_timestamp(), condemned_at = NULL
  WHERE {_AS_CLAIMED} AND deleting_since IS NULL AND {_VERSIONING} RETURNING id
"""

# A trusted hit writes nothing. FOR KEY SHARE would let a sweeper condemn meanwhile.
_MARK_TRUSTED = f"""
  SELECT id FROM blob
  WHERE {_AS_CLAIMED} AND condemned_at IS NULL AND verified_at IS NOT NULL
    AND {_VERSIONING} FOR SHARE
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
    "tags": "%(tags)s::jsonb",
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

_COLUMNS = (
    f"{', '.join(_NEW_VALUES)}, version_id, is_latest, is_delete_marker, created_at"
)
_INSERT = f"""
  INSERT INTO stored_object ({_COLUMNS})
  SELECT {", ".join(_NEW_VALUES.values())}, 'null', true, false, clock_timestamp()
  FROM b"""
# An object made of segments is left to the engine: a statement that waited for whoever
# made it does not see them, and they would stay.
_IS_WHOLE = "stored_object.blob_id IS NOT NULL"
_ON_CONFLICT = " ON CONFLICT (bucket_id, key) WHERE is_latest "

JOURNAL_COLUMNS = (
    "bucket_id, bucket_name, key, version_id, operation, objects_delta, bytes_delta,"
    " sha256, old_blob_id, actor, node_id, request_id, key_id, address"
)


def commit(
    *,
    claim: Claim,
    new: NewObject,
    conditions: Preconditions,
    wrote: bool,
    by: Actor,
    limited: bool = False,
) -> Committed | None:
    """See Dialect.commit.

    What the one statement does not write the engine decides, under the key's lock: with
    versions enabled, of writers of one key at once one wins each time. Suspended, it is
    always the engine's.
    """
    if new.versioning == "suspended":
        return _commit_in_turn(
            claim=claim,
            new=new,
            conditions=conditions,
            wrote=wrote,
            by=by,
            limited=limited,
        )
    version_id = NULL_VERSION if new.versioning == "off" else new_version_id()
    parameters = {
        **new._asdict(),
        **_condition_parameters(conditions),
        "headers": json.dumps(new.headers),
        "metadata": json.dumps(new.metadata),
        "tags": json.dumps(new.tags),
        "blob_id": claim.id,
        "claimed_at": claim.created_at,
        "version_id": version_id,
        **by.columns(),
    }
    statement = (_commit_statement if new.versioning == "off" else _version_statement)(
        wrote=wrote, limited=limited, shape=_shape(conditions)
    )
    try:
        row = run.row(statement, parameters)
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", None) in RUN_AGAIN:
            return None
        raise
    if row is None:
        return None
    created_at, replaced, *room = row
    if created_at is not None:
        return Committed(version_id, created_at, replaced)
    if new.versioning == "enabled" or conditions.if_none_match != ("*",):
        return _commit_in_turn(
            claim=claim,
            new=new,
            conditions=conditions,
            wrote=wrote,
            by=by,
            limited=limited,
        )
    if limited:
        return _refused(Room._make(room), new.size, conditions)
    return Committed(None, None, replaced)


def _commit_in_turn(
    *,
    claim: Claim,
    new: NewObject,
    conditions: Preconditions,
    wrote: bool,
    by: Actor,
    limited: bool,
) -> Committed | None:
    change = put_change(claim=claim, new=new, conditions=conditions, limited=limited)
    mark = Mark(claim.id, claim.sha256, new.size, claim.created_at, seen=wrote)
    return committed(apply(changes=[change], marks=[mark], by=by))


def _refused(room: Room, size: int, conditions: Preconditions) -> Committed | None:
    """Return why nothing was written; None: to be tried again, as the object that it
    replaces was made smaller meanwhile."""
    present = room.present_size is not None
    unmet = conditions.if_none_match if present else conditions.if_match
    if unmet is not None and (unmet == ("*",) or not present):
        return Committed(None, None, present)
    exceeded = room.exceeded(size=size)
    if exceeded is None and conditions == ANYTHING:
        return None
    return Committed(None, None, present, exceeded)


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
j AS (
  INSERT INTO journal_entry ({JOURNAL_COLUMNS})
  SELECT %(bucket_id)s::bigint, %(bucket_name)s, %(key)s, 'null', 'put',
    (prev_size IS NULL)::int, size - coalesce(prev_size, 0), %(sha256)s, prev_blob_id,
    %(actor)s, %(node_id)s, %(request_id)s, %(key_id)s, %(address)s
  FROM o
)
SELECT o.created_at, o.prev_size IS NOT NULL{columns}
FROM b {join} LEFT JOIN o ON true
"""


@cache
def _version_statement(
    *, wrote: bool, limited: bool, shape: tuple[bool | str, ...]
) -> str:
    """As `_commit_statement`, for a bucket that keeps versions.

    `old`, the latest, becomes history by the time that the new version begins with. If
    it was no longer the latest when its lock was had, or there was none and is one now,
    nothing is inserted, as where a condition fails or a quota is full.
    """
    room, columns, join, fits = ("", "", "", "")
    if limited:
        room, columns, join, fits = (
            postgresql_quotas.ROOM,
            postgresql_quotas.COLUMNS,
            postgresql_quotas.JOIN,
            postgresql_quotas.FITS,
        )
    values = ", ".join(_NEW_VALUES.values()).replace("b.id", "g.id")
    if_match = shape[0]
    return f"""
WITH b AS MATERIALIZED ({_MARK_SEEN if wrote else _MARK_TRUSTED}),
{room}
g AS MATERIALIZED (SELECT b.id FROM b{fits}),
old AS (
  UPDATE stored_object SET is_latest = false, superseded_at = greatest(
    clock_timestamp(), stored_object.created_at + interval '1 microsecond')
  FROM g WHERE bucket_id = %(bucket_id)s::bigint AND key = %(key)s AND is_latest
    AND CASE WHEN is_delete_marker THEN {"false" if if_match else "true"}
      ELSE {_condition(shape)} END
  RETURNING stored_object.id, superseded_at, is_delete_marker
),
o AS (
  INSERT INTO stored_object ({_COLUMNS})
  SELECT {values}, %(version_id)s, true, false,
    coalesce(old.superseded_at, clock_timestamp())
  FROM g LEFT JOIN old ON true {"WHERE old.id IS NOT NULL" if if_match else ""}
  {_ON_CONFLICT} DO NOTHING
  RETURNING created_at, size
),
j AS (
  INSERT INTO journal_entry ({JOURNAL_COLUMNS})
  SELECT %(bucket_id)s::bigint, %(bucket_name)s, %(key)s, %(version_id)s, 'put',
    1, size, %(sha256)s, NULL,
    %(actor)s, %(node_id)s, %(request_id)s, %(key_id)s, %(address)s
  FROM o
)
SELECT o.created_at, old.id IS NOT NULL AND NOT old.is_delete_marker{columns}
FROM b {join} LEFT JOIN o ON true LEFT JOIN old ON true
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
    condition = f"{_IS_WHOLE} AND {_condition(shape)}"
    if limited:
        condition += postgresql_quotas.FITS_STILL
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
        "versioning": "off",
        **by.columns(),
    }
    if run.one(_delete_statement(_shape(conditions)), parameters)[0]:
        return Deleted(removed=True)
    if conditions == ANYTHING:
        return None
    removal = removal_change(
        bucket_id=bucket_id, bucket_name=bucket_name, key=key, conditions=conditions
    )
    return deleted(apply(changes=[removal], by=by))


@cache
def _delete_statement(shape: tuple[bool | str, ...]) -> str:
    return f"""
WITH d AS (
  DELETE FROM stored_object
  WHERE bucket_id = %(bucket_id)s::bigint AND key = %(key)s AND is_latest
    AND {_VERSIONING} AND {_IS_WHOLE} AND {_condition(shape)}
  RETURNING id, size, sha256, blob_id
), j AS (
  INSERT INTO journal_entry ({JOURNAL_COLUMNS})
  SELECT %(bucket_id)s::bigint, %(bucket_name)s, %(key)s, 'null', 'delete',
    -1, -size, sha256, blob_id,
    %(actor)s, %(node_id)s, %(request_id)s, %(key_id)s, %(address)s
  FROM d
)
SELECT EXISTS (SELECT FROM d)
"""
