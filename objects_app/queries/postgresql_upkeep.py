"""The sweep's and the journal's SQL for PostgreSQL, READ COMMITTED."""

from collections.abc import Sequence

from django.db import transaction

from objects_app.queries import run
from objects_app.queries.rows import Marked, Moment

_REFERRED = """(
    EXISTS (SELECT FROM stored_object WHERE blob_id = blob.id)
    OR EXISTS (SELECT FROM segment WHERE blob_id = blob.id)
    OR EXISTS (SELECT FROM upload_part WHERE blob_id = blob.id))"""

_CONDEMNABLE = f"""condemned_at IS NULL
  AND (verified_at IS NOT NULL OR created_at
    < clock_timestamp() - make_interval(secs => %(claim_age)s::float8))
  AND NOT {_REFERRED}"""


def condemn_candidates(
    *, above_id: int, window: int, claim_age_seconds: float
) -> list[int]:
    """See Upkeep.condemn_candidates."""
    return [
        id_
        for (id_,) in run.rows(
            "SELECT id FROM blob WHERE id > %(above)s::bigint"
            " AND id <= %(above)s::bigint + %(window)s::bigint"
            f" AND {_CONDEMNABLE} ORDER BY id",
            {"above": above_id, "window": window, "claim_age": claim_age_seconds},
        )
    ]


def condemn(*, ids: Sequence[int], claim_age_seconds: float) -> int:
    """See Upkeep.condemn. Rows that somebody holds are left for the next sweep."""
    return run.changed(
        "UPDATE blob SET condemned_at = clock_timestamp() WHERE id IN ("
        "SELECT id FROM blob WHERE id = ANY(%(ids)s::bigint[])"
        f" AND {_CONDEMNABLE} ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)",
        {"ids": list(ids), "claim_age": claim_age_seconds},
    )


# Under READ COMMITTED an UPDATE that waited for a lock re-checks its own row but
# evaluates EXISTS on other tables with its old snapshot. So: lock in one statement,
# look for references in the next, whose snapshot is newer than every lock.
_MARK_LOCK = """
SELECT id FROM blob
WHERE (deleting_since IS NULL
    AND condemned_at <= clock_timestamp() - make_interval(secs => %(grace)s::float8)
    AND NOT EXISTS (SELECT FROM sweep_hold WHERE since <= condemned_at))
  OR deleting_since <= clock_timestamp() - make_interval(secs => %(lease)s::float8)
ORDER BY id LIMIT %(limit)s::bigint FOR UPDATE SKIP LOCKED
"""

_MARK_DECIDE = f"""
UPDATE blob SET
  condemned_at = CASE WHEN look.referred THEN NULL ELSE condemned_at END,
  deleting_since = CASE WHEN look.referred THEN NULL ELSE clock_timestamp() END
FROM (
  SELECT id, {_REFERRED} AS referred FROM blob WHERE id = ANY(%(ids)s::bigint[])
) look
WHERE blob.id = look.id
RETURNING blob.id, sha256, size, deleting_since
"""


def mark(
    *, grace_seconds: float, lease_seconds: float, limit: int
) -> tuple[list[Marked], int]:
    """See Upkeep.mark."""
    with transaction.atomic():
        ids = [
            id_
            for (id_,) in run.rows(
                _MARK_LOCK,
                {"grace": grace_seconds, "lease": lease_seconds, "limit": limit},
            )
        ]
        if not ids:
            return [], 0
        rows = run.rows(_MARK_DECIDE, {"ids": ids})
    marked = [Marked(*row) for row in rows if row[-1] is not None]
    return marked, len(rows) - len(marked)


def drop(marked: Marked) -> bool:
    """See Upkeep.drop."""
    dropped = run.changed(
        "DELETE FROM blob WHERE id = %s AND deleting_since = %s",
        [marked.id, marked.deleting_since],
    )
    return dropped == 1


def adopt_orphan(*, sha256: str, size: int) -> Marked | None:
    """See Upkeep.adopt_orphan."""
    row = run.row(
        "INSERT INTO blob (sha256, size, created_at, condemned_at, deleting_since)"
        " SELECT %s, %s::bigint, t, t, t FROM clock_timestamp() t"
        " ON CONFLICT (sha256) DO NOTHING"
        " RETURNING id, sha256, size, deleting_since",
        [sha256, size],
    )
    return Marked(*row) if row else None


_TAKE_LEASE = """
INSERT INTO lease (name, holder, expires_at)
VALUES (%(name)s, %(holder)s,
  clock_timestamp() + make_interval(secs => %(seconds)s::float8))
ON CONFLICT (name) DO UPDATE
  SET holder = excluded.holder, expires_at = excluded.expires_at
  WHERE lease.holder = excluded.holder OR lease.expires_at <= clock_timestamp()
RETURNING holder
"""


def take_lease(*, name: str, holder: str, seconds: float) -> bool:
    """See Upkeep.take_lease. Of many at once the row's lock lets one in after another,
    and each looks at the row that the one before it wrote."""
    parameters = {"name": name, "holder": holder, "seconds": seconds}
    return run.row(_TAKE_LEASE, parameters) is not None


# Longer than deadlock_timeout, when an autovacuum in the way gives up.
_HOLD_LOCK_MS = 5000

# The table's lock waits for every condemn, mark and commit in flight, and those that
# come later see what is written here. So of a blob that is referred to now or in any
# later snapshot, a condemning that counts is later than the moment: an earlier one was
# either undone by the commit that refers to it, or is the rare one made by a stale
# look, undone here.
_UNDO_STALE = f"""
UPDATE blob SET condemned_at = NULL
WHERE condemned_at IS NOT NULL AND deleting_since IS NULL AND {_REFERRED}
"""


def hold_sweep(*, backup: str) -> tuple[Moment, bool]:
    """See Upkeep.hold_sweep. Commits wait for a moment."""
    with transaction.atomic():
        run.changed(f"SET LOCAL lock_timeout = {_HOLD_LOCK_MS}")
        run.changed("SET LOCAL statement_timeout = 0")
        run.changed("LOCK TABLE blob IN EXCLUSIVE MODE")
        [moment] = run.one("SELECT clock_timestamp()")
        run.changed(_UNDO_STALE)
        new = run.changed(
            "INSERT INTO sweep_hold (id, since, backup) VALUES (1, %s, %s)"
            " ON CONFLICT (id) DO NOTHING",
            [moment, backup],
        )
    return moment, new == 1


_WRITERS_LOCK_MS = 5000


def hold_writers() -> None:
    """See Upkeep.hold_writers. Reading goes on."""
    run.changed(f"SET LOCAL lock_timeout = {_WRITERS_LOCK_MS}")
    run.changed("LOCK TABLE stored_object IN SHARE ROW EXCLUSIVE MODE")


_WATERMARK = "coalesce((SELECT position FROM journal_watermark WHERE id = 1), 0)"

# Rows below xmin are settled: committed and in this snapshot, or rolled back.
_FOLD = f"""
WITH h AS MATERIALIZED (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS xmin),
settled AS (
  SELECT bucket_id, objects_delta, bytes_delta FROM journal_entry, h
  WHERE xid >= {_WATERMARK}::text::xid8 AND xid < h.xmin
), added AS (
  INSERT INTO bucket_totals (bucket_id, objects_total, bytes_total)
  SELECT bucket_id, sum(objects_delta), sum(bytes_delta) FROM settled
  WHERE bucket_id <> 0 GROUP BY bucket_id
  ON CONFLICT (bucket_id) DO UPDATE SET
    objects_total = bucket_totals.objects_total + excluded.objects_total,
    bytes_total = bucket_totals.bytes_total + excluded.bytes_total
), moved AS (
  INSERT INTO journal_watermark (id, position) SELECT 1, xmin::text::bigint FROM h
  ON CONFLICT (id) DO UPDATE SET position = excluded.position
)
SELECT count(*) FROM settled
"""


def fold_journal() -> int:
    """See Upkeep.fold_journal. Folds wait for each other, nobody else for them."""
    with transaction.atomic():
        run.changed("LOCK TABLE journal_watermark IN EXCLUSIVE MODE")
        return int(run.one(_FOLD)[0])


def recount() -> None:
    """See Upkeep.recount. Restored rows carry another server's xids: they become 0."""
    with transaction.atomic():
        run.changed("SET LOCAL statement_timeout = 0")
        run.changed("LOCK TABLE journal_watermark IN EXCLUSIVE MODE")
        run.changed(
            "LOCK TABLE stored_object, journal_entry IN SHARE ROW EXCLUSIVE MODE"
        )
        run.changed("UPDATE journal_entry SET xid = '0' WHERE xid <> '0'")
        run.changed("DELETE FROM bucket_totals")
        run.changed(
            "INSERT INTO bucket_totals (bucket_id, objects_total, bytes_total)"
            " SELECT bucket_id, count(*), sum(size) FROM stored_object"
            " WHERE NOT is_delete_marker GROUP BY bucket_id"
        )
        run.changed(
            "INSERT INTO journal_watermark (id, position)"
            " SELECT 1, pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
            " ON CONFLICT (id) DO UPDATE SET position = excluded.position"
        )


def totals_unfolded() -> str:
    """See Upkeep.totals_unfolded."""
    return f"j.xid >= {_WATERMARK}::text::xid8"
