"""What must be so at every moment of a soak, as the tables have it."""

import threading
from collections import Counter

from django.db import connection, transaction

from objects_app.models import StoredObject
from objects_app.queries import reads
from objects_app.queries.rows import BucketRow, Totals

_DANGLING = """
SELECT r.name, coalesce(b.sha256, r.sha256),
  CASE WHEN b.id IS NULL THEN 'gone' ELSE 'deleting' END
FROM (
  SELECT key AS name, blob_id, sha256 FROM stored_object WHERE blob_id IS NOT NULL
  UNION ALL
  SELECT o.key, s.blob_id, NULL
  FROM segment s JOIN stored_object o ON o.id = s.object_id
  UNION ALL
  SELECT u.key, p.blob_id, p.sha256
  FROM upload_part p JOIN upload u ON u.id = p.upload_id
) r LEFT JOIN blob b ON b.id = r.blob_id AND b.sha256 = coalesce(r.sha256, b.sha256)
WHERE b.id IS NULL OR b.deleting_since IS NOT NULL
"""

# An object without a blob of its own that is no delete marker has all its segments;
# others have none.
_INCOMPLETE = """
SELECT o.key, CASE WHEN o.blob_id IS NULL THEN o.size ELSE 0 END, count(s.id),
  coalesce(sum(s.size), 0)
FROM stored_object o LEFT JOIN segment s ON s.object_id = o.id
GROUP BY o.id, o.key, o.blob_id, o.size
HAVING coalesce(sum(s.size), 0) <> CASE WHEN o.blob_id IS NULL THEN o.size ELSE 0 END
  OR (o.blob_id IS NOT NULL AND count(s.id) > 0)
"""


_ONE_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"


class Checks:
    """Counts what is done and notes what was lost, of two buckets."""

    bucket: BucketRow
    kept: BucketRow

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.losses: list[str] = []
        self._lock = threading.Lock()

    def count(self, what: str, amount: int = 1) -> None:
        """Add to what the report will say."""
        with self._lock:
            self.counts[what] += amount

    def lose(self, what: str) -> None:
        """Note a loss: the one thing that must not be."""
        with self._lock:
            self.losses.append(what)

    def check_history(self, bucket_id: int, key: str) -> None:
        """See that each version lasts until the next, and the last is the latest."""
        rows = list(
            StoredObject.objects.filter(bucket_id=bucket_id, key=key)
            .order_by("created_at")
            .values_list("created_at", "superseded_at", "is_latest")
        )
        following = [*(created for created, _, _ in rows), None][1:]
        for (created, superseded, is_latest), after in zip(
            rows, following, strict=True
        ):
            if superseded != after or is_latest != (after is None) or created == after:
                self.lose(f"{key}: its versions have gaps: {rows}")

    def check_references(self) -> None:
        """See that every object's blob has its row and is not being removed.

        A loss among keys that are overwritten all the time would heal before anybody
        reads it; here it shows at the moment it is made.
        """
        with connection.cursor() as cursor:
            cursor.execute(_DANGLING, [])
            dangling = cursor.fetchall()
            cursor.execute(_INCOMPLETE, [])
            incomplete = cursor.fetchall()
        self.count("references compared")
        for key, size, number, segments in incomplete:
            self.lose(f"{key}: {size} bytes in segments; {number} have {segments}")
        for key, sha256, state in dangling:
            self.lose(f"{key} refers to a blob that is {state}: {sha256}")

    def check_totals(self) -> None:
        """Compare the journal's totals with COUNT and SUM at one moment."""
        for bucket in (self.bucket, self.kept):
            with transaction.atomic():
                if connection.vendor == "postgresql":
                    with connection.cursor() as cursor:
                        cursor.execute(_ONE_MOMENT)
                totals = reads.bucket_totals(bucket.id)
                counted = self._counted(bucket)
            self.count("totals compared")
            if totals != counted:
                self.lose(f"the journal says {totals}, the rows say {counted}")

    def _counted(self, bucket: BucketRow) -> Totals:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*), coalesce(sum(size), 0) FROM stored_object"
                " WHERE bucket_id = %s AND NOT is_delete_marker",
                [bucket.id],
            )
            objects_counted, size = cursor.fetchone()
        return Totals(int(objects_counted), int(size))
