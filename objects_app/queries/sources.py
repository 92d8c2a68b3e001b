"""Objects that are read to be copied or moved: whole rows, many at once."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connection

from objects_app.queries import reads, run
from objects_app.queries.rows import ObjectRow, Span

_COLUMNS = ", ".join(f"o.{name}" for name in ObjectRow._fields)
_LATEST = "o.is_latest AND NOT o.is_delete_marker"

if connection.vendor == "postgresql":
    _BYTES = "octet_length(o.key)"
else:
    _BYTES = "length(CAST(o.key AS blob))"


def among(keys: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Return the condition that `o.key` is one of these, and its parameters.

    Not a join on PostgreSQL: planned while the bucket was empty, it looks at each key
    for each row.
    """
    each_once = list(dict.fromkeys(keys))
    if connection.vendor == "postgresql":
        return "o.key = ANY(%(keys)b::text[])", {"keys": each_once}
    wanted = json.dumps(each_once)
    return "o.key IN (SELECT value FROM json_each(%(keys)s))", {"keys": wanted}


class Extent(NamedTuple):
    """How many objects a prefix has; the bytes of their shortest and longest key."""

    keys: int
    shortest: int
    longest: int


def latest_of(*, bucket_id: int, keys: Sequence[str]) -> dict[str, ObjectRow]:
    """Return the objects of these keys, by key; those that are not there are left out.

    All are as they were at one moment.
    """
    wanted, parameters = among(keys)
    found = run.rows(
        f"SELECT {_COLUMNS} FROM stored_object o"
        f" WHERE o.bucket_id = %(bucket_id)s AND {wanted} AND {_LATEST}",
        {"bucket_id": bucket_id, **parameters},
    )
    return {row.key: row for row in map(reads.to_object, found)}


def version_of(*, bucket_id: int, key: str, version_id: str) -> ObjectRow | None:
    """Return one version of a key, if it is there and no delete marker."""
    found = run.row(
        f"SELECT {_COLUMNS} FROM stored_object o WHERE o.bucket_id = %(bucket_id)s"
        " AND o.key = %(key)s AND o.version_id = %(version_id)s"
        " AND NOT o.is_delete_marker",
        {"bucket_id": bucket_id, "key": key, "version_id": version_id},
    )
    return reads.to_object(found) if found else None


def in_span(*, bucket_id: int, span: Span, limit: int) -> list[ObjectRow]:
    """Return the first objects of a span of keys, as they were at one moment."""
    keys, bounds = reads.keys_in(span)
    found = run.rows(
        f"SELECT {_COLUMNS} FROM stored_object o"
        f" WHERE o.bucket_id = %(bucket_id)s AND {_LATEST} AND {keys}"
        " ORDER BY o.key LIMIT %(limit)s",
        {"bucket_id": bucket_id, "limit": limit, **bounds},
    )
    return [reads.to_object(row) for row in found]


def extent(*, bucket_id: int, span: Span) -> Extent:
    """Count the objects of a span of keys: one scan of the index, however many."""
    keys, bounds = reads.keys_in(span)
    return Extent._make(
        run.one(
            f"SELECT count(*), coalesce(min({_BYTES}), 0), coalesce(max({_BYTES}), 0)"
            f" FROM stored_object o"
            f" WHERE o.bucket_id = %(bucket_id)s AND {_LATEST} AND {keys}",
            {"bucket_id": bucket_id, **bounds},
        )
    )


def count_keys(*, bucket_id: int, span: Span) -> int:
    """Count the keys that have any version, deleted ones among them."""
    keys, bounds = reads.keys_in(span)
    return int(
        run.one(
            "SELECT count(*) FROM stored_object o"
            f" WHERE o.bucket_id = %(bucket_id)s AND o.is_latest AND {keys}",
            {"bucket_id": bucket_id, **bounds},
        )[0]
    )
