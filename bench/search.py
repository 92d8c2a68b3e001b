"""Pages of searches in a store of a million keys, most of them in one bucket.

On PostgreSQL with the search index; SQLite looks through the keys.
"""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlencode

import psycopg

from bench.client import seconds_each
from bench.report import Limit, Row, Target
from bench.scale import Bench
from bench.servers import Store, store
from objectstore.config import BASE_DIR

# What the store promises of three characters or more, in milliseconds.
_PROMISED = Limit("100 ms", lambda: 100.0, Target("times or less", 1.0))
_COMPARED = Limit("100 ms", lambda: 100.0)

_SEARCHES: dict[str, tuple[str, dict[str, str]]] = {
    "search-one": ("Search for one key", {"q": "0012345"}),
    "search-none": ("Search for what no key has", {"q": "photox"}),
    "search-all": ("Search for what every key has", {"q": "PHOTO"}),
    "search-fifth": ("Search for what a fifth has", {"q": "inv", "limit": "1000"}),
    "search-folder": (
        "Search in a folder",
        {"bucket": "bench", "prefix": "folder-33/", "q": "-00"},
    ),
    "search-glob": ("Search by a glob", {"glob": "folder-*/backup/*.jpg"}),
    "search-tag": ("Search by a tag", {"tag.project": "p10"}),
    "search-sorted": ("Largest of 1,000 found", {"q": "o-0012", "sort": "size"}),
    "search-late": ("Search for a late folder", {"q": "folder-48"}),
    "search-sort-many": ("Largest of a fifth", {"q": "invoice", "sort": "size"}),
    "search-newest": ("Newest of a fifth", {"q": "inv", "sort": "created_at"}),
    "search-late-many": ("Search for late folders, a fifth", {"q": "folder-3"}),
}
NAMES = tuple(_SEARCHES)
# It walks by all that is before: docs/objects.md says so.
_SLOW = frozenset({"search-late-many"})

_NUMBERS = {
    "postgresql": "(SELECT generate_series(0, %(keys)s::int - 1) AS i) numbers",
    "sqlite": (
        "(WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n"
        " WHERE i + 1 < :keys) SELECT i FROM n) numbers"
    ),
}
_LAST = {"postgresql": "right({}, {})", "sqlite": "substr({}, -{})"}
_MODULO = {"postgresql": "%%", "sqlite": "%"}
_BLOB = (
    "INSERT INTO blob (sha256, size, created_at, verified_at)"
    " VALUES ('0000000000000000000000000000000000000000000000000000000000000000',"
    " 1, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)"
)
_BUCKETS = (
    "INSERT INTO bucket (name, visibility, created_at)"
    " SELECT 'bench-' || i, 'private', CURRENT_TIMESTAMP FROM {numbers}"
    " WHERE i < {others}"
)
_OBJECTS = """
INSERT INTO stored_object (bucket_id, key, version_id, is_latest, is_delete_marker,
  blob_id, sha256, size, etag, content_type, headers, metadata, tags, node_id)
SELECT b.id, 'folder-' || {folder} || CASE i / 7 {mod} 5 WHEN 0 THEN '/invoice/'
    WHEN 1 THEN '/Report/' WHEN 2 THEN '/holiday/' WHEN 3 THEN '/backup/'
    ELSE '/misc/' END || 'photo-' || {number}
    || CASE i {mod} 2 WHEN 0 THEN '.jpg' ELSE '.txt' END,
  'null', true, false, blob.id, blob.sha256, i * CAST(7919 AS bigint) {mod} 1000003,
  blob.sha256, 'text/plain', '{{}}', '{{"camera": "D850"}}',
  CAST(CASE i {mod} 10 WHEN 0 THEN '{{"project": "p' || i {mod} 500 || '"}}'
    ELSE '{{}}' END AS {json}), 'bench'
FROM {numbers}, blob, bucket b
WHERE b.name = CASE i {mod} 20 WHEN 19 THEN 'bench-' || i / 20 {mod} {others}
  ELSE 'bench' END
"""
_OTHER_BUCKETS = 50
_FOLDERS = 50


@contextmanager
def rows(bench: Bench) -> Iterator[list[Row]]:
    """Yield the rows while the store runs; bytes make no difference."""
    if bench.setup.s3 is not None:
        yield []
        return
    with store(bench.setup, SEARCH_INDEX="on") as target:
        _fill(target, bench.scale.keys)
        if bench.setup.database_url is not None:
            _build_index(target)
        yield [_row(bench, target, name) for name in NAMES]


def _row(bench: Bench, target: Store, name: str) -> Row:
    title, parameters = _SEARCHES[name]
    targets = [f"/search?{urlencode(parameters)}"]

    def page() -> float:
        return seconds_each(target.port, targets, bench.scale.seconds / 2) * 1000

    promised = bench.setup.database_url is not None and name not in _SLOW
    return Row(
        name=name,
        title=f"{title}, of {bench.scale.keys:,} keys",
        unit="ms",
        measure=page,
        limits=(_PROMISED if promised else _COMPARED,),
        prepare=page,
    )


def _build_index(target: Store) -> None:
    subprocess.run(
        [sys.executable, "manage.py", "build_search_index"],
        cwd=BASE_DIR,
        env=target.environment,
        check=True,
        capture_output=True,
    )


def _fill(target: Store, keys: int) -> None:
    """Insert rows straight into the tables; no bytes belong to them."""
    url = target.environment.get("DATABASE_URL")
    kind = "postgresql" if url else "sqlite"
    modulo = _MODULO[kind]
    words = {
        "mod": modulo,
        "numbers": _NUMBERS[kind],
        "others": _OTHER_BUCKETS,
        "json": "jsonb" if url else "text",
        "folder": _LAST[kind].format(f"('0' || i {modulo} {_FOLDERS})", 2),
        "number": _LAST[kind].format("('000000' || i)", 7),
    }
    statements = [text.format(**words) for text in (_BUCKETS, _OBJECTS)]
    if url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_BLOB)
            for statement in statements:
                connection.execute(statement.encode(), {"keys": keys})
            connection.execute("VACUUM (ANALYZE)")  # else autovacuum comes in between
        return
    file = target.folder / "objectstore.sqlite3"
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute(_BLOB)
        for statement in statements:
            database.execute(statement, {"keys": keys})
        database.execute("ANALYZE")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
