"""Searches: objects by what their keys and descriptions hold, in the caller's buckets.

Two ways. By key, look through the keys in their order until a page is full: quick
where many match. Or find all that match, by an index where there is one (the command
build_search_index), and sort them: quick where few do. No planner can know which, so
`by_key` and `few_by_index` give up when they see that they are the wrong way.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from django.db import connection

from objects_app.names import after_prefix
from objects_app.queries import reads, run, search_postgresql, search_sqlite
from objects_app.queries.globs import Glob
from objects_app.queries.rows import ListedEntry, Span

_syntax: Any = search_postgresql if connection.vendor == "postgresql" else search_sqlite
limited = _syntax.limited

Contains = Callable[[str, str], str]
SortKey = Literal["key", "created_at", "size"]

_LIVE = "o.is_latest AND NOT o.is_delete_marker"
_COLUMNS = f"o.key, {reads.listed('o')}, o.metadata, o.tags"
_SHORTEST_TRIGRAM = 3
# What things cost, in keys looked through: another statement, and a look at a row.
_KEYS_FOR_A_BUCKET = 1_000
_KEYS_FOR_A_ROW = 16


class Wanted(NamedTuple):
    """What an object must be to be found; None or empty: anything.

    `text` is part of its key, in any case. `content_type` is a bare type, in lower
    case, or a family of them such as `image/`. Sizes are bytes, both included; it was
    made later than `after` and earlier than `before`.
    """

    text: str = ""
    glob: Glob | None = None
    content_type: str = ""
    min_size: int | None = None
    max_size: int | None = None
    after: datetime | None = None
    before: datetime | None = None
    tags: dict[str, str] = {}
    metadata: dict[str, str] = {}

    @property
    def is_indexed(self) -> bool:
        """Whether the index of `build_search_index` knows of it."""
        texts = [self.text, *(self.glob.literals() if self.glob else ())]
        longest = max(map(len, texts))
        return longest >= _SHORTEST_TRIGRAM or bool(self.tags or self.metadata)


class Reach(NamedTuple):
    """Keys of a bucket that the caller may read."""

    bucket_id: int
    bucket: str
    span: Span


class Order(NamedTuple):
    """By key is by bucket and key; those two decide between equals, too."""

    by: SortKey
    descending: bool

    @property
    def direction(self) -> str:
        """In SQL."""
        return "DESC" if self.descending else "ASC"


class Place(NamedTuple):
    """The object that a page ended with; `value` is what it was sorted by."""

    value: int | datetime | None
    bucket: str
    key: str


class Found(NamedTuple):
    """An object that was found."""

    entry: ListedEntry
    metadata: dict[str, str]
    tags: dict[str, str]


def by_key(
    *,
    wanted: Wanted,
    reaches: Sequence[Reach],
    descending: bool,
    limit: int,
    most: int,
) -> list[Found] | None:
    """Return the first objects of the reaches, which are in order, by their keys.

    None: there are more than `most` keys, and the first ones do not fill the page. A
    condition on more than the key makes each as dear as several.
    """
    keys, rows, values = _conditions(wanted, "w.key", _syntax.contains)
    left = most // _KEYS_FOR_A_ROW if rows else most
    found: list[Found] = []
    for reach in reaches:
        text, bounds = _first_keys(reach, Order("key", descending).direction)
        parameters = {**values, **bounds, "most": left, "limit": limit - len(found)}
        found += [
            _found(reach.bucket, row)
            for row in run.rows(
                f"SELECT {_COLUMNS} FROM ({text}) w JOIN stored_object o"
                f" ON o.bucket_id = %(bucket_id)s AND o.key = w.key AND {_LIVE}"
                f" WHERE {' AND '.join([*keys, *rows, '1 = 1'])}"
                f" ORDER BY w.key {Order('key', descending).direction} LIMIT %(limit)s",
                parameters,
            )
        ]
        if len(found) == limit:
            return found
        if _syntax.LOOKS_THROUGH_ALL:
            continue
        [seen] = run.one(f"SELECT count(*) FROM ({text}) keys", parameters)
        left -= max(seen, _KEYS_FOR_A_BUCKET)
        if left <= 0:
            return None
    return found


def few_by_index(
    *,
    wanted: Wanted,
    reaches: Sequence[Reach],
    descending: bool,
    after: Place | None,
    limit: int,
    most: int,
) -> list[Found] | None:
    """Return the same, for what the index knows. None: more than `most` are found."""
    statement, values = _matching(wanted, reaches, Order("key", descending), after)
    direction = Order("key", descending).direction
    _syntax.rely_on_indexes(True)
    found = run.rows(
        f"SELECT found.*, count(*) OVER () FROM ({statement} LIMIT %(enough)s) found"
        f" ORDER BY found.bucket {direction}, found.key {direction} LIMIT %(limit)s",
        {**values, "limit": limit, "enough": most + 1},
    )
    _syntax.rely_on_indexes(False)
    if found and found[0][-1] > most:
        return None
    return [_found(row[0], row[1:-1]) for row in found]


def sorted_out(
    *,
    wanted: Wanted,
    reaches: Sequence[Reach],
    order: Order,
    after: Place | None,
    limit: int,
) -> list[Found]:
    """Return the first objects of the reaches, or those behind a place, in an order."""
    statement, values = _matching(wanted, reaches, order, after)
    # Not the index's order of keys: it would be followed to its end where few match.
    columns = [*_sort_columns(order)[:-1], "(o.key || '')"]
    sort = ", ".join(f"{column} {order.direction}" for column in columns)
    found = run.rows(
        f"{statement} ORDER BY {sort} LIMIT %(limit)s", {**values, "limit": limit}
    )
    return [_found(row[0], row[1:]) for row in found]


def _first_keys(reach: Reach, direction: str) -> tuple[str, dict[str, Any]]:
    """Return the statement for the first keys of a reach, from the index alone."""
    within, bounds = _within("k.key", reach.span)
    most = "" if _syntax.LOOKS_THROUGH_ALL else " LIMIT %(most)s"
    text = (
        "SELECT k.key FROM stored_object k WHERE k.bucket_id = %(bucket_id)s"
        f" AND k.is_latest AND {within} ORDER BY k.key {direction}{most}"
    )
    return text, {**bounds, "bucket_id": reach.bucket_id}


def _sort_columns(order: Order) -> list[str]:
    columns = [_syntax.BUCKET, "o.key"]
    return columns if order.by == "key" else [f"o.{order.by}", *columns]


def _matching(
    wanted: Wanted, reaches: Sequence[Reach], order: Order, after: Place | None
) -> tuple[str, dict[str, Any]]:
    """Return the statement for all that is wanted behind a place, in no order."""
    keys, rows, values = _conditions(wanted, "o.key", _syntax.contains_by_index)
    conditions = [*keys, *rows, _LIVE]
    if after is not None:
        columns = _sort_columns(order)
        place = ["%(at)s", "%(at_bucket)s", "%(at_key)s"][-len(columns) :]
        than = "<" if order.descending else ">"
        conditions.append(f"({', '.join(columns)}) {than} ({', '.join(place)})")
        at = after.value
        values |= {
            "at": _syntax.moment(at) if isinstance(at, datetime) else at,
            "at_bucket": after.bucket,
            "at_key": after.key,
        }
    table, parameters = _reaches(reaches)
    statement = (
        f"SELECT {_syntax.BUCKET} AS bucket, {_COLUMNS} FROM {table}"
        " JOIN stored_object o ON o.bucket_id = reach.bucket_id"
        " AND o.key >= reach.start AND o.key < reach.until"
        f" WHERE {' AND '.join(conditions)}"
    )
    return statement, values | parameters


def _reaches(reaches: Sequence[Reach]) -> tuple[str, dict[str, Any]]:
    """Return them as a table of the name `reach`, and its parameters."""
    last = after_prefix("")
    rows = [(r.bucket_id, r.bucket, r.span.after, r.span.end or last) for r in reaches]
    if len(rows) == 1 and connection.vendor == "postgresql":
        names = ("bucket_id", "bucket", "start", "until")
        return _syntax.ONE_REACH, dict(zip(names, rows[0], strict=True))
    return _syntax.MANY_REACHES, _syntax.many_reaches(rows)


def _conditions(
    wanted: Wanted, key: str, contains: Contains
) -> tuple[list[str], list[str], dict[str, Any]]:
    """Return the conditions on the key, those on the rest of `o`, and parameters."""
    keys, key_values = _of_key(wanted, key, contains)
    rows, row_values = _of_row(wanted)
    return keys, rows, key_values | row_values


def _of_key(
    wanted: Wanted, key: str, contains: Contains
) -> tuple[list[str], dict[str, Any]]:
    keys: list[str] = []
    values: dict[str, Any] = {}
    if wanted.text:
        keys.append(contains(key, "text"))
        values["text"] = _syntax.holding(wanted.text)
    if wanted.glob is not None:
        longest = max(wanted.glob.literals(), key=len)
        if len(longest) >= _SHORTEST_TRIGRAM:  # for the index, which knows no globs
            keys.append(contains(key, "literal"))
            values["literal"] = _syntax.holding(longest)
        keys.append(_syntax.matches(key, "glob"))
        values["glob"] = _syntax.globbing(wanted.glob)
    return keys, values


def _of_row(wanted: Wanted) -> tuple[list[str], dict[str, Any]]:
    rows: list[str] = []
    values: dict[str, Any] = {}
    if wanted.content_type:
        rows.append(_of_type(wanted.content_type))
        values["type"] = wanted.content_type
    for name, comparison in (("min_size", ">="), ("max_size", "<=")):
        if (size := getattr(wanted, name)) is not None:
            rows.append(f"o.size {comparison} %({name})s")
            values[name] = size
    for name, comparison in (("after", ">"), ("before", "<")):
        if (moment := getattr(wanted, name)) is not None:
            rows.append(f"o.created_at {comparison} %({name})s")
            values[name] = _syntax.moment(moment)
    for column in ("tags", "metadata"):
        if entries := getattr(wanted, column):
            condition, parameters = _syntax.has_entries(column, column, entries)
            rows.append(condition)
            values |= parameters
    return rows, values


def _of_type(content_type: str) -> str:
    """A type stands for itself with any parameters."""
    plain = _syntax.TYPE
    wanted = "CAST(%(type)s AS text)"
    if content_type.endswith("/"):
        return f"substr({plain}, 1, {len(content_type)}) = {wanted}"
    with_parameters = f"substr({plain}, 1, {len(content_type) + 1})"
    return (
        f"({plain} = {wanted}"
        f" OR {with_parameters} IN ({wanted} || ';', {wanted} || ' '))"
    )


def _within(key: str, span: Span) -> tuple[str, dict[str, Any]]:
    text = f"{key} {'>=' if span.inclusive else '>'} %(first)s"
    if span.end is None:
        return text, {"first": span.after}
    return f"{text} AND {key} < %(end)s", {"first": span.after, "end": span.end}


def _found(bucket: str, row: Sequence[Any]) -> Found:
    *plain, metadata, tags = row
    entry = reads.to_listed(bucket, plain)
    return Found(entry, json.loads(metadata), json.loads(tags))
