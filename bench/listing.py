"""Pages of a listing in a bucket of a million keys, in 50 folders."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from urllib.parse import quote

import psycopg

from bench.children import Child, children
from bench.client import seconds_each
from bench.report import Limit, Row, Target
from bench.scale import Bench
from bench.servers import Store, store

NAMES = ("list", "delimiter", "list-at", "delimiter-at")
PAGE = 1000
FOLDERS = 50
SMALL_KEYS = 1000

# "Cost grows with results, not keys": DESIGN gives no number; this is noise and depth.
_FLAT = Target("times or less", 1.5)
_PAST = Target("times or less", 3)

# Every key has a version from each of these hours, and all that is seen at the moment
# between the last two is history.
_HOURS = (0, 1, 2)
_MOMENT = "2026-01-01T01:30:00Z"

_NUMBERS = {
    "postgresql": "(SELECT generate_series(0, %(keys)s::int - 1) AS i) numbers",
    "sqlite": (
        "(WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n"
        " WHERE i + 1 < :keys) SELECT i FROM n) numbers"
    ),
}
_KEY = {
    "postgresql": "format('folder-%%s/%%s', lpad((i %% {folders})::text, 2, '0'),"
    " lpad(i::text, 7, '0'))",
    "sqlite": "printf('folder-%02d/%07d', i % {folders}, i)",
}
_TIME = {
    "postgresql": "CAST({text} AS timestamptz)",
    "sqlite": "{text}",
}
_BLOB = (
    "INSERT INTO blob (sha256, size, created_at, verified_at)"
    " VALUES ('0000000000000000000000000000000000000000000000000000000000000000',"
    " 1, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)"
)
_OBJECTS = (
    "INSERT INTO stored_object (bucket_id, key, version_id, is_latest,"
    " is_delete_marker, blob_id, sha256, size, etag, content_type, headers, metadata,"
    " tags, node_id, created_at, superseded_at)"
    " SELECT b.id, {key}, 'v' || version.hour, version.hour = 2, false, blob.id,"
    " blob.sha256, 1, blob.sha256, 'text/plain', '{{}}', '{{}}', '{{}}', 'bench',"
    " {begins}, CASE WHEN version.hour < 2 THEN {ends} END"
    " FROM bucket b, blob, {numbers},"
    " (SELECT column1 AS hour FROM (VALUES {hours}) AS given) version"
    " WHERE b.name = 'bench'"
)


@contextmanager
def rows(bench: Bench) -> Iterator[list[Row]]:
    """Yield the rows while a large and a small store run; bytes make no difference."""
    if bench.setup.s3 is not None:
        yield []
        return
    with ExitStack() as stack:
        large = stack.enter_context(store(bench.setup))
        small = stack.enter_context(store(bench.setup))
        past = stack.enter_context(store(bench.setup))
        [insider] = stack.enter_context(children("bench.inside", 1, large.environment))
        _fill(large, bench.scale.keys)
        _fill(small, SMALL_KEYS)
        _fill(past, bench.scale.keys, hours=_HOURS)
        seconds = bench.scale.seconds / 2
        yield [
            _row(
                "list",
                f"List page of {PAGE} of {bench.scale.keys:,} keys",
                (large, small),
                insider,
                _starts(bench.scale.keys),
                seconds=seconds,
            ),
            _row(
                "delimiter",
                f"Delimiter page, {FOLDERS} folders of {bench.scale.keys:,} keys",
                (large, small),
                insider,
                [""],
                delimiter="/",
                seconds=seconds,
            ),
            _row_of_the_past(
                "list-at",
                f"List page as of a moment, {bench.scale.keys:,} keys x 3 versions",
                past,
                _starts(bench.scale.keys),
                seconds=seconds,
            ),
            _row_of_the_past(
                "delimiter-at",
                f"Delimiter page as of a moment, {FOLDERS} folders",
                past,
                [""],
                delimiter="/",
                seconds=seconds,
            ),
        ]


def _starts(keys: int) -> list[str]:
    """Return where pages begin, spread over the bucket, each with a full page left."""
    step = keys // FOLDERS // 2
    return [f"folder-{f:02}/{step * f // 10:07}" for f in range(0, FOLDERS - 5, 3)]


def _row(
    name: str,
    title: str,
    stores: tuple[Store, Store],
    insider: Child,
    starts: list[str],
    *,
    delimiter: str = "",
    seconds: float,
) -> Row:
    large, small = stores
    query = f"/objects?bucket=bench&delimiter={quote(delimiter, safe='')}"
    targets = [f"{query}&start_after={quote(start)}" for start in starts]

    def bare() -> float:
        answered: float = insider.ask(
            "page_bare",
            bucket="bench",
            delimiter=delimiter,
            starts=starts,
            seconds=seconds,
        )
        return answered * 1000

    def page(port: int, targets: list[str]) -> float:
        return seconds_each(port, targets, seconds) * 1000

    return Row(
        name=name,
        title=title,
        unit="ms",
        measure=partial(page, large.port, targets),
        limits=(
            Limit(
                f"the same page of {SMALL_KEYS} keys",
                partial(page, small.port, [query]),
                _FLAT,
            ),
            Limit("its SQL by the bare driver", bare),
        ),
        prepare=lambda: (page(large.port, targets), page(small.port, [query]), bare()),
    )


def _row_of_the_past(
    name: str,
    title: str,
    past: Store,
    starts: list[str],
    *,
    delimiter: str = "",
    seconds: float,
) -> Row:
    query = f"/objects?bucket=bench&delimiter={quote(delimiter, safe='')}"
    today = [f"{query}&start_after={quote(start)}" for start in starts]
    then = [f"{target}&at={_MOMENT}" for target in today]

    def page(targets: list[str]) -> float:
        return seconds_each(past.port, targets, seconds) * 1000

    return Row(
        name=name,
        title=title,
        unit="ms",
        measure=partial(page, then),
        limits=(Limit("the same page today", partial(page, today), _PAST),),
        prepare=lambda: (page(then), page(today)),
    )


def _fill(target: Store, keys: int, *, hours: tuple[int, ...] = (2,)) -> None:
    """Insert rows straight into the tables; no bytes belong to them."""
    target.request("PATCH", "/buckets/bench", b'{"versioning": "enabled"}')
    url = target.environment.get("DATABASE_URL")
    kind = "postgresql" if url else "sqlite"
    hour = "'2026-01-01 0' || {} || ':00:00.000000'"
    statement = _OBJECTS.format(
        key=_KEY[kind].format(folders=FOLDERS),
        numbers=_NUMBERS[kind],
        begins=_TIME[kind].format(text=hour.format("version.hour")),
        ends=_TIME[kind].format(text=hour.format("(version.hour + 1)")),
        hours=", ".join(f"({number})" for number in hours),
    )
    if url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_BLOB)
            connection.execute(statement.encode(), {"keys": keys})
            connection.execute("VACUUM (ANALYZE)")  # else autovacuum comes in between
        return
    file = target.folder / "objectstore.sqlite3"
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute(_BLOB)
        database.execute(statement, {"keys": keys})
        database.execute("ANALYZE")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
