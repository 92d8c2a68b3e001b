"""Versions, and what was to be seen at a moment: the same text on both databases.

Every key that has any version has exactly one latest one, so its row stands for the key
in the order of keys. From there one step into the index `object_history` finds the
version of a moment: versions of a key follow each other without gaps (a removed one's
time goes to the one before it), so it is the last that began by then. The cost of a
page grows with the keys looked at, not with their versions.
"""

from datetime import datetime
from typing import Any, NamedTuple

from objects_app.queries import reads, run, sql
from objects_app.queries.plans import aware
from objects_app.queries.reads import View
from objects_app.queries.rows import (
    BucketRow,
    ListedVersion,
    ObjectRow,
    Span,
)

_OF_THE_MOMENT = """(o.is_latest OR o.superseded_at > %(at)s) AND o.id = coalesce((
  SELECT l.id FROM stored_object l
  WHERE l.bucket_id = b.id AND l.key = %(key)s AND l.is_latest
    AND l.created_at <= %(at)s), (
  SELECT h.id FROM stored_object h
  WHERE h.bucket_id = b.id AND h.key = %(key)s AND NOT h.is_latest
    AND h.created_at <= %(at)s
  ORDER BY h.created_at DESC LIMIT 1))"""

_SHOWN = "NOT v.is_delete_marker AND (v.is_latest OR v.superseded_at > %(at)s)"

EVERY_KEY = View("o.is_latest")

# What a client can tell apart, besides the version's id and time.
_SAME = (
    "v.id = o.id OR (NOT o.is_delete_marker AND v.etag = o.etag"
    " AND v.content_type = o.content_type AND v.headers = o.headers"
    " AND v.metadata = o.metadata AND v.tags = o.tags)"
)


class Compared(NamedTuple):
    """A key today, and as it was: `now` is its latest version's row and time, `then`
    the version to go back to; None where there was or is nothing to see. `size` is
    today's, in bytes."""

    key: str
    size: int
    now: tuple[int, datetime] | None
    then: ObjectRow | None
    same: bool


class Begun(NamedTuple):
    """A version, by its id and the time since which it is what it is."""

    key: str
    version_id: str
    created_at: datetime


def at(moment: datetime) -> View:
    """Return what listings show as of a moment."""
    return View(
        f"o.is_latest AND {_SHOWN}",
        f"JOIN {sql.version_at()}",
        "v",
        {"at": sql.moment(moment)},
    )


def key_after(*, bucket: BucketRow, span: Span, keys: int) -> str | None:
    """Return the key at that place of a span, whatever versions it has; None: it has
    fewer keys."""
    within, bounds = reads.keys_in(span)
    row = run.row(
        f"SELECT o.key FROM stored_object o WHERE o.bucket_id = %(bucket_id)s"
        f" AND o.is_latest AND {within} ORDER BY o.key LIMIT 1 OFFSET %(offset)s",
        {"bucket_id": bucket.id, "offset": keys - 1, **bounds},
    )
    return row[0] if row else None


def find_version(
    bucket: str, key: str, version_id: str, *, user_id: int | None = None
) -> tuple[BucketRow, ObjectRow | None] | None:
    """As `reads.find_object`, the version of that id; it may be a delete marker."""
    return reads.find(
        bucket,
        key,
        user_id=user_id,
        which="o.version_id = %(version_id)s",
        parameters={"version_id": version_id},
    )


def find_at(
    bucket: str, key: str, moment: datetime, *, user_id: int | None = None
) -> tuple[BucketRow, ObjectRow | None] | None:
    """As `reads.find_object`, the version of a moment; it may be a delete marker."""
    return reads.find(
        bucket,
        key,
        user_id=user_id,
        which=_OF_THE_MOMENT,
        parameters={"at": sql.moment(moment)},
    )


def latest_marker(*, bucket_id: int, key: str) -> str | None:
    """Return the version id of the delete marker that hides a key, if one does."""
    row = run.row(
        "SELECT o.version_id FROM stored_object o WHERE o.bucket_id = %(bucket_id)s"
        " AND o.key = %(key)s AND o.is_latest AND o.is_delete_marker",
        {"bucket_id": bucket_id, "key": key},
    )
    return row[0] if row else None


def versions(*, bucket: BucketRow, span: Span, limit: int) -> list[ListedVersion]:
    """Return all versions of a span of keys, by key and then newest first.

    The latest ones and the older ones come each from their own index, in that order.
    """
    keys, bounds = reads.keys_in(span)
    columns = f"o.key, {reads.listed('o')}, o.is_latest, o.is_delete_marker"
    source = f"FROM stored_object o WHERE o.bucket_id = %(bucket_id)s AND {keys}"
    statement = f"""
SELECT * FROM (
  SELECT * FROM (
    SELECT {columns} {source} AND o.is_latest
    ORDER BY o.key LIMIT %(limit)s) latest
  UNION ALL
  SELECT * FROM (
    SELECT {columns} {source} AND NOT o.is_latest
    ORDER BY o.key, o.created_at DESC LIMIT %(limit)s) older
) every ORDER BY key, created_at DESC LIMIT %(limit)s
"""
    parameters = {"bucket_id": bucket.id, "limit": limit, **bounds}
    return _versions(bucket, run.rows(statement, parameters))


def older_versions(
    *, bucket: BucketRow, key: str, before: datetime, limit: int
) -> list[ListedVersion]:
    """Return a key's versions from before a moment, newest first."""
    rows = run.rows(
        f"SELECT o.key, {reads.listed('o')}, o.is_latest, o.is_delete_marker"
        " FROM stored_object o WHERE o.bucket_id = %(bucket_id)s AND o.key = %(key)s"
        " AND NOT o.is_latest AND o.created_at < %(before)s"
        " ORDER BY o.created_at DESC LIMIT %(limit)s",
        {
            "bucket_id": bucket.id,
            "key": key,
            "before": sql.moment(before),
            "limit": limit,
        },
    )
    return _versions(bucket, rows)


def begun_by(
    *, bucket: BucketRow, span: Span, moment: datetime, limit: int
) -> list[Begun]:
    """Return the first versions of a span of keys that began by a moment, by key; of
    the last key the oldest, where not all of them fit."""
    columns = "o.key, o.version_id, o.created_at"
    began = "o.bucket_id = %(bucket_id)s AND o.created_at <= %(moment)s"
    keys, bounds = reads.keys_in(span)
    parameters = {
        "bucket_id": bucket.id,
        "moment": sql.moment(moment),
        "limit": limit,
        **bounds,
    }
    found = _begun(
        f"""
SELECT * FROM (
  SELECT * FROM (
    SELECT {columns} FROM stored_object o WHERE {began} AND {keys} AND o.is_latest
    ORDER BY o.key LIMIT %(limit)s) latest
  UNION ALL
  SELECT * FROM (
    SELECT {columns} FROM stored_object o WHERE {began} AND {keys} AND NOT o.is_latest
    ORDER BY o.key, o.created_at DESC LIMIT %(limit)s) older
) every ORDER BY key LIMIT %(limit)s""",
        parameters,
    )
    if len(found) < limit:
        return found
    whole = [version for version in found if version.key != found[-1].key]
    return whole + _begun(
        f"""
SELECT * FROM (
  SELECT * FROM (
    SELECT {columns} FROM stored_object o
    WHERE {began} AND o.key = %(key)s AND NOT o.is_latest
    ORDER BY o.created_at LIMIT %(limit)s) older
  UNION ALL
  SELECT {columns} FROM stored_object o
  WHERE {began} AND o.key = %(key)s AND o.is_latest
) every ORDER BY created_at LIMIT %(limit)s""",
        {**parameters, "key": found[-1].key, "limit": limit - len(whole)},
    )


def count_begun_by(*, bucket: BucketRow, span: Span, moment: datetime) -> int:
    """Count the versions of a span of keys that began by a moment: one scan."""
    keys, bounds = reads.keys_in(span)
    return int(
        run.one(
            "SELECT count(*) FROM stored_object o WHERE o.bucket_id = %(bucket_id)s"
            f" AND o.created_at <= %(moment)s AND {keys}",
            {"bucket_id": bucket.id, "moment": sql.moment(moment), **bounds},
        )[0]
    )


def compare(
    *, bucket: BucketRow, span: Span, moment: datetime, limit: int
) -> list[Compared]:
    """Return the first keys of a span, each today and at a moment."""
    keys, bounds = reads.keys_in(span)
    then = ", ".join(f"v.{column}" for column in ObjectRow._fields)
    statement = f"""
SELECT o.key, o.size, o.id, o.created_at, o.is_delete_marker,
  coalesce({_SAME}, false), {then}
FROM (
  SELECT * FROM stored_object o
  WHERE o.bucket_id = %(bucket_id)s AND {keys} AND o.is_latest
  ORDER BY o.key LIMIT %(limit)s
) o LEFT JOIN {sql.version_at()} AND {_SHOWN}
ORDER BY o.key
"""
    rows = run.rows(
        statement,
        {
            "bucket_id": bucket.id,
            "limit": limit,
            "at": sql.moment(moment),
            **bounds,
        },
    )
    return [_compared(row) for row in rows]


def _begun(statement: str, parameters: dict[str, Any]) -> list[Begun]:
    return [
        Begun(key, version_id, aware(created_at))
        for key, version_id, created_at in run.rows(statement, parameters)
    ]


def _compared(row: tuple[Any, ...]) -> Compared:
    key, size, id_, created_at, is_marker, same, *then = row
    return Compared(
        key,
        size,
        None if is_marker else (id_, aware(created_at)),
        None if same or then[0] is None else reads.to_object(then),
        bool(same),
    )


def _versions(bucket: BucketRow, rows: list[tuple[Any, ...]]) -> list[ListedVersion]:
    return [
        ListedVersion(
            reads.to_listed(bucket.name, row[:-2]), bool(row[-2]), bool(row[-1])
        )
        for row in rows
    ]
