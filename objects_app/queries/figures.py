"""The worker's figures and the overview's totals: the same text on both databases.

What grows with the store is read in windows of blobs' ids, so that no statement is
long.
"""

from typing import NamedTuple

from objects_app.queries import run, upkeep

_USES = """
  SELECT o.bucket_id, o.blob_id FROM stored_object o
  WHERE o.blob_id > %(above)s AND o.blob_id <= %(above)s + %(window)s
  UNION {all}
  SELECT o.bucket_id, s.blob_id
  FROM segment s JOIN stored_object o ON o.id = s.object_id
  WHERE s.blob_id > %(above)s AND s.blob_id <= %(above)s + %(window)s"""

_STORED = f"""
SELECT u.bucket_id, sum(b.size) FROM ({_USES.format(all="")}) u
JOIN blob b ON b.id = u.blob_id GROUP BY u.bucket_id"""

_DUPLICATED = f"""
SELECT b.id, b.sha256, b.size, u.uses FROM (
  SELECT blob_id, count(*) AS uses FROM ({_USES.format(all="ALL")}) each_use
  GROUP BY blob_id HAVING count(*) > 1) u
JOIN blob b ON b.id = u.blob_id WHERE b.size > 0
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


def stored_bytes(*, above_id: int, window: int) -> dict[int, int]:
    """Return bytes per bucket of the blobs with an id in (above_id, above_id + window]:
    each blob once in every bucket that uses it."""
    rows = run.rows(_STORED, {"above": above_id, "window": window})
    return {bucket_id: int(size) for bucket_id, size in rows}


def most_duplicated(*, above_id: int, window: int, limit: int) -> list[Duplicated]:
    """Return those of the window that deduplication saves most by."""
    rows = run.rows(_DUPLICATED, {"above": above_id, "window": window, "limit": limit})
    return [Duplicated._make(row) for row in rows]


def totals() -> dict[int, tuple[int, int]]:
    """Return objects and bytes of every bucket, exact at one moment."""
    rows = run.rows(
        "SELECT b.id, coalesce(sum(p.n), 0), coalesce(sum(p.size), 0) FROM bucket b"
        " LEFT JOIN (SELECT bucket_id, objects_total AS n, bytes_total AS size"
        "  FROM bucket_totals"
        "  UNION ALL SELECT j.bucket_id, j.objects_delta, j.bytes_delta"
        f"  FROM journal_entry j WHERE {upkeep.totals_unfolded()}) p"
        " ON p.bucket_id = b.id GROUP BY b.id"
    )
    return {bucket_id: (int(n), int(size)) for bucket_id, n, size in rows}
