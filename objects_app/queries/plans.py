"""What a change does to the rows of its key, decided from those rows, locked.

The rules are S3's. In a bucket without versions a key has one row, overwritten in
place. With versions enabled what was the latest becomes history, and a delete adds a
marker. Suspended, both write the version "null": over the one there is, if there is
one, else beside the others.
"""

import secrets
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from objects_app.queries.changes import Change, Content, Failure, Removal, Rewrite

NULL_VERSION = "null"
_TICK = timedelta(microseconds=1)


class Row(NamedTuple):
    """A version as the transaction found it, under its lock."""

    id: int
    version_id: str
    is_latest: bool
    is_delete_marker: bool
    size: int
    etag: str
    sha256: str
    blob_id: int | None
    created_at: datetime
    superseded_at: datetime | None


class Plan(NamedTuple):
    """What to write. Row ids are None where there is nothing of the kind.

    `superseded` becomes history at `at`; `overwritten` gets the new values in place,
    or, where `inserted`, a new row has them; `removed` goes. Where what is overwritten
    or removed was a version of its own, the one before it, which ended at `gap_from`,
    now lasts until `gap_until`; or, where `promotes`, it is the latest again.
    """

    version_id: str
    at: datetime
    superseded: int | None = None
    overwritten: int | None = None
    removed: int | None = None
    inserted: bool = False
    rewritten: int | None = None
    gap_from: datetime | None = None
    gap_until: datetime | None = None
    promotes: bool = False
    objects_delta: int = 0
    bytes_delta: int = 0
    old_blob_id: int | None = None
    sha256: str = ""
    replaced: bool = False
    is_delete_marker: bool = False


class Again(Exception):
    """Somebody was faster: nothing was written, look again."""


def plan(
    change: Change, rows: list[Row], *, now: datetime, version_id: str
) -> Plan | Failure:
    """Decide one change. `rows` are the key's latest version and its "null" one, if it
    has them, or the one to be removed; `version_id` is a new one. Raises Again."""
    if isinstance(change.what, Removal):
        return _removed(rows[0]) if rows else Failure.NO_SUCH_VERSION
    latest = next((row for row in rows if row.is_latest), None)
    present = None if latest is None or latest.is_delete_marker else latest
    if change.only is not None and (
        present is None or (present.id, present.created_at) != change.only
    ):
        raise Again
    if present is None and not isinstance(change.what, Content):
        return Failure.NO_SUCH_KEY
    if not change.conditions.hold(
        etag=present.etag if present else None,
        modified=present.created_at if present else None,
    ):
        return Failure.PRECONDITION
    at = now if latest is None else max(now, latest.created_at + _TICK)
    if present is not None and isinstance(change.what, Rewrite):
        return Plan(
            present.version_id,
            present.created_at,
            rewritten=present.id,
            sha256=present.sha256,
            replaced=True,
        )
    content = change.what if isinstance(change.what, Content) else None
    mode = change.versioning
    if change.keeps_null and mode == "suspended":
        mode = "enabled"
    decided = _PLANS[mode](content, latest, rows, at, version_id)
    gone = present.sha256 if present and content is None else ""
    return decided._replace(
        sha256=content.sha256 if content else gone,
        replaced=present is not None,
        is_delete_marker=content is None and decided.removed is None,
    )


def _removed(row: Row) -> Plan:
    return Plan(
        row.version_id,
        row.created_at,
        removed=row.id,
        gap_from=row.created_at,
        gap_until=row.superseded_at,
        promotes=row.is_latest,
        objects_delta=0 if row.is_delete_marker else -1,
        bytes_delta=-row.size,
        old_blob_id=row.blob_id,
        sha256=row.sha256,
        is_delete_marker=row.is_delete_marker,
    )


def _off(
    content: Content | None,
    latest: Row | None,
    rows: list[Row],
    at: datetime,
    version_id: str,
) -> Plan:
    size = content.size if content else 0
    if latest is None:
        return Plan(NULL_VERSION, at, inserted=True, objects_delta=1, bytes_delta=size)
    return Plan(
        NULL_VERSION,
        at,
        overwritten=latest.id if content else None,
        removed=None if content else latest.id,
        objects_delta=0 if content else -1,
        bytes_delta=size - latest.size,
        old_blob_id=latest.blob_id,
    )


def _enabled(
    content: Content | None,
    latest: Row | None,
    rows: list[Row],
    at: datetime,
    version_id: str,
) -> Plan:
    return Plan(
        version_id,
        at,
        superseded=latest.id if latest else None,
        inserted=True,
        objects_delta=1 if content else 0,
        bytes_delta=content.size if content else 0,
    )


def _suspended(
    content: Content | None,
    latest: Row | None,
    rows: list[Row],
    at: datetime,
    version_id: str,
) -> Plan:
    null = next((row for row in rows if row.version_id == NULL_VERSION), None)
    counted = null is not None and not null.is_delete_marker
    return Plan(
        NULL_VERSION,
        at,
        superseded=latest.id if latest and latest is not null else None,
        overwritten=null.id if null else None,
        inserted=null is None,
        gap_from=null.created_at if null else None,
        gap_until=(null.superseded_at or at) if null else None,
        objects_delta=(1 if content else 0) - (1 if counted else 0),
        bytes_delta=(content.size if content else 0) - (null.size if null else 0),
        old_blob_id=null.blob_id if null else None,
    )


_PLANS = {"off": _off, "enabled": _enabled, "suspended": _suspended}


def new_version_id() -> str:
    """Return a version id, opaque as S3's are."""
    return secrets.token_hex(16)


def aware(moment: datetime | str) -> datetime:
    """SQLite hands times out without their zone, as text from expressions."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
