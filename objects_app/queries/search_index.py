"""The indexes of searches on PostgreSQL: built and dropped beside running writers.

SQLite has none of the kind; ask none of this there.
"""

from typing import NamedTuple

from django.db import connection

from objects_app.queries import run
from objects_app.queries.search_postgresql import fold

NAMES = ("search_keys", "search_tags", "search_metadata")

_LIVE = "is_latest AND NOT is_delete_marker"
_COLUMNS = {
    "search_keys": "{key} gin_trgm_ops",
    "search_tags": "tags jsonb_path_ops",
    "search_metadata": "metadata jsonb_path_ops",
}


class Progress(NamedTuple):
    """How far somebody's build is; the units are the phase's own."""

    phase: str
    done: int
    total: int


def states() -> dict[str, bool]:
    """Return which of the indexes are there, and whether each is complete."""
    rows = run.rows(
        "SELECT c.relname, i.indisvalid FROM pg_index i"
        " JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = to_regclass('stored_object')"
        " AND c.relname = ANY(%(names)s)",
        {"names": list(NAMES)},
    )
    return {name: bool(valid) for name, valid in rows}


def progress() -> Progress | None:
    """Return how far a build of an index on the objects is, None if there is none."""
    row = run.row(
        "SELECT phase, greatest(tuples_done, blocks_done),"
        " greatest(tuples_total, blocks_total)"
        " FROM pg_stat_progress_create_index WHERE relid = to_regclass('stored_object')"
    )
    return Progress._make(row) if row else None


def create_extension() -> None:
    """Have trigrams in this database. Raises django.db.DatabaseError."""
    _execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")


def create(name: str) -> None:
    """Build one index; writers go on meanwhile. Outside of any transaction."""
    columns = _COLUMNS[name].format(key=fold("key"))
    _execute(
        f"CREATE INDEX CONCURRENTLY {name} ON stored_object USING gin ({columns})"
        f" WHERE {_LIVE}"
    )


def drop(name: str) -> None:
    """Drop one index if it is there; writers go on meanwhile."""
    _execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def analyze() -> None:
    """Let the planner know what the new index has."""
    _execute("ANALYZE stored_object")


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
