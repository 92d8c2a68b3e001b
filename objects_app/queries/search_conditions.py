"""What an object must be to be found, and how that is said in SQL."""

from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from objects_app.queries import search_postgresql, search_sqlite
from objects_app.queries.globs import Glob

syntax: Any = search_postgresql if connection.vendor == "postgresql" else search_sqlite

_SHORTEST_TRIGRAM = 3
_RANGES = {
    "size": (("min_size", ">="), ("max_size", "<=")),
    "created_at": (("after", ">"), ("before", "<")),
}


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


class Conditions(NamedTuple):
    """What a statement asks of the key, and of the rest of `o`; and its parameters."""

    of_key: list[str]
    of_row: list[str]
    values: dict[str, Any]


def conditions(wanted: Wanted, key: str) -> Conditions:
    """Return what is asked of a row `o` whose key is in that column."""
    keys, key_values = _of_key(wanted, key)
    rows, row_values = _of_row(wanted)
    return Conditions(keys, rows, key_values | row_values)


def ranges(wanted: Wanted, by: str, column: str) -> tuple[list[str], dict[str, Any]]:
    """Return what is asked of a size or time in that column, and parameters."""
    asked: list[str] = []
    values: dict[str, Any] = {}
    for name, comparison in _RANGES[by]:
        if (end := getattr(wanted, name)) is not None:
            asked.append(f"{column} {comparison} %({name})s")
            values[name] = parameter(end)
    return asked, values


def parameter(value: int | datetime | None) -> Any:
    """Return what is compared with a size or time."""
    return syntax.moment(value) if isinstance(value, datetime) else value


def _of_key(wanted: Wanted, key: str) -> tuple[list[str], dict[str, Any]]:
    keys: list[str] = []
    values: dict[str, Any] = {}
    if wanted.text:
        keys.append(syntax.contains(key, "text"))
        values["text"] = syntax.holding(wanted.text)
    if wanted.glob is not None:
        longest = max(wanted.glob.literals(), key=len)
        if len(longest) >= _SHORTEST_TRIGRAM:  # for the index, which knows no globs
            keys.append(syntax.contains(key, "literal"))
            values["literal"] = syntax.holding(longest)
        keys.append(syntax.matches(key, "glob"))
        values["glob"] = syntax.globbing(wanted.glob)
    return keys, values


def _of_row(wanted: Wanted) -> tuple[list[str], dict[str, Any]]:
    rows: list[str] = []
    values: dict[str, Any] = {}
    if wanted.content_type:
        rows.append(_of_type(wanted.content_type))
        values["type"] = wanted.content_type
    for by in _RANGES:
        conditions_of_range, ends = ranges(wanted, by, f"o.{by}")
        rows += conditions_of_range
        values |= ends
    for column in ("tags", "metadata"):
        if entries := getattr(wanted, column):
            condition, parameters = syntax.has_entries(column, column, entries)
            rows.append(condition)
            values |= parameters
    return rows, values


def _of_type(content_type: str) -> str:
    """A type stands for itself with any parameters."""
    plain = syntax.TYPE
    wanted = "CAST(%(type)s AS text)"
    if content_type.endswith("/"):
        return f"substr({plain}, 1, {len(content_type)}) = {wanted}"
    with_parameters = f"substr({plain}, 1, {len(content_type) + 1})"
    return (
        f"({plain} = {wanted}"
        f" OR {with_parameters} IN ({wanted} || ';', {wanted} || ' '))"
    )
