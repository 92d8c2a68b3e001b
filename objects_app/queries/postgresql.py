"""The data plane's SQL for PostgreSQL, READ COMMITTED, one statement a step.

Parameters are cast where the server cannot infer their type: with server-side binding
psycopg sends text as unknown and small integers as smallint.
"""

from datetime import datetime

from objects_app.queries import quotas, run
from objects_app.queries.postgresql_changes import (
    apply,
    lock_keys,
    mark,
)
from objects_app.queries.postgresql_objects import (
    JOURNAL_COLUMNS,
    commit,
    delete_object,
)
from objects_app.queries.rows import Actor, BlobState, BucketRow, Claim, Moment

__all__ = [
    "apply",
    "claim",
    "clock",
    "commit",
    "create_bucket",
    "delete_object",
    "lock_keys",
    "mark",
    "moment",
    "position_function",
    "version_at",
]

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

_CREATE_BUCKET = f"""
WITH b AS (
  INSERT INTO bucket (name, owner_id, visibility, created_at)
  SELECT %(name)s, %(owner_id)s::bigint, 'private', clock_timestamp()
  WHERE {quotas.MAY_OWN_ANOTHER}
  ON CONFLICT (name) DO NOTHING
  RETURNING id, name, owner_id, visibility, versioning, versioned_since,
    created_at, {quotas.OWNER_HAS_QUOTA}
), j AS (
  INSERT INTO journal_entry ({JOURNAL_COLUMNS})
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


def clock() -> datetime:
    """See Dialect.clock."""
    found: datetime = run.one("SELECT clock_timestamp()")[0]
    return found


def moment(time: datetime) -> Moment:
    """See Dialect.moment."""
    return time


# The row itself, or one found by one step into the index of older versions: a join by
# the id of either would look each up once more (three times as slow).
_VERSION_AT = """LATERAL (
  SELECT o.* WHERE o.created_at <= %(at)s
  UNION ALL
  SELECT * FROM (
    SELECT h.* FROM stored_object h
    WHERE o.created_at > %(at)s AND h.bucket_id = o.bucket_id AND h.key = o.key
      AND NOT h.is_latest AND h.created_at <= %(at)s
    ORDER BY h.created_at DESC LIMIT 1) older
) v ON true"""


def version_at() -> str:
    """See Dialect.version_at."""
    return _VERSION_AT


def position_function() -> str:
    """See Dialect.position_function."""
    return "strpos"
