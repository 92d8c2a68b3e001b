"""What the data plane only reads: the same text on both databases."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from objects_app.names import after_prefix
from objects_app.queries import run, sql, upkeep
from objects_app.queries.rows import (
    BucketRow,
    ListedEntry,
    ObjectRow,
    Scope,
    Span,
    Totals,
)

_BUCKET = "b.id, b.name, b.owner_id, b.visibility, b.created_at"
_OBJECT = (
    "o.id, o.bucket_id, o.key, o.version_id, o.blob_id, o.sha256, o.size, o.etag,"
    " o.content_type, o.headers, o.metadata, o.node_id, o.created_at"
)
_LATEST = "o.is_latest AND NOT o.is_delete_marker"
_LISTED = (
    "o.size, o.etag, o.sha256, o.content_type, o.version_id, o.created_at, o.node_id"
)


def find_bucket(name: str) -> BucketRow | None:
    """Return the bucket of that name."""
    row = run.row(f"SELECT {_BUCKET} FROM bucket b WHERE b.name = %s", [name])
    return _bucket(row) if row else None


def find_object(bucket: str, key: str) -> tuple[BucketRow, ObjectRow | None] | None:
    """Return a bucket and its latest object of that key, in one statement."""
    row = run.row(
        f"SELECT {_BUCKET}, {_OBJECT} FROM bucket b LEFT JOIN stored_object o"
        f" ON o.bucket_id = b.id AND o.key = %s AND {_LATEST} WHERE b.name = %s",
        [key, bucket],
    )
    if row is None:
        return None
    return _bucket(row[:5]), _object(row[5:]) if row[5] is not None else None


def content_readable(*, blob_id: int, scope: Scope) -> bool:
    """Whether an object that the caller may read has this content."""
    owner, parameters = _owned(scope)
    return bool(
        run.one(
            "SELECT EXISTS (SELECT 1 FROM stored_object o"
            " JOIN bucket b ON b.id = o.bucket_id"
            f" WHERE o.blob_id = %(blob_id)s AND {owner})",
            {"blob_id": blob_id, **parameters},
        )[0]
    )


def buckets(*, scope: Scope) -> list[BucketRow]:
    """Return the caller's buckets by name."""
    owner, parameters = _owned(scope)
    return [
        _bucket(row)
        for row in run.rows(
            f"SELECT {_BUCKET} FROM bucket b WHERE {owner} ORDER BY b.name", parameters
        )
    ]


def buckets_with_keys(
    *, scope: Scope, first: str, span: Span, limit: int
) -> list[BucketRow]:
    """Return the caller's buckets from name `first` on that have a key in the span."""
    owner, parameters = _owned(scope)
    keys, bounds = _within(span)
    return [
        _bucket(row)
        for row in run.rows(
            f"SELECT {_BUCKET} FROM bucket b WHERE {owner} AND b.name >= %(first)s"
            " AND EXISTS (SELECT 1 FROM stored_object o WHERE o.bucket_id = b.id"
            f" AND {_LATEST} AND {keys}) ORDER BY b.name LIMIT %(limit)s",
            {**parameters, **bounds, "first": first, "limit": limit},
        )
    ]


def bucket_totals(bucket_id: int) -> Totals:
    """Return a bucket's totals: the folded part and the journal's rest, at once."""
    objects, size = run.one(
        "SELECT coalesce(sum(n), 0), coalesce(sum(size), 0) FROM ("
        "SELECT objects_total AS n, bytes_total AS size"
        " FROM bucket_totals WHERE bucket_id = %(bucket_id)s"
        " UNION ALL SELECT j.objects_delta, j.bytes_delta FROM journal_entry j"
        f" WHERE j.bucket_id = %(bucket_id)s AND {upkeep.totals_unfolded()}) parts",
        {"bucket_id": bucket_id},
    )
    return Totals(int(objects), int(size))


def key_range(*, bucket: BucketRow, span: Span, limit: int) -> list[ListedEntry]:
    """Return the objects of a span of keys, by one range scan."""
    keys, bounds = _within(span)
    return [
        _listed(bucket.name, row)
        for row in run.rows(
            f"SELECT o.key, {_LISTED} FROM stored_object o"
            f" WHERE o.bucket_id = %(bucket_id)s AND {_LATEST} AND {keys}"
            " ORDER BY o.key LIMIT %(limit)s",
            {"bucket_id": bucket.id, "limit": limit, **bounds},
        )
    ]


def loose_scan(
    *, bucket: BucketRow, prefix: str, delimiter: str, span: Span, limit: int
) -> list[ListedEntry]:
    """Return objects and common prefixes, jumping over the keys under each prefix.

    The cost grows with the results, not the keys: from each key the index is entered
    anew after all that share its prefix (`tail` sorts after every key's rest).
    """
    keys, bounds = _within(span)
    position = f"{sql.position_function()}(substr(step.key, %(rest)s), %(delimiter)s)"
    jump = f"substr(step.key, 1, {position} + %(through)s)"
    candidates = f"""SELECT o.key FROM stored_object o
      WHERE o.bucket_id = %(bucket_id)s AND {_LATEST}"""
    end = " AND o.key < %(end)s" if span.end is not None else ""
    statement = f"""
WITH RECURSIVE step(key, number) AS (
  SELECT ({candidates} AND {keys} ORDER BY o.key LIMIT 1), 1
  UNION ALL
  SELECT ({candidates} AND o.key > CASE WHEN {position} > 0
      THEN {jump} || %(tail)s ELSE step.key END{end}
    ORDER BY o.key LIMIT 1), step.number + 1
  FROM step WHERE step.key IS NOT NULL AND step.number < %(limit)s
)
SELECT CASE WHEN {position} > 0 THEN {jump} END, step.key, {_LISTED}
FROM step LEFT JOIN stored_object o ON o.id = CASE WHEN {position} = 0 THEN (
  SELECT o.id FROM stored_object o
  WHERE o.bucket_id = %(bucket_id)s AND o.key = step.key AND {_LATEST}) END
WHERE step.key IS NOT NULL ORDER BY step.number
"""
    parameters = {
        **bounds,
        "bucket_id": bucket.id,
        "delimiter": delimiter,
        "rest": len(prefix) + 1,
        "through": len(prefix) + len(delimiter) - 1,
        "tail": after_prefix(""),
        "limit": limit,
    }
    rows = run.rows(statement, parameters)
    return [
        ListedEntry.common_prefix(bucket.name, row[0])
        if row[0] is not None
        else _listed(bucket.name, row[1:])
        for row in rows
    ]


def _within(span: Span) -> tuple[str, dict[str, Any]]:
    bound = ">=" if span.inclusive else ">"
    if span.end is None:
        return f"o.key {bound} %(after)s", {"after": span.after}
    return (
        f"o.key {bound} %(after)s AND o.key < %(end)s",
        {"after": span.after, "end": span.end},
    )


def _owned(scope: Scope) -> tuple[str, dict[str, Any]]:
    if scope.owner_id is None:
        return "b.owner_id IS NULL", {}
    return "b.owner_id = %(owner_id)s", {"owner_id": scope.owner_id}


def _bucket(row: Sequence[Any]) -> BucketRow:
    id_, name, owner_id, visibility, created_at = row
    return BucketRow(id_, name, owner_id, visibility, _aware(created_at))


def _object(row: Sequence[Any]) -> ObjectRow:
    *plain, headers, metadata, node_id, created_at = row
    parsed = json.loads(headers), json.loads(metadata)
    return ObjectRow._make((*plain, *parsed, node_id, _aware(created_at)))


def _listed(bucket: str, row: Sequence[Any]) -> ListedEntry:
    *plain, created_at, node_id = row
    return ListedEntry._make((False, bucket, *plain, _aware(created_at), node_id))


def _aware(moment: datetime | str) -> datetime:
    """SQLite hands times out without their zone, as text from expressions."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
