"""Searches: objects by what their keys and descriptions hold, in the caller's buckets.

Three ways. Look through the keys of the reaches as far as some number: quick for a few
keys, and where many match. Find all that match, by an index where there is one (the
command build_search_index), and sort them: quick where few do. Walk through an index in
the wanted order until a page is full: quick where many match. How many do is what the
planner expects (`expected`).
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from objects_app.names import after_prefix
from objects_app.queries import reads, run, search_postgresql
from objects_app.queries.rows import ListedEntry, Span
from objects_app.queries.search_conditions import (
    Wanted,
    conditions,
    parameter,
    ranges,
    syntax,
)

limited = syntax.limited

SortKey = Literal["key", "created_at", "size"]

_LIVE = "{0}.is_latest AND NOT {0}.is_delete_marker"
_COLUMNS = f"o.key, {reads.listed('o')}, o.metadata, o.tags"
# What things cost, in keys looked through: another statement, and a look at a row.
_KEYS_FOR_A_REACH = 1_000
_KEYS_FOR_A_ROW = 16


class Reach(NamedTuple):
    """Keys of a bucket that the caller may read."""

    bucket_id: int
    bucket: str
    span: Span


class Order(NamedTuple):
    """By key is by bucket and key; those two decide between equals, too."""

    by: SortKey
    descending: bool

    def by_all(self, *columns: str) -> str:
        """Return the columns as an ORDER BY takes them."""
        direction = "DESC" if self.descending else "ASC"
        return ", ".join(f"{column} {direction}" for column in columns)

    def place(self, found: "Found") -> tuple[Any, ...]:
        """Return what decides where an object comes."""
        entry = found.entry
        last = entry.bucket, entry.key
        return last if self.by == "key" else (getattr(entry, self.by), *last)


class Place(NamedTuple):
    """The object that a page ended with; `value` is what it was sorted by."""

    value: int | datetime | None
    bucket: str
    key: str


class Search(NamedTuple):
    """The first objects, or those behind a place, of some reaches, in an order.

    By key the reaches come in their order and begin behind the place.
    """

    wanted: Wanted
    reaches: Sequence[Reach]
    order: Order
    after: Place | None
    limit: int


class Found(NamedTuple):
    """An object that was found."""

    entry: ListedEntry
    metadata: dict[str, str]
    tags: dict[str, str]


def expected(wanted: Wanted) -> int:
    """Return how many objects of the whole store the planner takes that to be.

    PostgreSQL only. It knows of keys when `build_search_index` has made statistics.
    """
    asked = conditions(wanted, "o.key")
    live = _LIVE.format("o")
    return search_postgresql.expected_rows(
        "SELECT 1 FROM stored_object o"
        f" WHERE {' AND '.join([*asked.of_key, *asked.of_row, live])}",
        asked.values,
    )


def look_through(search: Search, *, most: int) -> list[Found] | None:
    """Return what is found among the keys of the reaches.

    None: there are more than `most` keys, and it takes them to tell. A condition on
    more than the key makes each as dear as several. SQLite looks through all.
    """
    page = _Page(search)
    left = most // _KEYS_FOR_A_ROW if page.asked.of_row else most
    for reach in search.reaches:
        keys, values = _by_key(reach, search.order)
        if not syntax.LOOKS_THROUGH_ALL:
            keys += " LIMIT %(most)s"
            values["most"] = left
        page.add(reach, keys, values, value=f"o.{search.order.by}")
        if page.is_complete:
            break
        if syntax.LOOKS_THROUGH_ALL:
            continue
        [seen] = run.one(f"SELECT count(*) FROM ({keys}) keys", values)
        left -= max(seen, _KEYS_FOR_A_REACH)
        if left <= 0:
            return None
    return page.found


def walk(search: Search) -> Iterator[list[Found]]:
    """Yield the same, and less of it before: once for each reach. PostgreSQL only."""
    page = _Page(search)
    for reach in search.reaches:
        if search.order.by == "key":
            keys, values = _by_key(reach, search.order)
        else:
            keys, values = page.in_order(reach)
        page.add(reach, keys, values, value="w.value")
        yield page.found
        if page.is_complete:
            return


def sort_out(search: Search, *, most: int | None) -> list[Found] | None:
    """Return the same from all that match. PostgreSQL only.

    None: they are more than `most`. With it an index is to find them.
    """
    wanted, reaches, order, after, limit = search
    asked = conditions(wanted, "o.key")
    where = [*asked.of_key, *asked.of_row, _LIVE.format("o")]
    columns = ["bucket", "key"] if order.by == "key" else ["value", "bucket", "key"]
    names = {
        "bucket": search_postgresql.BUCKET,
        "key": "o.key",
        "value": f"o.{order.by}",
    }
    if after is not None:
        left = ", ".join(names[column] for column in columns)
        right = ", ".join(f"%(at_{column})s" for column in columns)
        where.append(f"({left}) {'<' if order.descending else '>'} ({right})")
    table, values = search_postgresql.reaches(
        [(r.bucket_id, r.bucket, r.span.after, _end(r.span)) for r in reaches]
    )
    values |= {**asked.values, **_place(after), "limit": limit}
    values["enough"] = None if most is None else most + 1
    search_postgresql.rely_on_indexes(most is not None)
    rows = run.rows(
        f"SELECT first.bucket, {_COLUMNS}, first.total FROM (SELECT matching.*,"
        " count(*) OVER () AS total FROM (SELECT o.id, "
        f"{', '.join(f'{name} AS {column}' for column, name in names.items())}"
        f" FROM {table} JOIN stored_object o ON o.bucket_id = reach.bucket_id"
        " AND o.key >= reach.start AND o.key < reach.until"
        f" WHERE {' AND '.join(where)} LIMIT %(enough)s) matching"
        f" ORDER BY {order.by_all(*columns)} LIMIT %(limit)s) first"
        " JOIN stored_object o ON o.id = first.id"
        f" ORDER BY {order.by_all(*(f'first.{column}' for column in columns))}",
        values,
    )
    search_postgresql.rely_on_indexes(False)
    if most is not None and rows and rows[0][-1] > most:
        return None
    return [_found(row[0], row[1:-1]) for row in rows]


class _Page:
    """The first objects of the reaches so far."""

    def __init__(self, search: Search) -> None:
        self.asked = conditions(search.wanted, "w.key")
        self.found: list[Found] = []
        self._wanted, _, self._order, self._after, self._limit = search

    @property
    def is_complete(self) -> bool:
        """Whether no further reach can have any of the first."""
        return self._order.by == "key" and len(self.found) == self._limit

    def add(
        self, reach: Reach, keys: str, values: dict[str, Any], *, value: str
    ) -> None:
        """Find more among keys: a statement with a column of the name, in order."""
        bounds, values_of_bounds = self._bounds(reach, value, "w.key")
        columns = ["w.key"] if self._order.by == "key" else [value, "w.key"]
        where = [*self.asked.of_key, *self.asked.of_row, *bounds, "1 = 1"]
        rows = run.rows(
            f"SELECT {_COLUMNS} FROM ({keys}) w JOIN stored_object o"
            " ON o.bucket_id = %(bucket_id)s AND o.key = w.key"
            f" AND {_LIVE.format('o')} WHERE {' AND '.join(where)}"
            f" ORDER BY {self._order.by_all(*columns)} LIMIT %(limit)s",
            {**self.asked.values, **values, **values_of_bounds, "limit": self._limit},
        )
        found = self.found + [_found(reach.bucket, row) for row in rows]
        found.sort(key=self._order.place, reverse=self._order.descending)
        self.found = found[: self._limit]

    def in_order(self, reach: Reach) -> tuple[str, dict[str, Any]]:
        """Return the keys of a reach by size or time, from their index alone."""
        value = f"k.{self._order.by}"
        within, values = _within("k.key", reach.span)
        bounds, values_of_bounds = self._bounds(reach, value, "k.key")
        wanted, ends = ranges(self._wanted, self._order.by, value)
        where = [_LIVE.format("k"), within, *bounds, *wanted]
        text = (
            f"SELECT k.key, {value} AS value FROM stored_object k"
            f" WHERE k.bucket_id = %(bucket_id)s AND {' AND '.join(where)}"
            f" ORDER BY {self._order.by_all(value, 'k.key')}"
        )
        values |= {**values_of_bounds, **ends, "bucket_id": reach.bucket_id}
        return text, values

    def _bounds(
        self, reach: Reach, value: str, key: str
    ) -> tuple[list[str], dict[str, Any]]:
        """Return what is asked of columns so that they come behind the place, and
        before what is the last on this page now."""
        if self._order.by == "key":
            return [], {}
        than = "<" if self._order.descending else ">"
        bounds, values = [], _place(self._after)
        if (after := self._after) is not None:
            if reach.bucket == after.bucket:
                bounds.append(f"({value}, {key}) {than} (%(at_value)s, %(at_key)s)")
            else:
                follows = (reach.bucket > after.bucket) is not self._order.descending
                than_value = f"{than}=" if follows else than
                bounds.append(f"{value} {than_value} %(at_value)s")
        if len(self.found) == self._limit:
            last = getattr(self.found[-1].entry, self._order.by)
            bounds.append(f"%(last)s {than}= {value}")
            values["last"] = parameter(last)
        return bounds, values


def _by_key(reach: Reach, order: Order) -> tuple[str, dict[str, Any]]:
    """Return the statement for the keys of a reach, from their index alone."""
    within, values = _within("k.key", reach.span)
    text = (
        "SELECT k.key FROM stored_object k WHERE k.bucket_id = %(bucket_id)s"
        f" AND k.is_latest AND {within} ORDER BY {order.by_all('k.key')}"
    )
    return text, {**values, "bucket_id": reach.bucket_id}


def _place(place: Place | None) -> dict[str, Any]:
    if place is None:
        return {}
    value = parameter(place.value)
    return {"at_value": value, "at_bucket": place.bucket, "at_key": place.key}


def _within(key: str, span: Span) -> tuple[str, dict[str, Any]]:
    text = f"{key} {'>=' if span.inclusive else '>'} %(first)s"
    if span.end is None:
        return text, {"first": span.after}
    return f"{text} AND {key} < %(end)s", {"first": span.after, "end": span.end}


def _end(span: Span) -> str:
    return span.end or after_prefix("")


def _found(bucket: str, row: Sequence[Any]) -> Found:
    *plain, metadata, tags = row
    entry = reads.to_listed(bucket, plain)
    return Found(entry, json.loads(metadata), json.loads(tags))
