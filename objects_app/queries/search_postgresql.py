"""How PostgreSQL says what a search needs, and the indexes that make it quick."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from objects_app.queries import run
from objects_app.queries.globs import Glob

LOOKS_THROUGH_ALL = False

TYPE = 'lower(o.content_type COLLATE "C")'

BUCKET = 'reach.bucket COLLATE "C"'

# One constant bucket, or many in their order, as a table that a hash join can use. In
# binary: as text, each of thousands would be looked through for what to escape.
_ONE_REACH = (
    "(SELECT %(bucket_id)s::bigint AS bucket_id, %(bucket)s::text AS bucket,"
    " %(start)s::text AS start, %(until)s::text AS until, 1::bigint AS n) AS reach"
)
_MANY_REACHES = (
    "unnest(%(bucket_id)b::bigint[], %(bucket)b::text[], %(start)b::text[],"
    " %(until)b::text[]) WITH ORDINALITY AS reach(bucket_id, bucket, start, until, n)"
)
_AT_ONE_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; "
_REACH = ("bucket_id", "bucket", "start", "until")


def fold(text: str) -> str:
    """Return the text without its case, by Unicode's rules where the server has them.

    Upper case: unlike lower case, it depends on no neighbours (the Greek sigma). Texts
    of ASCII, most of them, are folded by the quickest way there is.
    """
    return (
        f"CASE WHEN octet_length({text}) = length({text})"
        f' THEN upper({text} COLLATE "C") COLLATE "C"'
        f' ELSE upper({text} COLLATE pg_catalog."{_collation()}") COLLATE "C" END'
    )


def contains(key: str, name: str) -> str:
    """Return the condition that a key holds the text of a parameter (see `holding`).

    The index has `fold` of the keys (see search_index), and the planner its statistics.
    """
    return f"{fold(key)} LIKE {fold(f'%({name})s::text')}"


def holding(text: str) -> str:
    """Return a text as the parameter of `contains`."""
    escaped = text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"


def matches(key: str, name: str) -> str:
    """Return the condition that a key matches the glob of a parameter."""
    return f"{key} ~ %({name})s::text"


def globbing(glob: Glob) -> str:
    """Return a glob as the parameter of `matches`."""
    return glob.regex()


def has_entries(
    column: str, name: str, entries: Mapping[str, str]
) -> tuple[str, dict[str, Any]]:
    """Return the condition that a map has all these entries, and its parameters."""
    return f"o.{column} @> %({name})s::jsonb", {name: json.dumps(entries)}


def moment(when: datetime) -> datetime:
    """Return a time as a parameter."""
    return when


def reaches(rows: Sequence[tuple[int, str, str, str]]) -> tuple[str, dict[str, Any]]:
    """Return parts of buckets, from a key until another, as a table `reach`.

    Its `n` is their order. Beside it, its parameters.
    """
    if len(rows) == 1:
        return _ONE_REACH, dict(zip(_REACH, rows[0], strict=True))
    columns = map(list, zip(*rows, strict=True))
    return _MANY_REACHES, dict(zip(_REACH, columns, strict=True))


def expected_rows(statement: str, parameters: Mapping[str, Any]) -> int:
    """Return how many rows the planner expects of a statement."""
    [plan] = run.one(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
    return int(plan[0]["Plan"]["Plan Rows"])


def avoid(*settings: str) -> None:
    """Let the planner avoid some ways, such as `enable_sort`, if there are others.

    As long as the transaction. Its costs are of a disk where all is far from the rest,
    and the beginning of a table is enough for it.
    """
    off = (f"set_config('{name}', 'off', true)" for name in settings)
    run.one(f"SELECT {', '.join(off)}")


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Let each statement take that long at most. Raises TimeoutError.

    They see the store at one moment, unless they are part of a larger transaction.

    Plans go by the values: what a LIKE finds is anything between nothing and all. None
    takes so long that compiling it would pay.
    """
    try:
        outermost = not connection.in_atomic_block
        with transaction.atomic():
            run.changed(
                f"{_AT_ONE_MOMENT if outermost else ''}"
                f"SET LOCAL statement_timeout = {seconds * 1000:.0f};"
                " SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL jit = off"
            )
            yield
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise TimeoutError from error
        raise


@cache
def _collation() -> str:
    """Return the collation whose rules of case are Unicode's own."""
    unicodes = run.row("SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu'")
    return "und-x-icu" if unicodes else "default"
