"""The indexes of searches on PostgreSQL: built and dropped beside running writers.

SQLite has none of the kind; ask none of this there.
"""

from typing import NamedTuple

from django.db import connection

from objects_app.queries import run
from objects_app.queries.search_postgresql import fold

_INDEXES = {
    "search_keys": "USING gin (({key}) gin_trgm_ops)",
    "search_tags": "USING gin (tags jsonb_path_ops)",
    "search_metadata": "USING gin (metadata jsonb_path_ops)",
    "search_sizes": "(bucket_id, size, key)",
    "search_times": "(bucket_id, created_at, key)",
}
NAMES = tuple(_INDEXES)

# So the planner knows how many keys hold a text that one of a few hundred keys holds.
_STATISTICS = "search_statistics"
_STATISTICS_TARGET = 300


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
    columns = _INDEXES[name].format(key=fold("key"))
    _execute(
        f"CREATE INDEX CONCURRENTLY {name} ON stored_object {columns}"
        " WHERE is_latest AND NOT is_delete_marker"
    )


def drop(name: str) -> None:
    """Drop one index if it is there; writers go on meanwhile."""
    _execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


def is_analyzed() -> bool:
    """Whether `analyze` was done."""
    found = run.row(
        "SELECT 1 FROM pg_statistic_ext WHERE stxname = %(name)s"
        " AND stxrelid = to_regclass('stored_object')",
        {"name": _STATISTICS},
    )
    return found is not None


def analyze() -> None:
    """Let the planner know what the keys hold; from then on it keeps up by itself."""
    _execute(
        f"CREATE STATISTICS IF NOT EXISTS {_STATISTICS} ON ({fold('key')})"
        " FROM stored_object"
    )
    _execute(f"ALTER STATISTICS {_STATISTICS} SET STATISTICS {_STATISTICS_TARGET}")
    _execute("ANALYZE stored_object")


def forget() -> None:
    """Drop what `analyze` made, if it is there."""
    _execute(f"DROP STATISTICS IF EXISTS {_STATISTICS}")


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
