"""Lists of buckets with what is in them: the same text on both databases."""

from datetime import datetime
from typing import Any, NamedTuple

from objects_app.queries import reads, run, sql, upkeep
from objects_app.queries.plans import aware
from objects_app.queries.rows import BucketRow, Scope, Totals


class ListedBucket(NamedTuple):
    """A bucket with its totals, exact at one moment.

    `owner` is the owner's name, "" for nobody; `changed_at` the journal's last word
    about a change, None where that is forgotten.
    """

    row: BucketRow
    owner: str
    totals: Totals
    changed_at: datetime | None


def page(*, scope: Scope, text: str, after: str, limit: int) -> list[ListedBucket]:
    """Return the caller's first buckets after that name whose names have the text, in
    one statement; each with the caller's role in all of it.

    Totals are the folded part and the journal's rest, in one snapshot. The last change
    is looked for in an order that one index alone has: PostgreSQL, where nearly all of
    the journal is about one bucket, takes the times of all for a way to any.
    """
    within, parameters = reads.in_scope(scope)
    has_text = f"{sql.position_function()}(b.name, %(text)s) > 0" if text else "1 = 1"
    statement = f"""
WITH page AS (
  SELECT b.id AS page_id FROM bucket b
  WHERE {within} AND b.name > %(after)s AND {has_text}
  ORDER BY b.name LIMIT %(limit)s
),
parts AS (
  SELECT t.bucket_id, t.objects_total AS n, t.bytes_total AS size FROM bucket_totals t
  WHERE t.bucket_id IN (SELECT page_id FROM page)
  UNION ALL SELECT j.bucket_id, j.objects_delta, j.bytes_delta FROM journal_entry j
  WHERE j.bucket_id IN (SELECT page_id FROM page) AND {upkeep.totals_unfolded()}
),
totals AS (
  SELECT bucket_id, sum(n) AS n, sum(size) AS size FROM parts GROUP BY bucket_id
)
SELECT {reads.BUCKET}, {reads.granted_to(scope.user_id)},
  u.username, coalesce(totals.n, 0), coalesce(totals.size, 0),
  (SELECT j.created_at FROM journal_entry j
    WHERE j.bucket_name BETWEEN b.name AND b.name AND j.operation <> 'presign'
    ORDER BY j.bucket_name DESC, j.created_at DESC, j.id DESC LIMIT 1)
FROM page JOIN bucket b ON b.id = page.page_id
LEFT JOIN auth_user u ON u.id = b.owner_id
LEFT JOIN totals ON totals.bucket_id = b.id
ORDER BY b.name
"""
    asked = {"text": text, "after": after, "limit": limit, "key": ""}
    return [_listed(row) for row in run.rows(statement, {**parameters, **asked})]


def _listed(row: tuple[Any, ...]) -> ListedBucket:
    bucket, rest = row[: reads.BUCKET_COLUMNS], row[reads.BUCKET_COLUMNS :]
    owner, objects, size, changed_at = rest
    return ListedBucket(
        row=reads.to_bucket(bucket),
        owner=owner or "",
        totals=Totals(int(objects), int(size)),
        changed_at=aware(changed_at) if changed_at else None,
    )
