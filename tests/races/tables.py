"""States as rows of the tables: put in place, and read back.

States are canonical, so that equal situations are equal values however they came about:
rows are numbered 1, 2, ... in the order of their ids, and `sqlite_sequence` too; of a
time only that is kept which a statement asks: null or not, within the trust or not,
whose lease is over, before a backup's moment or not.
"""

import sqlite3
from datetime import UTC, datetime
from typing import Any

from tests.races.histories import (
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
    TAKEN_SINCE,
    TRUSTED,
    UNTRUSTED,
    BlobRow,
    Effect,
    Held,
    History,
    Ref,
    Rows,
    Version,
    Violation,
)

BUCKET = "bucket"
UPLOAD = 1  # its row's id

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


def prepare(raw: sqlite3.Connection) -> None:
    """Make what every state has."""
    raw.execute(
        "INSERT INTO bucket (id, name, visibility, created_at) VALUES (1, ?, ?, ?)",
        (BUCKET, "private", _VERSION),
    )
    raw.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('blob', 0)")


def restore(raw: sqlite3.Connection, rows: Rows) -> None:
    """Put the tables into a state."""
    execute = raw.execute
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
        _insert_history(raw, key, versions)
    if rows.parts is not None:
        _insert_upload(raw, rows.parts)
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


def _insert_history(raw: sqlite3.Connection, key: int, versions: History) -> None:
    for place, version in enumerate(versions):
        is_latest = place + 1 == len(versions)
        whole = not version.segmented and not version.is_marker
        contents = tuple(ref.content for ref in version.refs)
        raw.execute(
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
            _insert_segments(raw, object_id(key, place), version)


def _insert_segments(raw: sqlite3.Connection, id_: int, version: Version) -> None:
    offset = 0
    for number, ref in enumerate(version.refs, 1):
        size = len(CONTENTS[ref.content])
        raw.execute(
            'INSERT INTO segment (object_id, number, "offset", size, blob_id)'
            " VALUES (?, ?, ?, ?, ?)",
            (id_, number, offset, size, ref.blob),
        )
        offset += size


def _insert_upload(raw: sqlite3.Connection, parts: tuple[Ref | None, ...]) -> None:
    raw.execute(
        "INSERT INTO upload (id, upload_id, protocol, bucket_id, key, content_type,"
        " headers, metadata, tags, conditions, actor, created_at, expires_at)"
        " VALUES (?, 'upload', 'multipart', 1, ?, 'text/plain', '{}', '{}', '{}',"
        " '{}', 'explorer', ?, ?)",
        (UPLOAD, KEYS[0], _VERSION, _VERSION),
    )
    for number, ref in enumerate(parts, 1):
        if ref is not None:
            raw.execute(
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


def read(raw: sqlite3.Connection, before: Rows) -> tuple[Rows, Effect]:
    """Return the state, and what became of the one before it for who remembers."""
    found = raw.execute(
        "SELECT id, sha256, verified_at || '', condemned_at || '',"
        " deleting_since || '' FROM blob ORDER BY id"
    ).fetchall()
    [(sequence,)] = raw.execute(
        "SELECT seq FROM sqlite_sequence WHERE name = 'blob'"
    ).fetchall()
    numbers = tuple(row[0] for row in found)
    hold = _read_hold(raw)
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
    objects, touched = _read_objects(raw, before, numbers)
    parts, ended = _read_upload(raw, before, numbers)
    effect = Effect(numbers, sequence, remarked, touched, len(before.blobs), ended)
    [(versioning,)] = raw.execute("SELECT versioning FROM bucket").fetchall()
    after = before._replace(
        blobs=blobs, objects=objects, hold=hold, versioning=versioning, parts=parts
    )
    return after, effect


def _read_hold(raw: sqlite3.Connection) -> int:
    """A hold that was made in this step begins at the present moment."""
    for (since,) in raw.execute("SELECT since || '' FROM sweep_hold"):
        return HOLD if since == _HELD_SINCE else NEW_HOLD
    return NO_HOLD


def _read_objects(
    raw: sqlite3.Connection, before: Rows, numbers: tuple[int, ...]
) -> tuple[tuple[History, ...], frozenset[int]]:
    found: list[list[tuple[Any, ...]]] = [[] for _ in KEYS]
    for name, *row in raw.execute(
        "SELECT key, id, version_id, is_latest, is_delete_marker, blob_id, sha256,"
        " size, etag, created_at || '', superseded_at || '' FROM stored_object"
        " ORDER BY created_at"
    ).fetchall():
        found[KEYS.index(name)].append(tuple(row))
    segments: dict[int, list[tuple[int, int, int]]] = {}
    for id_, *segment in raw.execute(
        'SELECT object_id, "offset", size, blob_id FROM segment'
        " ORDER BY object_id, number"
    ).fetchall():
        segments.setdefault(id_, []).append((segment[0], segment[1], segment[2]))
    objects = []
    touched = set()
    for key, rows in enumerate(found):
        check_times(KEYS[key], rows)
        objects.append(
            tuple(version_of(row, segments.pop(row[0], []), numbers) for row in rows)
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
    raw: sqlite3.Connection, before: Rows, numbers: tuple[int, ...]
) -> tuple[tuple[Ref | None, ...] | None, bool]:
    found = raw.execute("SELECT id FROM upload WHERE completed_at IS NULL").fetchall()
    parts: list[Ref | None] = [None] * PARTS
    ids = {id_ for (id_,) in found}
    for upload, number, sha256, blob in raw.execute(
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
