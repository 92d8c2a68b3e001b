"""The sweep's and the journal's SQL for SQLite, under BEGIN IMMEDIATE."""

from collections.abc import Sequence

from django.db import transaction

from objects_app.queries import run
from objects_app.queries.rows import Marked, Moment
from objects_app.queries.sqlite import NOW, UNFOLDED, WATERMARK, ago, ahead

_REFERRED = """(
    EXISTS (SELECT 1 FROM stored_object WHERE blob_id = blob.id)
    OR EXISTS (SELECT 1 FROM segment WHERE blob_id = blob.id)
    OR EXISTS (SELECT 1 FROM upload_part WHERE blob_id = blob.id))"""

# A condemning by a stale look (queries/postgresql_upkeep.py says why it is undone).
_UNDO_STALE = (
    "UPDATE blob SET condemned_at = NULL"
    f" WHERE condemned_at IS NOT NULL AND deleting_since IS NULL AND {_REFERRED}"
)
_HELD = "EXISTS (SELECT 1 FROM sweep_hold WHERE since <= condemned_at)"


def condemn_candidates(
    *, above_id: int, window: int, claim_age_seconds: float
) -> list[int]:
    """See Upkeep.condemn_candidates."""
    return [
        id_
        for (id_,) in run.rows(
            "SELECT id FROM blob WHERE id > %(above)s AND id <= %(above)s + %(window)s"
            " AND condemned_at IS NULL AND (verified_at IS NOT NULL"
            f" OR created_at <= {ago('claim_age')}) AND NOT {_REFERRED} ORDER BY id",
            {"above": above_id, "window": window, "claim_age": claim_age_seconds},
        )
    ]


def condemn(*, ids: Sequence[int], claim_age_seconds: float) -> int:
    """See Upkeep.condemn.

    It does not look for references again, on purpose: PostgreSQL's look may be stale,
    the protocol allows for that (mark looks once more), and tests/races explores it.
    """
    condemned = 0
    with transaction.atomic():
        for id_ in ids:
            condemned += run.changed(
                f"UPDATE blob SET condemned_at = {NOW}"
                " WHERE id = %(id)s AND condemned_at IS NULL AND"
                f" (verified_at IS NOT NULL OR created_at <= {ago('claim_age')})",
                {"id": id_, "claim_age": claim_age_seconds},
            )
    return condemned


def mark(
    *, grace_seconds: float, lease_seconds: float, limit: int
) -> tuple[list[Marked], int]:
    """See Upkeep.mark."""
    with transaction.atomic():
        rows = run.rows(
            f"SELECT id, {_REFERRED} FROM blob WHERE (deleting_since IS NULL"
            f" AND condemned_at <= {ago('grace')} AND NOT {_HELD})"
            f" OR deleting_since <= {ago('lease')} ORDER BY id LIMIT %(limit)s",
            {"grace": grace_seconds, "lease": lease_seconds, "limit": limit},
        )
        marked = []
        for id_, referred in rows:
            if referred:
                run.changed(
                    "UPDATE blob SET condemned_at = NULL, deleting_since = NULL"
                    " WHERE id = %s",
                    [id_],
                )
                continue
            marked.append(
                Marked(
                    *run.one(
                        f"UPDATE blob SET deleting_since = {NOW} WHERE id = %(id)s"
                        " RETURNING id, sha256, size, deleting_since || ''",
                        {"id": id_},
                    )
                )
            )
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
        f" VALUES (%(sha256)s, %(size)s, {NOW}, {NOW}, {NOW})"
        " ON CONFLICT (sha256) DO NOTHING"
        " RETURNING id, sha256, size, deleting_since || ''",
        {"sha256": sha256, "size": size},
    )
    return Marked(*row) if row else None


def take_lease(*, name: str, holder: str, seconds: float) -> bool:
    """See Upkeep.take_lease."""
    row = run.row(
        "INSERT INTO lease (name, holder, expires_at)"
        f" VALUES (%(name)s, %(holder)s, {ahead('seconds')})"
        " ON CONFLICT (name) DO UPDATE"
        " SET holder = excluded.holder, expires_at = excluded.expires_at"
        f" WHERE lease.holder = excluded.holder OR lease.expires_at <= {NOW}"
        " RETURNING holder",
        {"name": name, "holder": holder, "seconds": seconds},
    )
    return row is not None


def hold_sweep(*, backup: str) -> tuple[Moment, bool]:
    """See Upkeep.hold_sweep. The transaction is the lock: nobody else writes."""
    with transaction.atomic():
        [moment] = run.one(f"SELECT {NOW}")
        run.changed(_UNDO_STALE)
        new = run.changed(
            "INSERT INTO sweep_hold (id, since, backup) VALUES (1, %s, %s)"
            " ON CONFLICT (id) DO NOTHING",
            [moment, backup],
        )
    return moment, new == 1


def hold_writers() -> None:
    """See Upkeep.hold_writers. The transaction is the lock."""


_MOVE_WATERMARK = (
    "INSERT INTO journal_watermark (id, position)"
    " SELECT 1, coalesce(max(id), 0) FROM journal_entry WHERE true"
    " ON CONFLICT (id) DO UPDATE SET position = excluded.position"
)


def fold_journal() -> int:
    """See Upkeep.fold_journal."""
    with transaction.atomic():
        folded = int(
            run.one(f"SELECT count(*) FROM journal_entry WHERE id > {WATERMARK}")[0]
        )
        if not folded:
            return 0
        run.changed(
            "INSERT INTO bucket_totals (bucket_id, objects_total, bytes_total)"
            " SELECT bucket_id, sum(objects_delta), sum(bytes_delta)"
            f" FROM journal_entry WHERE id > {WATERMARK} AND bucket_id <> 0"
            " GROUP BY bucket_id"
            " ON CONFLICT (bucket_id) DO UPDATE SET"
            " objects_total = objects_total + excluded.objects_total,"
            " bytes_total = bytes_total + excluded.bytes_total"
        )
        run.changed(_MOVE_WATERMARK)
    return folded


def recount() -> None:
    """See Upkeep.recount."""
    with transaction.atomic():
        run.changed("DELETE FROM bucket_totals")
        run.changed(
            "INSERT INTO bucket_totals (bucket_id, objects_total, bytes_total)"
            " SELECT bucket_id, count(*), sum(size) FROM stored_object"
            " WHERE NOT is_delete_marker GROUP BY bucket_id"
        )
        run.changed(_MOVE_WATERMARK)


def totals_unfolded() -> str:
    """See Upkeep.totals_unfolded."""
    return UNFOLDED
