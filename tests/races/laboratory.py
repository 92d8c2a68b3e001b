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
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import connections
from django.test import override_settings

from objects_app.blobs.ingest import Received, Spool
from objects_app.blobs.layout import storage_key
from objects_app.queries import reads
from objects_app.queries.rows import Actor as By
from objects_app.queries.rows import Totals
from tests.blobs.memory import Content, MemoryBackend
from tests.races.histories import (
    NOW,
    check_times,
    etag_of,
    number_of,
    object_id,
    text,
    version_id,
    version_of,
    version_time,
)
from tests.races.states import (
    ABSENT,
    BEFORE_HOLD,
    CLAIMED,
    CONTENTS,
    DIGESTS,
    HELD,
    HOLD,
    HOLDER_ALIVE,
    HOLDER_DEAD,
    KEYS,
    NEW_HOLD,
    NO_HOLD,
    NOT_DELETING,
    PARTS,
    SHORT,
    TAKEN_SINCE,
    TRUSTED,
    UNTRUSTED,
    WHOLE,
    BlobRow,
    Effect,
    Files,
    Held,
    History,
    Ref,
    Rows,
    Version,
    Violation,
)

T = TypeVar("T")

BUCKET = "bucket"
UPLOAD = 1  # its row's id
TRUST_SECONDS = 86_400
LEASE_SECONDS = 30
BY = By("explorer", "node", "request")

_FORMATS = {"%Y-%m-%d %H:%M:%f000", "%Y-%m-%d %H:%M:%f"}  # ours and Django's
_EPOCH = "1970-01-01 00:00:00.000000"
_VERSION = "2029-01-01 00:00:00.000000"
_RECENT = "2029-12-31 23:59:59.500000"
_EXPIRED = "2029-12-31 23:00:00.000000"
OTHER_TIME = datetime(1999, 1, 1, tzinfo=UTC)
_OTHER = "1999-01-01 00:00:00.000000"

# In this order: condemned, the hold, condemned, a running backup's moment, condemned.
_HELD_SINCE = "2029-12-31 23:59:59.600000"
TAKEN = "2029-12-31 23:59:59.800000"
_CONDEMNED = (None, _RECENT, "2029-12-31 23:59:59.700000", "2029-12-31 23:59:59.900000")

# What refers to others first.
_EMPTY = (
    "DELETE FROM journal_entry",
    "DELETE FROM segment",
    "DELETE FROM upload_part",
    "DELETE FROM upload",
    "DELETE FROM stored_object",
    "DELETE FROM blob",
    "DELETE FROM bucket_totals",
    "DELETE FROM sweep_hold",
)


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
        if rows != self._there:
            self._there = None
            self._restore(rows)
        before = self.raw.total_changes
        answer = step()
        self._there = rows if self.raw.total_changes == before else None
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
        execute = self.raw.execute
        execute("BEGIN")
        for statement in _EMPTY:
            execute(statement)
        execute("UPDATE bucket SET versioning = ?", (rows.versioning,))
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
        for key, versions in enumerate(rows.objects):
            self._insert_history(key, versions)
        if rows.parts is not None:
            self._insert_upload(rows.parts)
        objects = [one for history in rows.objects for one in history]
        execute(
            "INSERT INTO bucket_totals (bucket_id, objects_total, bytes_total)"
            " VALUES (1, ?, ?)",
            (
                sum(not one.is_marker for one in objects),
                sum(one.size for one in objects),
            ),
        )
        execute(
            "UPDATE sqlite_sequence SET seq = ? WHERE name = 'blob'",
            (len(rows.blobs),),
        )
        execute("COMMIT")

    def _insert_history(self, key: int, versions: History) -> None:
        for place, version in enumerate(versions):
            is_latest = place + 1 == len(versions)
            whole = not version.segmented and not version.is_marker
            contents = tuple(ref.content for ref in version.refs)
            self.raw.execute(
                "INSERT INTO stored_object (id, bucket_id, key, version_id, is_latest,"
                " is_delete_marker, blob_id, sha256, size, etag, content_type, headers,"
                " metadata, tags, node_id, created_at, superseded_at) VALUES"
                " (?, 1, ?, ?, ?, ?, ?, ?, ?, ?, 'text/plain', '{}', '{}', '{}',"
                " 'node', ?, ?)",
                (
                    object_id(key, place),
                    KEYS[key],
                    version_id(version, place),
                    is_latest,
                    version.is_marker,
                    version.refs[0].blob if whole else None,
                    DIGESTS[contents[0]] if whole else "",
                    version.size,
                    etag_of(contents) if not whole else DIGESTS[contents[0]],
                    text(version_time(place)),
                    None if is_latest else text(version_time(place + 1)),
                ),
            )
            if version.segmented:
                self._insert_segments(object_id(key, place), version)

    def _insert_segments(self, id_: int, version: Version) -> None:
        offset = 0
        for number, ref in enumerate(version.refs, 1):
            size = len(CONTENTS[ref.content])
            self.raw.execute(
                'INSERT INTO segment (object_id, number, "offset", size, blob_id)'
                " VALUES (?, ?, ?, ?, ?)",
                (id_, number, offset, size, ref.blob),
            )
            offset += size

    def _insert_upload(self, parts: tuple[Ref | None, ...]) -> None:
        self.raw.execute(
            "INSERT INTO upload (id, upload_id, protocol, bucket_id, key, content_type,"
            " headers, metadata, tags, conditions, actor, created_at, expires_at)"
            " VALUES (?, 'upload', 'multipart', 1, ?, 'text/plain', '{}', '{}', '{}',"
            " '{}', 'explorer', ?, ?)",
            (UPLOAD, KEYS[0], _VERSION, _VERSION),
        )
        for number, ref in enumerate(parts, 1):
            if ref is not None:
                self.raw.execute(
                    "INSERT INTO upload_part (upload_id, number, size, sha256, blob_id,"
                    " created_at) VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        UPLOAD,
                        number,
                        len(CONTENTS[ref.content]),
                        DIGESTS[ref.content],
                        ref.blob,
                        _VERSION,
                    ),
                )

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
        parts, ended = self._read_upload(before, numbers)
        effect = Effect(numbers, sequence, remarked, touched, len(before.blobs), ended)
        [(versioning,)] = self.raw.execute("SELECT versioning FROM bucket").fetchall()
        after = before._replace(
            blobs=blobs, objects=objects, hold=hold, versioning=versioning, parts=parts
        )
        return after, effect

    def _read_hold(self) -> int:
        """A hold that was made in this step begins at the present moment."""
        for (since,) in self.raw.execute("SELECT since || '' FROM sweep_hold"):
            return HOLD if since == _HELD_SINCE else NEW_HOLD
        return NO_HOLD

    def _read_objects(
        self, before: Rows, numbers: tuple[int, ...]
    ) -> tuple[tuple[History, ...], frozenset[int]]:
        found: list[list[tuple[Any, ...]]] = [[] for _ in KEYS]
        for name, *row in self.raw.execute(
            "SELECT key, id, version_id, is_latest, is_delete_marker, blob_id, sha256,"
            " size, etag, created_at || '', superseded_at || '' FROM stored_object"
            " ORDER BY created_at"
        ).fetchall():
            found[KEYS.index(name)].append(tuple(row))
        segments: dict[int, list[tuple[int, int, int]]] = {}
        for id_, *segment in self.raw.execute(
            'SELECT object_id, "offset", size, blob_id FROM segment'
            " ORDER BY object_id, number"
        ).fetchall():
            segments.setdefault(id_, []).append((segment[0], segment[1], segment[2]))
        objects = []
        touched = set()
        for key, rows in enumerate(found):
            check_times(KEYS[key], rows)
            objects.append(
                tuple(
                    version_of(row, segments.pop(row[0], []), numbers) for row in rows
                )
            )
            was = [
                (object_id(key, place), text(version_time(place)))
                for place in range(len(before.objects[key]))
            ]
            if [(row[0], row[8]) for row in rows] != was:
                touched.add(key)
        if segments:
            raise Violation(f"there are segments of nothing: {segments}")
        return tuple(objects), frozenset(touched)

    def _read_upload(
        self, before: Rows, numbers: tuple[int, ...]
    ) -> tuple[tuple[Ref | None, ...] | None, bool]:
        found = self.raw.execute(
            "SELECT id FROM upload WHERE completed_at IS NULL"
        ).fetchall()
        parts: list[Ref | None] = [None] * PARTS
        ids = {id_ for (id_,) in found}
        for upload, number, sha256, blob in self.raw.execute(
            "SELECT upload_id, number, sha256, blob_id FROM upload_part"
        ).fetchall():
            if upload not in ids:
                raise Violation("a completed upload has parts")
            parts[number - 1] = Ref(number_of(blob, numbers), DIGESTS.index(sha256))
        ended = before.parts is not None and UPLOAD not in ids
        return tuple(parts) if ids else None, ended


def claimed_at(held: Held) -> str:
    """Return the creation time that a claim of this row carries."""
    moment = datetime(2020, 1, 1, microsecond=held.number, tzinfo=UTC)
    return text(moment) if held.fresh else _OTHER


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
