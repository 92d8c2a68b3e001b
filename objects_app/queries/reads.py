"""What the data plane only reads: the same text on both databases."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from objects_app.names import after_prefix
from objects_app.queries import quotas, run, sql, upkeep
from objects_app.queries.changes import Source
from objects_app.queries.plans import aware
from objects_app.queries.rows import (
    BucketRow,
    ListedEntry,
    ObjectRow,
    Owned,
    Room,
    Scope,
    Span,
    Totals,
)

BUCKET = (
    "b.id, b.name, b.owner_id, b.visibility, b.versioning, b.versioned_since,"
    f" b.created_at, {quotas.HAS_QUOTA}"
)
BUCKET_COLUMNS = len(BucketRow._fields)  # with the role
_GRANTED_TO = """(g.user_id = %(user_id)s OR g.group_id IN (
  SELECT ug.group_id FROM auth_user_groups ug WHERE ug.user_id = %(user_id)s))"""

# The owner's is known without a look at the grants. 3 is models.Role.OWNER.
_GRANTED = f"""CASE WHEN b.owner_id = %(user_id)s THEN 3 ELSE coalesce((
  SELECT max(g.role) FROM bucket_grant g WHERE g.bucket_id = b.id
  AND substr(CAST(%(key)s AS text), 1, length(g.prefix)) = g.prefix
  AND {_GRANTED_TO}), 0) END"""
_NOTHING_GRANTED = "0"
_OBJECT = (
    "o.id, o.bucket_id, o.key, o.version_id, o.blob_id, o.sha256, o.size, o.etag,"
    " o.content_type, o.headers, o.metadata, o.tags, o.node_id, o.created_at,"
    " o.is_delete_marker"
)
_LATEST = "o.is_latest AND NOT o.is_delete_marker"
_LISTED = (
    "size",
    "etag",
    "sha256",
    "content_type",
    "version_id",
    "created_at",
    "node_id",
)


class View(NamedTuple):
    """Which version of a key a listing shows, in SQL beside the key's latest row `o`.

    `join` finds it, under the name `shown`; `visible` is when there is one to show.
    """

    visible: str
    join: str = ""
    shown: str = "o"
    parameters: Mapping[str, Any] = {}


TODAY = View(_LATEST)


def find_bucket(
    name: str, *, user_id: int | None = None, prefix: str = ""
) -> BucketRow | None:
    """Return the bucket of that name, with the user's role for keys of that prefix."""
    row = run.row(
        f"SELECT {BUCKET}, {granted_to(user_id)} FROM bucket b"
        " WHERE b.name = %(bucket)s",
        {"bucket": name, "key": prefix, "user_id": user_id},
    )
    return to_bucket(row) if row else None


def find_object(
    bucket: str, key: str, *, user_id: int | None = None
) -> tuple[BucketRow, ObjectRow | None] | None:
    """Return a bucket, with the user's role for that key, and its latest object of it,
    in one statement."""
    return find(bucket, key, user_id=user_id, which=_LATEST, parameters={})


def find(
    bucket: str,
    key: str,
    *,
    user_id: int | None,
    which: str,
    parameters: Mapping[str, Any],
) -> tuple[BucketRow, ObjectRow | None] | None:
    """As `find_object`, of the version `o` that a condition chooses."""
    row = run.row(
        f"SELECT {BUCKET}, {granted_to(user_id)}, {_OBJECT}"
        " FROM bucket b LEFT JOIN stored_object o"
        f" ON o.bucket_id = b.id AND o.key = %(key)s AND {which}"
        " WHERE b.name = %(bucket)s",
        {"bucket": bucket, "key": key, "user_id": user_id, **parameters},
    )
    if row is None:
        return None
    bucket_row, object_row = row[:BUCKET_COLUMNS], row[BUCKET_COLUMNS:]
    found = to_object(object_row) if object_row[0] is not None else None
    return to_bucket(bucket_row), found


def content_readable(*, blob_id: int, scope: Scope) -> bool:
    """Whether an object that the caller may read has this content."""
    has, parameters = _has_content("CAST(%(blob_id)s AS bigint)", scope)
    return bool(run.one(f"SELECT {has}", {"blob_id": blob_id, **parameters})[0])


def readable_blob(*, sha256: str, scope: Scope) -> tuple[int, int] | None:
    """Return id and size of the blob with this content, if an object that the caller
    may read has it."""
    has, parameters = _has_content("l.id", scope)
    row = run.row(
        f"SELECT l.id, l.size FROM blob l WHERE l.sha256 = %(sha256)s AND {has}",
        {"sha256": sha256, **parameters},
    )
    return (row[0], row[1]) if row else None


def readable_source(*, sha256: str, scope: Scope) -> tuple[Source, int] | None:
    """Return a version that the caller may read and that is made of segments with this
    content together, and its size."""
    within, parameters = _readable_object(scope)
    row = run.row(
        "SELECT o.id, o.bucket_id, o.key, o.created_at, o.size FROM stored_object o"
        " JOIN bucket b ON b.id = o.bucket_id WHERE o.sha256 = %(sha256)s"
        f" AND o.blob_id IS NULL AND NOT o.is_delete_marker AND {within} LIMIT 1",
        {"sha256": sha256, **parameters},
    )
    if row is None:
        return None
    *names, created_at, size = row
    return Source._make((*names, aware(created_at))), size


def buckets(*, scope: Scope) -> list[BucketRow]:
    """Return the caller's buckets by name."""
    within, parameters = in_scope(scope)
    return [
        to_bucket(row)
        for row in run.rows(
            f"SELECT {BUCKET}, 0 FROM bucket b WHERE {within} ORDER BY b.name",
            parameters,
        )
    ]


def granted_prefixes(*, scope: Scope) -> list[tuple[int, str, str]]:
    """Return bucket id, bucket and prefix of what the caller was granted in parts."""
    return run.rows(
        "SELECT b.id, b.name, g.prefix FROM bucket_grant g"
        " JOIN bucket b ON b.id = g.bucket_id"
        f" WHERE g.prefix <> '' AND {_GRANTED_TO}"
        " AND (%(only_bucket)s = '' OR b.name = %(only_bucket)s)",
        {"user_id": scope.user_id, "only_bucket": scope.only_bucket},
    )


def buckets_with_keys(
    *, scope: Scope, first: str, span: Span, limit: int
) -> list[BucketRow]:
    """Return the caller's buckets from name `first` on that have a key in the span."""
    within, parameters = in_scope(scope)
    keys, bounds = keys_in(span)
    return [
        to_bucket(row)
        for row in run.rows(
            f"SELECT {BUCKET}, 0 FROM bucket b WHERE {within} AND b.name >= %(first)s"
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


def room(*, bucket_id: int, key: str, version_id: str = "") -> Room | None:
    """Return what is used and may be, for an upload that writes over that version of a
    key (any other text: over none); None: no such bucket."""
    row = run.row(
        f"WITH {quotas.room(upkeep.totals_unfolded())} SELECT * FROM room",
        {"bucket_id": bucket_id, "key": key, "version_id": version_id},
    )
    return Room._make(row) if row else None


def owned(user_id: int) -> Owned:
    """Return what a user owns, over all buckets, and may own."""
    statement = quotas.owned(upkeep.totals_unfolded())
    return Owned._make(run.one(statement, {"user_id": user_id}))


def key_range(
    *, bucket: BucketRow, span: Span, limit: int, view: View = TODAY
) -> list[ListedEntry]:
    """Return the objects of a span of keys, by one range scan."""
    keys, bounds = keys_in(span)
    return [
        to_listed(bucket.name, row)
        for row in run.rows(
            f"SELECT o.key, {listed(view.shown)} FROM stored_object o {view.join}"
            f" WHERE o.bucket_id = %(bucket_id)s AND {view.visible} AND {keys}"
            " ORDER BY o.key LIMIT %(limit)s",
            {"bucket_id": bucket.id, "limit": limit, **bounds, **view.parameters},
        )
    ]


def loose_scan(
    *,
    bucket: BucketRow,
    prefix: str,
    delimiter: str,
    span: Span,
    limit: int,
    view: View = TODAY,
) -> list[ListedEntry]:
    """Return objects and common prefixes, jumping over the keys under each prefix.

    The cost grows with the results, not the keys: from each key the index is entered
    anew after all that share its prefix (`tail` sorts after every key's rest).
    """
    keys, bounds = keys_in(span)
    position = f"{sql.position_function()}(substr(step.key, %(rest)s), %(delimiter)s)"
    jump = f"substr(step.key, 1, {position} + %(through)s)"
    seen = f"""FROM stored_object o {view.join}
      WHERE o.bucket_id = %(bucket_id)s AND {view.visible}"""
    candidates = f"SELECT o.key {seen}"
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
SELECT CASE WHEN {position} > 0 THEN {jump} END, step.key, {listed("found")}
FROM step LEFT JOIN stored_object found ON found.id = CASE WHEN {position} = 0 THEN (
  SELECT {view.shown}.id {seen} AND o.key = step.key) END
WHERE step.key IS NOT NULL ORDER BY step.number
"""
    parameters = {
        **bounds,
        **view.parameters,
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
        else to_listed(bucket.name, row[1:])
        for row in rows
    ]


def keys_in(span: Span) -> tuple[str, dict[str, Any]]:
    """Return the condition that `o.key` is in the span, and its parameters."""
    bound = ">=" if span.inclusive else ">"
    if span.end is None:
        return f"o.key {bound} %(after)s", {"after": span.after}
    return (
        f"o.key {bound} %(after)s AND o.key < %(end)s",
        {"after": span.after, "end": span.end},
    )


def granted_to(user_id: int | None) -> str:
    """Return the user's role in `b` as a column: see BucketRow. Parameters: user_id,
    and the key or prefix asked about."""
    return _NOTHING_GRANTED if user_id is None else _GRANTED


def _has_content(blob: str, scope: Scope) -> tuple[str, dict[str, Any]]:
    """Return the condition that an object the caller may read has a blob, and its
    parameters.

    Asked of each bucket where the caller may read something, which OFFSET keeps so:
    asked of each object that has the blob, the time would tell how many others have.
    """
    somewhere, parameters = in_scope(scope, "1 = 1")
    readable, _ = _readable_object(scope)
    condition = (
        f"EXISTS (SELECT 1 FROM bucket b WHERE {somewhere} AND EXISTS ("
        f"SELECT 1 FROM stored_object o WHERE o.blob_id = {blob}"
        f" AND o.bucket_id = b.id AND {readable} LIMIT 1 OFFSET 0))"
    )
    return condition, {**parameters, "prefix": scope.only_prefix}


def _readable_object(scope: Scope) -> tuple[str, dict[str, Any]]:
    """Return the condition on an object `o` of `b`, and its parameters: in buckets that
    may be listed whole, or under a prefix that was granted."""
    granted = "substr(o.key, 1, length(g.prefix)) = g.prefix"
    within, parameters = in_scope(scope, granted)
    if scope.only_prefix:
        within += " AND substr(o.key, 1, length(CAST(%(prefix)s AS text))) = %(prefix)s"
    return within, {**parameters, "prefix": scope.only_prefix}


def in_scope(
    scope: Scope, granted: str = "g.prefix = ''"
) -> tuple[str, dict[str, Any]]:
    """Return the condition on `b` and its parameters; `granted` is on a grant `g`."""
    ways = []
    if scope.everything:
        ways.append("1 = 1")
    if scope.ownerless:
        ways.append("b.owner_id IS NULL")
    if scope.user_id is not None:
        ways.append(
            "b.owner_id = %(user_id)s OR EXISTS (SELECT 1 FROM bucket_grant g"
            f" WHERE g.bucket_id = b.id AND {granted} AND {_GRANTED_TO})"
        )
    within = f"({' OR '.join(ways) or '1 = 0'})"
    if scope.only_bucket:
        within += " AND b.name = %(only_bucket)s"
    return within, {"user_id": scope.user_id, "only_bucket": scope.only_bucket}


def to_bucket(row: Sequence[Any]) -> BucketRow:
    """Return a row of BUCKET and a role as what it stands for."""
    *plain, since, created_at, has_quota, granted = row
    times = aware(since) if since else None, aware(created_at)
    return BucketRow._make((*plain, *times, bool(has_quota), granted))


def listed(name: str) -> str:
    """Return the columns of a row of that name, as `to_listed` takes them after the
    key."""
    return ", ".join(f"{name}.{column}" for column in _LISTED)


def to_object(row: Sequence[Any]) -> ObjectRow:
    """Return a row of the columns of an ObjectRow as what it stands for."""
    *plain, headers, metadata, tags, node_id, created_at, is_marker = row
    parsed = json.loads(headers), json.loads(metadata), json.loads(tags)
    last = node_id, aware(created_at), bool(is_marker)
    return ObjectRow._make((*plain, *parsed, *last))


def to_listed(bucket: str, row: Sequence[Any]) -> ListedEntry:
    """Return a key with the columns of `listed` as a line of a listing."""
    *plain, created_at, node_id = row
    return ListedEntry._make((False, bucket, *plain, aware(created_at), node_id))
