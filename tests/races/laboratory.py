"""The real statements and the real backend, as functions of small values.

A step of the protocol is run for real on an in-memory SQLite (and an in-memory backend)
that was first put into a given state; what is there afterwards is read back
(`tables.py`). The clock stands still: SQLite's `strftime` is replaced on this
connection. The journal is checked against COUNT and SUM after every step, then folded
away.

An actor's memory of a row is `Held`: its number, and whether what the actor knows of it
(creation time of a claim, `deleting_since` of a mark) is still so. What a step changes
about that is its `Effect`, to be applied to every actor's memory.
"""

import functools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from django.db import connections
from django.test import override_settings

from objects_app.blobs.ingest import Received, Spool
from objects_app.blobs.layout import storage_key
from objects_app.queries import reads
from objects_app.queries.rows import Actor as By
from objects_app.queries.rows import Totals
from tests.blobs.memory import Content, MemoryBackend
from tests.races import tables
from tests.races.histories import (
    NOW,
    text,
)
from tests.races.states import (
    ABSENT,
    CONTENTS,
    DIGESTS,
    SHORT,
    WHOLE,
    Effect,
    Files,
    Rows,
    Violation,
)

T = TypeVar("T")

TRUST_SECONDS = 86_400
LEASE_SECONDS = 30
BY = By("explorer", "node", "request")

_FORMATS = {"%Y-%m-%d %H:%M:%f000", "%Y-%m-%d %H:%M:%f"}  # ours and Django's


class Outcome(NamedTuple, Generic[T]):
    """The rows after a step, its answer, and what it did to others' memories."""

    rows: Rows
    answer: T
    effect: Effect


class Laboratory:
    """Runs steps on rows and on files that it first puts in place.

    Made by `laboratory`.
    """

    def __init__(self, raw: sqlite3.Connection, spool_dir: Path) -> None:
        self.raw = raw
        self.store = MemoryBackend(spool_dir, now=lambda: NOW)
        self.steps = 0
        self._there: Rows | None = None
        self._spools = [Spool(spool_dir) for _ in CONTENTS]
        for spool, content in zip(self._spools, CONTENTS, strict=True):
            spool.write(content)
        tables.prepare(raw)

    def received(self, content: int) -> Received:
        """Return a whole body, spooled."""
        return Received(DIGESTS[content], len(CONTENTS[content]), self._spools[content])

    def on_rows(self, rows: Rows, step: Callable[[], T]) -> Outcome[T]:
        """Put the database into a state, run a step, and read what came of it."""
        self.steps += 1
        if rows != self._there:
            self._there = None
            tables.restore(self.raw, rows)
        before = self.raw.total_changes
        answer = step()
        self._there = rows if self.raw.total_changes == before else None
        self._check_totals()
        after, effect = tables.read(self.raw, rows)
        return Outcome(after, answer, effect)

    def on_files(
        self, files: Files, step: Callable[[MemoryBackend], T]
    ) -> tuple[Files, T]:
        """Put the backend into a state, run a step, and read what came of it."""
        self.store.files = {
            storage_key(DIGESTS[i]): Content(
                CONTENTS[i] if state == WHOLE else CONTENTS[i][:-1], NOW
            )
            for i, state in enumerate(files)
            if state != ABSENT
        }
        answer = step(self.store)
        return tuple(self._state(i) for i in range(len(CONTENTS))), answer

    def _state(self, content: int) -> int:
        found = self.store.files.get(storage_key(DIGESTS[content]))
        if found is None:
            return ABSENT
        return WHOLE if found.data == CONTENTS[content] else SHORT

    def _check_totals(self) -> None:
        """The journal's totals, as every reader adds them up, are COUNT and SUM."""
        counted = Totals(
            *self.raw.execute(
                "SELECT count(*), coalesce(sum(size), 0) FROM stored_object"
                " WHERE NOT is_delete_marker"
            ).fetchone()
        )
        if (totals := reads.bucket_totals(1)) != counted:
            raise Violation(f"the journal says {totals}, the rows say {counted}")


@contextmanager
def laboratory(spool_dir: Path) -> Iterator[Laboratory]:
    """Give this thread's default connection an in-memory copy of the schema.

    The default database must be a SQLite with all migrations applied.
    """
    original = connections["default"]
    original.ensure_connection()
    wrapper = original.copy()
    wrapper.settings_dict["NAME"] = ":memory:"
    connections["default"] = wrapper
    try:
        wrapper.ensure_connection()
        raw: sqlite3.Connection = wrapper.connection
        for statement in _schema(original.connection):
            raw.execute(statement)
        raw.create_function("strftime", -1, _strftime)
        with override_settings(MULTIPART_MIN_PART_BYTES=1):
            yield Laboratory(raw, spool_dir)
    finally:
        connections["default"] = original
        wrapper.close()
        if wrapper.connection is not None:  # Django keeps in-memory databases open
            wrapper.connection.close()


def _schema(source: sqlite3.Connection) -> list[str]:
    return [
        sql
        for (sql,) in source.execute(
            "SELECT sql FROM sqlite_master"
            " WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
            " ORDER BY CASE type WHEN 'table' THEN 1 WHEN 'index' THEN 2 ELSE 3 END"
        ).fetchall()
    ]


@functools.cache
def _strftime(pattern: str, moment: str, *modifiers: str) -> str:
    """SQLite's function, with a clock that stands still, as far as our SQL uses it."""
    if pattern not in _FORMATS or moment.lower() != "now" or len(modifiers) > 1:
        raise ValueError(f"unforeseen strftime{(pattern, moment, *modifiers)}")
    ago = timedelta()
    for modifier in modifiers:
        seconds, unit = modifier.split()
        if unit != "seconds":
            raise ValueError(f"unforeseen modifier {modifier!r}")
        ago += timedelta(seconds=float(seconds))
    return text(NOW + ago)
