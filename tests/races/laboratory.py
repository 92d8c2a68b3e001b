"""The real statements and the real backend, as functions of small values.

A step of the protocol is run for real on an in-memory SQLite (and an in-memory backend)
that was first put into a given state; what is there afterwards is read back. States are
canonical, so that equal situations are equal values however they came about:

- rows are numbered 1, 2, ... in the order of their ids, and `sqlite_sequence` too;
- the clock stands still (SQLite's `strftime` is replaced on this connection), and of a
  time only that is kept which a statement asks: null or not, within the trust or not,
  whose lease is over, before a backup's moment or not;
- the journal is checked against COUNT and SUM after every step, then folded away.

An actor's memory of a row is `Held`: its number, and whether what the actor knows of it
(creation time of a claim, `deleting_since` of a mark) is still so. What a step changes
about that is its `Effect`, to be applied to every actor's memory.
"""

import functools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from django.db import connections

from objects_app.blobs.ingest import Received, Spool
from objects_app.blobs.layout import storage_key
from objects_app.queries import reads
from objects_app.queries.rows import Actor as By
from objects_app.queries.rows import Totals
from tests.blobs.bodies import digest
from tests.blobs.memory import Content, MemoryBackend

T = TypeVar("T")

CONTENTS = (b"first", b"the second")
DIGESTS = tuple(digest(content) for content in CONTENTS)
KEYS = ("a", "b")
BUCKET = "bucket"
TRUST_SECONDS = 86_400
LEASE_SECONDS = 30
BY = By("explorer", "node", "request")

ABSENT, SHORT, WHOLE = range(3)
"""What the backend may hold under a digest."""

NOW = datetime(2030, 1, 1, tzinfo=UTC)
_FORMAT = "%Y-%m-%d %H:%M:%f000"
_EPOCH = "1970-01-01 00:00:00.000000"
_VERSION = "2029-01-01 00:00:00.000000"
_RECENT = "2029-12-31 23:59:59.500000"
_EXPIRED = "2029-12-31 23:00:00.000000"
_OTHER = "1999-01-01 00:00:00.000000"

# In this order: condemned, the hold, condemned, a running backup's moment, condemned.
_HELD_SINCE = "2029-12-31 23:59:59.600000"
TAKEN = "2029-12-31 23:59:59.800000"
_CONDEMNED = (None, _RECENT, "2029-12-31 23:59:59.700000", "2029-12-31 23:59:59.900000")

CLAIMED, UNTRUSTED, TRUSTED = range(3)
"""A blob's `verified_at`: null; longer ago than is trusted; lately."""

NOT_DELETING, HOLDER_ALIVE, HOLDER_DEAD = range(3)
"""A blob's `deleting_since`: null; its sweeper is at work; it crashed, lease over."""


NOT_CONDEMNED, BEFORE_HOLD, HELD, TAKEN_SINCE = range(4)
"""A blob's `condemned_at`: null; before the hold, or there is none; since the hold; and
since the moment of a backup that is being taken."""

NO_HOLD, HOLD, NEW_HOLD = range(3)
"""The sweep's hold: none; of a backup before; of the one that is being taken."""


class BlobRow(NamedTuple):
    """A row of `blob`; `content` is its place in CONTENTS."""

    content: int
    verified: int = CLAIMED
    condemned: int = NOT_CONDEMNED
    deleting: int = NOT_DELETING


class Ref(NamedTuple):
    """A row of `stored_object`: which blob it refers to, and which digest it serves."""

    blob: int
    content: int


class Rows(NamedTuple):
    """The database: blobs in the order of their numbers, from 1; objects by key.

    `taking`: a backup is being taken. `dump` are the contents that the objects of the
    complete one have, as long as its hold stands.
    """

    blobs: tuple[BlobRow, ...] = ()
    objects: tuple[Ref | None, ...] = (None,) * len(KEYS)
    hold: int = NO_HOLD
    taking: bool = False
    dump: tuple[int, ...] = ()

    def with_deleting(self, number: int, deleting: int) -> "Rows":
        """Return the rows with that one's holder alive or dead."""
        blobs = list(self.blobs)
        blobs[number - 1] = blobs[number - 1]._replace(deleting=deleting)
        return self._replace(blobs=tuple(blobs))

    def with_condemned(self, *levels: int) -> "Rows":
        """Return the rows with each level of `condemned` replaced by that one."""
        blobs = tuple(b._replace(condemned=levels[b.condemned]) for b in self.blobs)
        return self._replace(blobs=blobs)

    def without_hold(self) -> "Rows":
        """Return the rows when no backup is held for, nor taken any longer."""
        rows = self.with_condemned(NOT_CONDEMNED, *(BEFORE_HOLD,) * 3)
        return rows._replace(hold=NO_HOLD, taking=False, dump=())


Files = tuple[int, ...]
"""The backend: ABSENT, SHORT or WHOLE for each of CONTENTS."""


class Held(NamedTuple):
    """A row as an actor remembers it: 0 is one that is gone and never comes back."""

    number: int
    fresh: bool


class Effect(NamedTuple):
    """What a step did to the rows that others may remember."""

    numbers: tuple[int, ...]
    sequence: int
    remarked: frozenset[int] = frozenset()
    touched: frozenset[int] = frozenset()
    before: int = 0

    @property
    def nothing(self) -> bool:
        """Whether every memory stays as it is: no row went, none was changed."""
        rows = len(self.numbers)
        return (
            not self.remarked
            and not self.touched
            and rows >= self.before
            and self.sequence == rows
            and self.numbers == tuple(range(1, rows + 1))
        )

    def number(self, old: int) -> int:
        """Return the number that a row remembered as `old` has now.

        A number that was never given out for good (its insert was lost) will be given
        out again, to another row.
        """
        if old in self.numbers:
            return self.numbers.index(old) + 1
        return 0 if old <= self.sequence else len(self.numbers) + old - self.sequence

    def claim(self, held: Held) -> Held:
        """Return the memory of a claim: it stays true as long as its row is there."""
        return Held(
            self.number(held.number), held.fresh and held.number in self.numbers
        )

    def mark(self, held: Held) -> Held:
        """Return the memory of a mark: it ends when somebody else marks the row."""
        same = held.number in self.numbers and held.number not in self.remarked
        return Held(self.number(held.number), held.fresh and same)


class Outcome(NamedTuple, Generic[T]):
    """The rows after a step, its answer, and what it did to others' memories."""

    rows: Rows
    answer: T
    effect: Effect


class Violation(AssertionError):
    """Something that must never be."""


class Laboratory:
    """Runs steps on rows and on files that it first puts in place.

    Made by `laboratory`.
    """

    def __init__(self, raw: sqlite3.Connection, spool_dir: Path) -> None:
        self.raw = raw
        self.store = MemoryBackend(spool_dir, now=lambda: NOW)
        self.steps = 0
        self._spools = [Spool(spool_dir) for _ in CONTENTS]
        for spool, content in zip(self._spools, CONTENTS, strict=True):
            spool.write(content)
        raw.execute(
            "INSERT INTO bucket (id, name, visibility, created_at) VALUES (1, ?, ?, ?)",
            (BUCKET, "private", _VERSION),
        )
        raw.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('blob', 0)")

    def received(self, content: int) -> Received:
        """Return a whole body, spooled."""
        return Received(DIGESTS[content], len(CONTENTS[content]), self._spools[content])

    def on_rows(self, rows: Rows, step: Callable[[], T]) -> Outcome[T]:
        """Put the database into a state, run a step, and read what came of it."""
        self.steps += 1
        self._restore(rows)
        answer = step()
        self._check_totals()
        after, effect = self._read(rows)
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

    def _restore(self, rows: Rows) -> None:
        sizes = [len(CONTENTS[ref.content]) for ref in rows.objects if ref]
        execute = self.raw.execute
        execute("BEGIN")
        execute("DELETE FROM journal_entry")
        execute("DELETE FROM stored_object")
        execute("DELETE FROM blob")
        execute("DELETE FROM bucket_totals")
        execute("DELETE FROM sweep_hold")
        if rows.hold != NO_HOLD:
            execute(
                "INSERT INTO sweep_hold (id, since, backup) VALUES (1, ?, 'backup')",
                (_HELD_SINCE if rows.hold == HOLD else TAKEN,),
            )
        for number, blob in enumerate(rows.blobs, 1):
            execute(
                "INSERT INTO blob (id, sha256, size, created_at, verified_at,"
                " condemned_at, deleting_since) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    number,
                    DIGESTS[blob.content],
                    len(CONTENTS[blob.content]),
                    claimed_at(Held(number, fresh=True)),
                    (None, _EPOCH, _RECENT)[blob.verified],
                    _CONDEMNED[blob.condemned],
                    (None, _RECENT, _EXPIRED)[blob.deleting],
                ),
            )
        for key, ref in enumerate(rows.objects):
            if ref is not None:
                self._insert_object(key, ref)
        execute(
            "INSERT INTO bucket_totals (bucket_id, objects_total, bytes_total)"
            " VALUES (1, ?, ?)",
            (len(sizes), sum(sizes)),
        )
        execute(
            "UPDATE sqlite_sequence SET seq = ? WHERE name = 'blob'",
            (len(rows.blobs),),
        )
        execute("COMMIT")

    def _insert_object(self, key: int, ref: Ref) -> None:
        sha256 = DIGESTS[ref.content]
        self.raw.execute(
            "INSERT INTO stored_object (id, bucket_id, key, version_id, is_latest,"
            " is_delete_marker, blob_id, sha256, size, etag, content_type, headers,"
            " metadata, tags, node_id, created_at) VALUES"
            " (?, 1, ?, 'null', 1, 0, ?, ?, ?, ?, 'text/plain', '{}', '{}', '{}',"
            " 'node', ?)",
            (
                key + 1,
                KEYS[key],
                ref.blob,
                sha256,
                len(CONTENTS[ref.content]),
                sha256,
                _VERSION,
            ),
        )

    def _check_totals(self) -> None:
        """The journal's totals, as every reader adds them up, are COUNT and SUM."""
        counted = Totals(
            *self.raw.execute(
                "SELECT count(*), coalesce(sum(size), 0) FROM stored_object"
            ).fetchone()
        )
        if (totals := reads.bucket_totals(1)) != counted:
            raise Violation(f"the journal says {totals}, the rows say {counted}")

    def _read(self, before: Rows) -> tuple[Rows, Effect]:
        found = self.raw.execute(
            "SELECT id, sha256, verified_at || '', condemned_at || '',"
            " deleting_since || '' FROM blob ORDER BY id"
        ).fetchall()
        [(sequence,)] = self.raw.execute(
            "SELECT seq FROM sqlite_sequence WHERE name = 'blob'"
        ).fetchall()
        numbers = tuple(row[0] for row in found)
        hold = self._read_hold()
        blobs = tuple(
            BlobRow(
                DIGESTS.index(sha256),
                _verified(verified),
                _condemned(condemned, hold, before.taking),
                _deleting(deleting),
            )
            for _, sha256, verified, condemned, deleting in found
        )
        remarked = frozenset(
            number
            for number, *_, deleting in found
            if number <= len(before.blobs)
            and deleting != (None, _RECENT, _EXPIRED)[before.blobs[number - 1].deleting]
        )
        objects, touched = self._read_objects(before, numbers)
        effect = Effect(numbers, sequence, remarked, touched, len(before.blobs))
        return before._replace(blobs=blobs, objects=objects, hold=hold), effect

    def _read_hold(self) -> int:
        """A hold that was made in this step begins at the present moment."""
        for (since,) in self.raw.execute("SELECT since || '' FROM sweep_hold"):
            return HOLD if since == _HELD_SINCE else NEW_HOLD
        return NO_HOLD

    def _read_objects(
        self, before: Rows, numbers: tuple[int, ...]
    ) -> tuple[tuple[Ref | None, ...], frozenset[int]]:
        objects: list[Ref | None] = [None] * len(KEYS)
        touched = {key for key, ref in enumerate(before.objects) if ref is not None}
        for name, blob, sha256, created in self.raw.execute(
            "SELECT key, blob_id, sha256, created_at || '' FROM stored_object"
        ).fetchall():
            key = KEYS.index(name)
            number = numbers.index(blob) + 1 if blob in numbers else 0
            objects[key] = Ref(number, DIGESTS.index(sha256))
            if created == _VERSION:
                touched.discard(key)
            elif created < _VERSION:
                raise Violation(f"the version time of {name} went back to {created}")
            else:
                touched.add(key)
        return tuple(objects), frozenset(touched)


def claimed_at(held: Held) -> str:
    """Return the creation time that a claim of this row carries."""
    moment = datetime(2020, 1, 1, microsecond=held.number, tzinfo=UTC)
    return _text(moment) if held.fresh else _OTHER


def deleting_since(held: Held) -> str:
    """Return the time that a mark of this row carries."""
    return _RECENT if held.fresh else _OTHER


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
    if pattern != _FORMAT or moment != "now" or len(modifiers) > 1:
        raise ValueError(f"unforeseen strftime{(pattern, moment, *modifiers)}")
    ago = timedelta()
    for modifier in modifiers:
        seconds, unit = modifier.split()
        if unit != "seconds":
            raise ValueError(f"unforeseen modifier {modifier!r}")
        ago += timedelta(seconds=float(seconds))
    return _text(NOW + ago)


def _text(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")


def _verified(text: str | None) -> int:
    if text is None:
        return CLAIMED
    return UNTRUSTED if text == _EPOCH else TRUSTED


def _condemned(text: str | None, hold: int, taking: bool) -> int:
    if text in _CONDEMNED:
        return _CONDEMNED.index(text)
    return TAKEN_SINCE if taking else HELD if hold else BEFORE_HOLD


def _deleting(text: str | None) -> int:
    if text is None:
        return NOT_DELETING
    return HOLDER_DEAD if text == _EXPIRED else HOLDER_ALIVE
