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
# What things cost, in keys looked through: another part of an index, and a row.
_KEYS_FOR_A_REACH = 50
_KEYS_FOR_A_ROW = 16
# What would fetch all that match before the first, or all that do not along with them.
_NOT_IN_ORDER = (
    "enable_bitmapscan",
    "enable_sort",
    "enable_mergejoin",
    "enable_hashjoin",
)


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
    where, values = _matching(wanted)
    return search_postgresql.expected_rows(
        f"SELECT 1 FROM stored_object o WHERE {where}", values
    )


def look_through(search: Search, *, most: int) -> list[Found] | None:
    """Return what is found among the keys of the reaches.

    None: there are more than `most` keys, and it takes them to tell. A condition on
    more than the key makes each as dear as several. SQLite looks through all.
    """
    if syntax.LOOKS_THROUGH_ALL:
        return _in_all(search)
    asked = conditions(search.wanted, "w.key")
    if asked.of_row:
        most //= _KEYS_FOR_A_ROW
    looked = search._replace(reaches=search.reaches[: most // _KEYS_FOR_A_REACH + 1])
    by_key = looked.order.by_all("k.key")
    reaches, _ = _reaches(looked)
    first, values = _first(
        looked,
        "(SELECT o.id, o.bucket_id, o.key, o.size, o.created_at FROM keys w"
        " JOIN stored_object o ON o.bucket_id = w.bucket_id AND o.key = w.key"
        f" WHERE {' AND '.join([*asked.of_key, *asked.of_row, _LIVE.format('o')])})",
        asked.values,
    )
    rows = run.rows(
        "WITH keys AS MATERIALIZED (SELECT k.bucket_id, k.key"
        f" FROM {reaches} CROSS JOIN LATERAL (SELECT k.bucket_id, k.key"
        " FROM stored_object k WHERE k.bucket_id = reach.bucket_id AND k.is_latest"
        " AND k.key >= reach.start AND k.key < reach.until"
        f" ORDER BY {by_key} LIMIT %(most)s) k ORDER BY reach.n, {by_key}"
        " LIMIT %(most)s) SELECT (SELECT count(*) FROM keys), found.*"
        f" FROM (VALUES (1)) one LEFT JOIN ({first}) found ON true",
        {**values, "most": most},
    )
    found = [_found(bucket, row) for _, bucket, *row in rows if bucket is not None]
    found.sort(key=search.order.place, reverse=search.order.descending)
    is_all = rows[0][0] < most and len(looked.reaches) == len(search.reaches)
    is_full = search.order.by == "key" and len(found) == search.limit
    return found if is_all or is_full else None


def walk(search: Search) -> Iterator[list[Found]]:
    """Yield the same, and less of it before: once for each reach. PostgreSQL only."""
    page = _Page(search)
    search_postgresql.avoid(*_NOT_IN_ORDER)
    for reach in search.reaches:
        if search.order.by == "key":
            keys, values = _by_key(reach, search.order)
        else:
            keys, values = page.in_order(reach)
        page.add(reach, keys, values, value="w.value")
        yield page.found
        if page.is_complete:
            return


def by_index(search: Search) -> list[Found]:
    """Return the same from all that an index finds. PostgreSQL only.

    They are found at once: a loop over reaches would ask the index again for each.
    """
    where, values = _matching(search.wanted)
    if len(search.reaches) == 1:
        where += (
            " AND o.bucket_id = %(bucket_id)s"
            " AND o.key >= %(start)s AND o.key < %(until)s"
        )
    matching = (
        "(SELECT o.id, o.bucket_id, o.key, o.size, o.created_at FROM stored_object o"
        f" WHERE {where} OFFSET 0)"
    )
    search_postgresql.avoid("enable_seqscan")
    return _sorted(search, matching, values)


def sort_out(search: Search) -> list[Found]:
    """Return the same from all that match. PostgreSQL only."""
    where, values = _matching(search.wanted)
    return _sorted(search, f"(SELECT * FROM stored_object o WHERE {where})", values)


def _matching(wanted: Wanted) -> tuple[str, dict[str, Any]]:
    """Return what is asked of a row `o`, wherever it is, and parameters."""
    asked = conditions(wanted, "o.key")
    return " AND ".join([*asked.of_key, *asked.of_row, _LIVE.format("o")]), asked.values


def _sorted(search: Search, matching: str, values: dict[str, Any]) -> list[Found]:
    """Return the first of the rows that are within the reaches."""
    rows = run.rows(*_first(search, matching, values))
    return [_found(bucket, row) for bucket, *row in rows]


def _first(
    search: Search, matching: str, values: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Return the statement for those, and all parameters."""
    order, after = search.order, search.after
    value = f"o.{order.by}"
    names = {"value": value, "bucket": search_postgresql.BUCKET, "key": "o.key"}
    columns = list(names)[1:] if order.by == "key" else list(names)
    behind = "true"
    if after is not None:
        left = ", ".join(names[column] for column in columns)
        right = ", ".join(f"%(at_{column})s" for column in columns)
        behind = f"({left}) {'<' if order.descending else '>'} ({right})"
        values = values | _place("at", after)
    table, values_of_reaches = _reaches(search)
    # OFFSET 0: else the order of an index would be followed until a page is full.
    statement = (
        f"SELECT first.bucket, {_COLUMNS} FROM (SELECT * FROM (SELECT o.id,"
        f" {', '.join(f'{names[c]} AS {c}' for c in columns)} FROM {table}"
        f" JOIN {matching} o ON o.bucket_id = reach.bucket_id AND o.key >= reach.start"
        f" AND o.key < reach.until WHERE {behind} OFFSET 0) found"
        f" ORDER BY {order.by_all(*columns)} LIMIT %(limit)s) first"
        " JOIN stored_object o ON o.id = first.id"
        f" ORDER BY {order.by_all(*(f'first.{column}' for column in columns))}"
    )
    return statement, {**values, **values_of_reaches, "limit": search.limit}


def _reaches(search: Search) -> tuple[str, dict[str, Any]]:
    return search_postgresql.reaches(
        [(r.bucket_id, r.bucket, r.span.after, _end(r.span)) for r in search.reaches]
    )


def _in_all(search: Search) -> list[Found]:
    """Return what is found in one reach after another. SQLite only."""
    page = _Page(search)
    value = "w.key" if search.order.by == "key" else f"o.{search.order.by}"
    for reach in search.reaches:
        page.add(reach, *_by_key(reach, search.order), value=value)
        if page.is_complete:
            break
    return page.found


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
        behind, before = ("<", ">") if self._order.descending else (">", "<")
        bounds: list[str] = []
        values: dict[str, Any] = {}
        if self._after is not None:
            bounds.append(_than(behind, self._after, reach, (value, key), "at"))
            values |= _place("at", self._after)
        if len(self.found) == self._limit:
            last = Place(*self._order.place(self.found[-1]))
            bounds.append(_than(before, last, reach, (value, key), "last"))
            values |= _place("last", last)
        return bounds, values


def _than(
    than: str, place: Place, reach: Reach, columns: tuple[str, str], name: str
) -> str:
    """Return that a row of the reach comes before or behind a place, by value."""
    value, key = columns
    if reach.bucket == place.bucket:
        return f"({value}, {key}) {than} (%({name}_value)s, %({name}_key)s)"
    is_so = reach.bucket > place.bucket if than == ">" else reach.bucket < place.bucket
    return f"{value} {than}{'=' if is_so else ''} %({name}_value)s"


def _by_key(reach: Reach, order: Order) -> tuple[str, dict[str, Any]]:
    """Return the statement for the keys of a reach, from their index alone."""
    within, values = _within("k.key", reach.span)
    text = (
        "SELECT k.key FROM stored_object k WHERE k.bucket_id = %(bucket_id)s"
        f" AND k.is_latest AND {within} ORDER BY {order.by_all('k.key')}"
    )
    return text, {**values, "bucket_id": reach.bucket_id}


def _place(name: str, place: Place) -> dict[str, Any]:
    return {
        f"{name}_value": parameter(place.value),
        f"{name}_bucket": place.bucket,
        f"{name}_key": place.key,
    }


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
    return Found(entry, _parsed(metadata), _parsed(tags))


def _parsed(entries: str) -> dict[str, str]:
    """Most are empty, and parsing a thousand of them takes as long as a small page."""
    parsed: dict[str, str] = {} if entries == "{}" else json.loads(entries)
    return parsed
