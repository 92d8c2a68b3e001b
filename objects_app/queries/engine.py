"""One transaction over many keys: lock, decide (`plans`), write; the same on both.

Statements take their rows as one JSON array. What differs between the databases is a
`Flavour` (SQLite has one writer at a time, and locks no rows). In PostgreSQL's READ
COMMITTED a row that another transaction made the latest while this one waited for a
lock is not found by the statement that waited; so what was not found is looked for
again, an insert that meets a latest row inserts nothing, and either means: again, from
the beginning.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction

from objects_app.queries import quotas, run
from objects_app.queries.changes import (
    Change,
    Changed,
    Content,
    Failure,
    Mark,
    Refused,
    Removal,
    Rewrite,
)
from objects_app.queries.plans import Again, Plan, Row, aware, new_version_id, plan
from objects_app.queries.rows import Actor, Room, Totals
from objects_app.queries.statements import Flavour, statements

Key = tuple[int, str]
Place = tuple[int, str, str]


class _Planned(NamedTuple):
    """A change with what was decided about it."""

    change: Change
    plan: Plan


class Engine:
    """The steps of `Dialect.apply` and `mark`, in one flavour."""

    def __init__(self, flavour: Flavour) -> None:
        self._flavour = flavour
        self.statements = statements(flavour)
        self._rows_lock = bool(flavour.update("o"))

    def apply(
        self,
        *,
        changes: Sequence[Change],
        marks: Sequence[Mark],
        by: Actor,
        first: Callable[[], object],
    ) -> list[Changed] | Refused:
        """See Dialect.apply. Raises Again, having written nothing."""
        with transaction.atomic():
            done = self._apply(changes, marks, by, first)
            if isinstance(done, Refused):
                transaction.set_rollback(True)  # of what `first` wrote, and the marks
        return done

    def _apply(
        self,
        changes: Sequence[Change],
        marks: Sequence[Mark],
        by: Actor,
        first: Callable[[], object],
    ) -> list[Changed] | Refused:
        keys = [(change.bucket_id, change.key) for change in changes]
        if _names_twice(changes):
            raise ValueError("a key is named twice in one transaction")
        sources = [
            c.what.segments_of
            for c in changes
            if isinstance(c.what, Content) and c.what.segments_of
        ]
        self._flavour.lock_keys([*keys, *((s.bucket_id, s.key) for s in sources)])
        first()
        known = {source.id: self._timed(source._asdict()) for source in sources}
        if len(self._ids("sources", known.values())) < len(known):
            raise Again
        if unheld := self.mark(self._all_marks(changes, marks)):
            if any(mark.created_at is not None or mark.seen for mark in unheld):
                raise Again
            return Refused(unseen=unheld)
        self._require_versioning(changes)
        planned, failures = self._decide(changes)
        if failures:
            return Refused(failures=failures)
        if exceeded := self._exceeded(planned):
            return exceeded
        self._write(planned, by)
        return [
            Changed(done.version_id, done.at, done.replaced, done.is_delete_marker)
            for _, done in planned
        ]

    def mark(self, marks: Iterable[Mark]) -> tuple[Mark, ...]:
        """See Dialect.mark."""
        wanted = sorted(marks)
        seen = [mark for mark in wanted if mark.seen]
        trusted = [mark for mark in wanted if not mark.seen]
        held = self._ids("mark_seen", map(self._mark_row, seen))
        held |= self._ids("mark_trusted", map(self._mark_row, trusted))
        return tuple(mark for mark in wanted if mark.id not in held)

    def _all_marks(
        self, changes: Sequence[Change], marks: Sequence[Mark]
    ) -> Iterable[Mark]:
        """Return the blobs given and those of segments and parts, each once."""
        found = {mark.id: mark for mark in marks}
        contents = [c.what for c in changes if isinstance(c.what, Content)]
        for name, rows in (
            ("segment_blobs", [c.segments_of.id for c in contents if c.segments_of]),
            ("part_blobs", [c.parts_of for c in contents if c.parts_of]),
        ):
            for id_, sha256, size in self._rows(name, rows):
                found.setdefault(id_, Mark(id_, sha256, size))
        return found.values()

    def _mark_row(self, mark: Mark) -> dict[str, Any]:
        created_at = mark.created_at
        if isinstance(created_at, datetime):
            created_at = self._flavour.text(created_at)
        return {"id": mark.id, "sha256": mark.sha256, "created_at": created_at}

    def _require_versioning(self, changes: Sequence[Change]) -> None:
        modes = {(change.bucket_id, change.versioning) for change in changes}
        rows = [{"id": id_, "versioning": mode} for id_, mode in sorted(modes)]
        if len(self._ids("versioning", rows)) < len(rows):
            raise Again

    def _decide(
        self, changes: Sequence[Change]
    ) -> tuple[list[_Planned], dict[int, Failure]]:
        rows = self._locked_rows(changes)
        now = aware(run.one(f"SELECT {self._flavour.now}")[0])
        planned: list[_Planned] = []
        failures: dict[int, Failure] = {}
        for number, change in enumerate(changes):
            decided = plan(
                change,
                rows.get(change.place, []),
                now=now,
                version_id=new_version_id(),
            )
            if isinstance(decided, Failure):
                failures[number] = decided
            else:
                planned.append(_Planned(change, decided))
        return planned, failures

    def _locked_rows(self, changes: Sequence[Change]) -> dict[Place, list[Row]]:
        """Return the versions to be removed; and of the other changes' keys the latest
        version, and the "null" one where that counts; locked. Raises Again if a latest
        one came up meanwhile.

        The second look locks nothing: one that waited could miss the next writer's row,
        too, and what this transaction found missing would be there all the time.
        """
        whole = [c for c in changes if not isinstance(c.what, Removal)]
        keys = [{"bucket_id": c.bucket_id, "key": c.key} for c in whole]
        found: dict[Place, list[Row]] = {}
        for bucket_id, key, *row in self._rows("lock_latest", keys):
            found[bucket_id, key, ""] = [_row(row)]
        missing = [k for k in keys if (k["bucket_id"], k["key"], "") not in found]
        if self._rows_lock and self._rows("latest", missing):
            raise Again
        beside = [
            {"bucket_id": c.bucket_id, "key": c.key}
            for c in whole
            if c.versioning == "suspended"
        ]
        for bucket_id, key, *row in self._rows("lock_null", beside):
            found.setdefault((bucket_id, key, ""), []).append(_row(row))
        going = [
            self._timed({"bucket_id": c.bucket_id, "key": c.key, **c.what._asdict()})
            for c in changes
            if isinstance(c.what, Removal)
        ]
        for bucket_id, key, *row in self._rows("lock_versions", going):
            version = _row(row)
            found[bucket_id, key, version.version_id] = [version]
        return found

    def _exceeded(self, planned: Sequence[_Planned]) -> Refused | None:
        limited = {c.bucket_id: c.bucket_name for c, _ in planned if c.limited}
        rooms = {id_: self._room(id_) for id_ in limited}
        owners = {id_: owner_id for id_, (owner_id, _) in rooms.items()}
        for bucket_id, (owner_id, room) in rooms.items():
            owned = {id_ for id_, other_id in owners.items() if other_id == owner_id}
            exceeded = room.exceeded_by(
                adds=_added(planned, {bucket_id}), owner_adds=_added(planned, owned)
            )
            if exceeded:
                return Refused(exceeded=(limited[bucket_id], exceeded))
        return None

    def _room(self, bucket_id: int) -> tuple[int | None, Room]:
        """Return a bucket's owner and the room there. Raises Again if it is gone."""
        found = run.row(
            f"WITH {quotas.room(self._flavour.unfolded())} SELECT b.owner_id, room.*"
            " FROM room JOIN bucket b ON b.id = %(bucket_id)s",
            {"bucket_id": bucket_id, "key": "", "version_id": ""},
        )
        if found is None:
            raise Again
        owner_id, *room = found
        return owner_id, Room._make(room)

    def _write(self, planned: Sequence[_Planned], by: Actor) -> None:
        """Write the rows in an order in which no unique index is in the way, and in
        which segments are copied before the row they come from loses them."""
        rows = [self._values(change, done, by) for change, done in planned]
        self._many("supersede", [r for r in rows if r["superseded"] is not None])
        written = [r for r in rows if r["overwritten"] is not None]
        replaced = [
            r["overwritten"]
            for r in written
            if not r["is_delete_marker"] and r["overwritten"] != r["segments_of"]
        ]
        sources = {r["segments_of"] for r in rows}
        self._many("set_aside", [id_ for id_ in replaced if id_ in sources])
        self._many("drop_segments", [id_ for id_ in replaced if id_ not in sources])
        self._many("overwrite", written)
        inserted = [r for r in rows if r["inserted"]]
        new = self._rows("insert", inserted)
        if len(new) < len(inserted):
            raise Again
        ids = {(bucket_id, key): id_ for id_, bucket_id, key in new}
        for row in rows:
            row["object_id"] = row["overwritten"] or ids.get(
                (row["bucket_id"], row["key"])
            )
        self._copy_segments(rows)
        gone = [r["removed"] for r in rows if r["removed"] is not None]
        marked = [r["overwritten"] for r in written if r["is_delete_marker"]]
        self._many("drop_segments", [*gone, *marked])
        self._many("remove", gone)
        self._many("promote", [r for r in rows if r["promotes"]])
        self._many("rewrite", [r for r in rows if r["rewritten"] is not None])
        self._many("close_gaps", [self._timed(gap) for gap in _gaps(planned)])
        self._journal(rows, by)

    def _copy_segments(self, rows: Sequence[Mapping[str, Any]]) -> None:
        copies = [
            row
            for row in rows
            if row["segments_of"] and row["segments_of"] != row["overwritten"]
        ]
        self._many("copy_segments", copies)
        self._many("drop_aside", [row["segments_of"] for row in copies])
        parts = [row for row in rows if row["parts_of"]]
        for row in parts:
            taken = {name: row[name] for name in ("object_id", "parts_of")}
            run.changed(self.statements["take_parts"], taken)
        self._many("drop_parts", [row["parts_of"] for row in parts])
        self._many("complete", parts)
        made = [*copies, *parts]
        sizes = dict(self._rows("segment_sizes", [row["object_id"] for row in made]))
        if any(sizes.get(row["object_id"], 0) != row["size"] for row in made):
            raise Again

    def _values(self, change: Change, done: Plan, by: Actor) -> dict[str, Any]:
        """Return all that the statements take of one change."""
        content = change.what if isinstance(change.what, Content) else _MARKER
        values: dict[str, Any] = {
            **content._asdict(),
            **done._asdict(),
            "bucket_id": change.bucket_id,
            "bucket_name": change.bucket_name,
            "key": change.key,
            "segments_of": content.segments_of.id if content.segments_of else None,
            "object_sha256": content.sha256,
            "node_id": by.node_id,
            "operation": change.operation,
            "detail": change.detail,
            "created_at": done.at,
        }
        if isinstance(change.what, Removal) and done.is_delete_marker:
            values["detail"] = "delete marker"
        if isinstance(change.what, Rewrite):
            new = change.what._asdict()
            values |= {
                f"new_{name}": new[name] for name in new if new[name] is not None
            }
        return self._timed(values)

    def _timed(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: self._flavour.text(value) if isinstance(value, datetime) else value
            for name, value in values.items()
        }

    def _journal(self, rows: Sequence[Mapping[str, Any]], by: Actor) -> None:
        run.changed(self.statements["journal"], {"rows": _dump(rows), **by.columns()})

    def _rows(self, name: str, rows: Iterable[Any]) -> list[tuple[Any, ...]]:
        listed = list(rows)
        return (
            run.rows(self.statements[name], {"rows": _dump(listed)}) if listed else []
        )

    def _ids(self, name: str, rows: Iterable[Any]) -> set[int]:
        return {row[0] for row in self._rows(name, rows)}

    def _many(self, name: str, rows: Sequence[Any]) -> None:
        if rows:
            run.changed(self.statements[name], {"rows": _dump(rows)})


_MARKER = Content(None, "", 0, "", "", {}, {}, {})


def _added(planned: Sequence[_Planned], bucket_ids: Set[int]) -> Totals:
    plans = [p for change, p in planned if change.bucket_id in bucket_ids]
    return Totals(
        objects=sum(p.objects_delta for p in plans),
        bytes=sum(p.bytes_delta for p in plans),
    )


def _names_twice(changes: Sequence[Change]) -> bool:
    """Whether a key is changed twice; of one key several versions may be removed."""
    places = {change.place for change in changes}
    keys = {(bucket_id, key) for bucket_id, key, _ in places}
    whole = sum(not version_id for *_, version_id in places)
    versions = {(bucket_id, key) for bucket_id, key, id_ in places if id_}
    return len(places) < len(changes) or len(keys) < whole + len(versions)


def _gaps(planned: Sequence[_Planned]) -> list[dict[str, Any]]:
    """Return the times that versions leave which are none any more; those of versions
    that followed each other are one."""
    gaps: dict[tuple[Key, datetime], datetime] = {}
    left = [
        ((change.bucket_id, change.key), done.gap_from, done.gap_until)
        for change, done in planned
        if done.gap_from is not None and done.gap_until is not None
    ]
    for key, start, end in sorted(left, reverse=True):
        gaps[key, start] = gaps.pop((key, end), end)
    return [
        {"bucket_id": bucket_id, "key": key, "gap_from": start, "gap_until": end}
        for ((bucket_id, key), start), end in gaps.items()
    ]


def _dump(rows: Sequence[Any]) -> str:
    return json.dumps(rows)


def _row(found: Sequence[Any]) -> Row:
    """SQLite's booleans are numbers, its times text."""
    row = Row._make(found)
    superseded_at = row.superseded_at
    return row._replace(
        is_latest=bool(row.is_latest),
        is_delete_marker=bool(row.is_delete_marker),
        created_at=aware(row.created_at),
        superseded_at=aware(superseded_at) if superseded_at else None,
    )
