"""The engine on PostgreSQL (`engine.py` has the steps)."""

import zlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from django.db import DatabaseError

from objects_app.queries import run
from objects_app.queries.changes import Change, Changed, Mark, Refused
from objects_app.queries.engine import Engine
from objects_app.queries.plans import Again
from objects_app.queries.postgresql_upkeep import totals_unfolded
from objects_app.queries.rows import Actor
from objects_app.queries.statements import Flavour

# ON CONFLICT watches over one index. Of two creators of a key, the second may pass that
# one before the first inserts, then wait at the other (bucket, key, version_id) and be
# refused there (unique_violation), or each waits for the other (deadlock_detected):
# nothing was written, and the next try finds the first one's row.
_DEADLOCK = "40P01"
RUN_AGAIN = {"23505", _DEADLOCK}
_BUCKET_IS_GONE = "23503"  # or a blob: whoever tries again sees which

# One lock a key would run the server out of lock memory at 10,000 keys.
_LOCKS = 1024
_LOCK_SPACE = 0x6F626A  # ours among the server's advisory locks

# The first part writes nothing, but takes the table's lock as every writer does, and
# before the others: whoever changes a bucket's versioning waits for the writers in
# flight, so also for a transaction that has looked at it and has not written yet.
_LOCK_KEYS = """
WITH writes AS (DELETE FROM stored_object WHERE false)
SELECT pg_advisory_xact_lock(%s::int, n) FROM unnest(%s::int[]) n"""


def lock_keys(keys: Iterable[tuple[int, str]]) -> None:
    """See Dialect.lock_keys."""
    numbers = {
        zlib.crc32(f"{bucket_id}/{key}".encode()) % _LOCKS for bucket_id, key in keys
    }
    try:
        run.rows(_LOCK_KEYS, [_LOCK_SPACE, sorted(numbers)])
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", None) == _DEADLOCK:
            raise Again from error
        raise


_engine = Engine(
    Flavour(
        each="jsonb_array_elements(%(rows)s::jsonb) AS r(value)",
        field=lambda name: f"(r.value ->> '{name}')",
        json=lambda name: f"(r.value -> '{name}')",
        moment=lambda text: f"{text}::timestamptz",
        raw=lambda column: column,
        text=datetime.isoformat,
        now="clock_timestamp()",
        share=lambda table: f"FOR SHARE OF {table}",
        update=lambda table: f"FOR UPDATE OF {table}",
        unfolded=totals_unfolded,
        lock_keys=lock_keys,
    )
)
mark = _engine.mark


def apply(
    *,
    changes: Sequence[Change],
    marks: Sequence[Mark] = (),
    by: Actor,
    first: Callable[[], object] = lambda: None,
) -> list[Changed] | Refused | None:
    """See Dialect.apply."""
    try:
        return _engine.apply(changes=changes, marks=marks, by=by, first=first)
    except Again:
        return None
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", None) in {*RUN_AGAIN, _BUCKET_IS_GONE}:
            return None
        raise
