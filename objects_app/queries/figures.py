"""The worker's figures and the overview's totals: the same text on both databases.

What grows with the store is read in windows of blobs' ids, so that no statement is
long.
"""

from datetime import datetime
from typing import NamedTuple

from objects_app.queries import run, upkeep
from objects_app.queries.plans import aware

MANY = 10_000

_USES = """
  SELECT o.bucket_id, o.blob_id FROM stored_object o
  WHERE o.blob_id > %(above)s AND o.blob_id <= %(through)s
  UNION {all}
  SELECT o.bucket_id, s.blob_id
  FROM segment s JOIN stored_object o ON o.id = s.object_id
  WHERE s.blob_id > %(above)s AND s.blob_id <= %(through)s"""

# Said of the blobs once more: a merge join would begin at the first of all.
_BLOBS = "blob b ON b.id = u.blob_id AND b.id > %(above)s AND b.id <= %(through)s"

_STORED = f"""
SELECT u.bucket_id, sum(b.size) FROM ({_USES.format(all="")}) u
JOIN {_BLOBS} GROUP BY u.bucket_id"""

_DUPLICATED = f"""
SELECT b.id, b.sha256, b.size, u.uses FROM (
  SELECT blob_id, count(*) AS uses FROM ({_USES.format(all="ALL")}) each_use
  GROUP BY blob_id HAVING count(*) > 1) u
JOIN {_BLOBS} WHERE b.size > 0
ORDER BY b.size * (u.uses - 1) DESC, b.id LIMIT %(limit)s"""


class Duplicated(NamedTuple):
    """A blob and how many times objects are, or are partly, made of it."""

    blob_id: int
    sha256: str
    size: int
    uses: int

    @property
    def saved(self) -> int:
        """The bytes that another copy for each use would take."""
        return self.size * (self.uses - 1)


def stored_bytes(*, above: int, through: int) -> dict[int, int]:
    """Return bytes per bucket of the blobs with an id in (above, through]: each blob
    once in every bucket that uses it."""
    rows = run.rows(_STORED, {"above": above, "through": through})
    return {bucket_id: int(size) for bucket_id, size in rows}


def most_duplicated(*, above: int, through: int, limit: int) -> list[Duplicated]:
    """Return those of these blobs that deduplication saves most by."""
    window = {"above": above, "through": through}
    rows = run.rows(_DUPLICATED, {**window, "limit": limit})
    return [Duplicated._make(row) for row in rows]


def totals() -> dict[int, tuple[int, int]]:
    """Return objects and bytes of every bucket, exact at one moment."""
    rows = run.rows(f"SELECT id, n, size FROM ({_totals()}) summed")
    return {bucket_id: (int(n), int(size)) for bucket_id, n, size in rows}


class BucketSize(NamedTuple):
    """A bucket's totals, exact at one moment; `stored` as last measured, or None."""

    bucket_id: int
    name: str
    objects: int
    named: int
    stored: int | None


class Largest(NamedTuple):
    """The largest buckets, the largest first, and what all buckets add up to."""

    top: list[BucketSize]
    buckets: int
    objects: int
    named: int


def largest(limit: int) -> Largest:
    """Return the buckets whose objects name the most bytes."""
    rows = run.rows(
        "SELECT s.id, s.name, s.n, s.size, f.stored_bytes, count(*) OVER (),"
        f" sum(s.n) OVER (), sum(s.size) OVER () FROM ({_totals()}) s"
        " LEFT JOIN bucket_figures f ON f.bucket_id = s.id"
        " ORDER BY s.size DESC, s.name LIMIT %(limit)s",
        {"limit": limit},
    )
    top = [
        BucketSize(id_, name, int(n), int(size), stored)
        for id_, name, n, size, stored, *_ in rows
    ]
    return Largest(top, *(map(int, rows[0][5:]) if rows else (0, 0, 0)))


def _totals() -> str:
    """Return the statement for `id`, `name`, `n` objects and `size` of all buckets."""
    return f"""
SELECT b.id, b.name, coalesce(sum(p.n), 0) AS n, coalesce(sum(p.size), 0) AS size
FROM bucket b LEFT JOIN (
  SELECT bucket_id, objects_total AS n, bytes_total AS size FROM bucket_totals
  UNION ALL
  SELECT j.bucket_id, j.objects_delta, j.bytes_delta FROM journal_entry j
  WHERE {upkeep.totals_unfolded()}) p ON p.bucket_id = b.id
GROUP BY b.id, b.name"""


class Example(NamedTuple):
    """A duplicated content, and an object that is made of it alone, if there is one."""

    sha256: str
    size: int
    uses: int
    bucket: str | None
    key: str | None
    version_id: str | None

    @property
    def saved(self) -> int:
        """The bytes that another copy for each use would take."""
        return self.size * (self.uses - 1)


def duplicated() -> list[Example]:
    """Return the most duplicated contents as last measured, each with an example."""
    rows = run.rows(
        "SELECT d.sha256, d.size, d.uses, b.name, o.key, o.version_id"
        " FROM duplicated_content d LEFT JOIN stored_object o ON o.id = ("
        "SELECT x.id FROM stored_object x WHERE x.blob_id = d.blob_id LIMIT 1)"
        " LEFT JOIN bucket b ON b.id = o.bucket_id"
        " ORDER BY d.size * (d.uses - 1) DESC, d.blob_id"
    )
    return [Example._make(row) for row in rows]


class State(NamedTuple):
    """How the upkeep stands, all by the database's clock, which says `now`.

    `unfolded` journal rows, counted up to MANY, are not in the totals yet, and the
    oldest of them is of `oldest`.
    `holder` has the worker's lease, if `leads`. `held_since` is the moment of the
    backup whose bytes the sweep keeps.
    """

    now: datetime
    unfolded: int
    oldest: datetime | None
    holder: str | None
    leads: bool
    held_since: datetime | None
    backup: str | None


def state(*, lease: str) -> State:
    """Return it; `lease` is the name of the worker's."""
    now, count, oldest, holder, leads, since, backup = run.one(
        f"""
SELECT t.now, u.n, u.oldest, l.holder, l.expires_at > t.now, h.since, h.backup
FROM (SELECT CURRENT_TIMESTAMP AS now) t CROSS JOIN (
  SELECT count(*) AS n, min(w.created_at) AS oldest FROM (
    SELECT j.created_at FROM journal_entry j
    WHERE {upkeep.totals_unfolded()} LIMIT {MANY}) w) u
LEFT JOIN lease l ON l.name = %(lease)s LEFT JOIN sweep_hold h ON h.id = 1""",
        {"lease": lease},
    )
    return State(
        now=aware(now),
        unfolded=count,
        oldest=aware(oldest) if oldest else None,
        holder=holder,
        leads=bool(leads),
        held_since=aware(since) if since else None,
        backup=backup,
    )
