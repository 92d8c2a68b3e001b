"""The parties that change several keys, or versions, in one transaction."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any
from unittest.mock import patch

from objects_app.errors import BytesMissing
from objects_app.queries import history, reads, sql
from objects_app.queries.changes import Change, Changed, Mark, Refused, Removal
from objects_app.queries.rows import BucketRow, ObjectRow
from objects_app.services import changes
from tests.races.actors import START, Actor, Local, Step
from tests.races.histories import NOW, etag_of, object_id, version_id, version_time
from tests.races.laboratory import BY, Laboratory, Outcome
from tests.races.states import (
    CONTENTS,
    DIGESTS,
    KEYS,
    Effect,
    Files,
    Held,
    Rows,
    Version,
    Violation,
)
from tests.races.tables import BUCKET, OTHER_TIME


def bucket(versioning: str) -> BucketRow:
    """Return the bucket as somebody knows it."""
    return BucketRow(1, BUCKET, None, "private", versioning, NOW, NOW)


class Transaction(Actor):
    """Does what services.changes.commit does, a step at a time: prepare, apply; look at
    bytes that nobody has seen lately, prepare again, apply."""

    keys: tuple[int, ...] = ()

    def steps(
        self, lab: Laboratory, rows: Rows, files: Files, local: Local
    ) -> Iterator[Step]:
        if local.at == "start":
            yield from self.prepare(lab, rows, files, local)
        elif local.at == "see":
            yield self.see(lab, rows, files, local)
        elif not any(rows.is_full(key) for key in self.keys):
            yield self.apply(lab, rows, files, local)

    def remember(self, local: Local, effect: Effect) -> Local:
        return local._replace(
            held=tuple(map(effect.claim, local.held)),
            unseen=_remember(local.unseen, effect),
            seen=_remember(local.seen, effect),
        )

    def prepare(
        self, lab: Laboratory, rows: Rows, files: Files, local: Local
    ) -> Iterator[Step]:
        """Read what the changes are made from."""
        raise NotImplementedError

    def send(
        self, local: Local, marks: Sequence[Mark]
    ) -> list[Changed] | Refused | None:
        """Apply the changes with these marks."""
        raise NotImplementedError

    def marks(self, local: Local) -> list[Mark]:
        """Return the marks of what was read."""
        return []

    def apply(self, lab: Laboratory, rows: Rows, files: Files, local: Local) -> Step:
        """Run the transaction once."""
        held = {mark.id: mark for mark in self.marks(local)}
        held |= {
            one.number: _mark(one.number, content)._replace(seen=True)
            for one, content in local.seen
        }
        outcome = lab.on_rows(rows, lambda: self.send(local, list(held.values())))
        return self._answered(outcome, files, local)

    def _answered(
        self,
        outcome: Outcome[list[Changed] | Refused | None],
        files: Files,
        local: Local,
    ) -> Step:
        answer = outcome.answer
        if not isinstance(answer, Refused) or not answer.unseen:
            label = "apply" if isinstance(answer, list) else "apply in vain"
            return Step(label, outcome.rows, files, START, outcome.effect)
        unseen = tuple(
            (
                Held(outcome.effect.number(mark.id), fresh=True),
                DIGESTS.index(mark.sha256),
            )
            for mark in answer.unseen
        )
        after = Local("see", unseen=unseen, seen=local.seen)
        return Step("apply: to be seen", outcome.rows, files, after, outcome.effect)

    def see(self, lab: Laboratory, rows: Rows, files: Files, local: Local) -> Step:
        """Look at the bytes of the first blob that was not held."""
        (held, content), *rest = local.unseen
        files, found = lab.on_files(files, lambda store: _is_there(store, content))
        if not found:
            return Step("bytes missing", rows, files, START)
        seen = (*local.seen, (held, content))
        at = "see" if rest else "start"
        after = Local(at, unseen=tuple(rest), seen=seen)
        return Step("see", rows, files, after)


def _remember(
    blobs: tuple[tuple[Held, int], ...], effect: Effect
) -> tuple[tuple[Held, int], ...]:
    return tuple((effect.claim(held), content) for held, content in blobs)


def _mark(number: int, content: int) -> Mark:
    return Mark(number, DIGESTS[content], len(CONTENTS[content]))


def _is_there(store: Any, content: int) -> bool:
    with patch.object(changes, "backend", lambda: store):
        try:
            changes._see(_mark(0, content))
        except BytesMissing:
            return False
    return True


class Copy(Transaction):
    """Copies the latest version of a key to another key."""

    verb = "COPY"

    def __init__(self, source: int, target: int) -> None:
        self.name = f"{self.verb} {KEYS[source]} to {KEYS[target]}"
        self.source = source
        self.target = target
        self.keys = (target,)

    def remember(self, local: Local, effect: Effect) -> Local:
        local = super().remember(local, effect)
        if local.current and self.source in effect.touched:
            return local._replace(current=False)
        return local

    def find(self, rows: Rows) -> int | None:
        """Look the source up; return the place of its version."""
        found = reads.find_object(BUCKET, KEYS[self.source])
        if found is None or found[1] is None:
            return None
        return len(rows.objects[self.source]) - 1

    def prepare(
        self, lab: Laboratory, rows: Rows, files: Files, local: Local
    ) -> Iterator[Step]:
        outcome = lab.on_rows(rows, lambda: self.find(rows))
        if outcome.answer is None:
            yield Step("look up", rows, files, START)
            return
        version = rows.objects[self.source][outcome.answer]
        after = local._replace(
            at="apply",
            held=tuple(Held(ref.blob, fresh=True) for ref in version.refs),
            contents=tuple(ref.content for ref in version.refs),
            segmented=version.segmented,
            place=outcome.answer,
            current=True,
            versioning=rows.versioning,
        )
        yield Step("look up", rows, files, after)

    def row(self, local: Local) -> ObjectRow:
        """Return the source as it was read; it is no longer there unless `current`."""
        whole = not local.segmented
        place = local.place
        etag = DIGESTS[local.contents[0]] if whole else etag_of(local.contents)
        return ObjectRow(
            id=object_id(self.source, place) if local.current else 0,
            bucket_id=1,
            key=KEYS[self.source],
            version_id=version_id(Version(), place),
            blob_id=local.held[0].number if whole else None,
            sha256=DIGESTS[local.contents[0]] if whole else "",
            size=sum(len(CONTENTS[content]) for content in local.contents),
            etag=etag,
            content_type="text/plain",
            headers={},
            metadata={},
            tags={},
            node_id="node",
            created_at=version_time(place) if local.current else OTHER_TIME,
        )

    def marks(self, local: Local) -> list[Mark]:
        return changes.copy_of(self.row(local))[1]

    def send(
        self, local: Local, marks: Sequence[Mark]
    ) -> list[Changed] | Refused | None:
        return sql.apply(changes=self.changes(local), marks=marks, by=BY)

    def changes(self, local: Local) -> list[Change]:
        """Return the change of the target."""
        content, _ = changes.copy_of(self.row(local))
        return [self.change(local, self.target, what=content)]

    def change(self, local: Local, key: int, **others: Any) -> Change:
        """Return a change of one key."""
        known = bucket(local.versioning)
        return changes.change(bucket=known, key=KEYS[key], operation="copy", **others)


class Move(Copy):
    """Copies, and deletes the source if it is what was copied."""

    verb = "MOVE"

    def __init__(self, source: int, target: int) -> None:
        super().__init__(source, target)
        self.keys = (source, target)

    def changes(self, local: Local) -> list[Change]:
        removal = self.change(local, self.source, what=None, only=self.row(local))
        return [*super().changes(local), removal]


class Batch(Move):
    """Copies a key and deletes it, whatever it is by then."""

    verb = "BATCH"

    def changes(self, local: Local) -> list[Change]:
        removal = self.change(local, self.source, what=None)
        return [*Copy.changes(self, local), removal]


class Restore(Copy):
    """Makes the oldest version of a key the latest, by copying it."""

    def __init__(self, key: int) -> None:
        super().__init__(key, key)
        self.name = f"RESTORE {KEYS[key]}"

    def find(self, rows: Rows) -> int | None:
        versions = rows.objects[self.source]
        if len(versions) < 2:
            return None
        key, oldest = KEYS[self.source], version_id(versions[0], 0)
        found = history.find_version(BUCKET, key, oldest)
        if found is None or found[1] is None or found[1].is_delete_marker:
            return None
        return 0


def removal(key: int, versioning: str, what: Removal) -> Change:
    """Return the change that ends a version of a key."""
    return changes.change(
        bucket=bucket(versioning),
        key=KEYS[key],
        operation="delete_version",
        what=what,
    )


class RemoveVersions(Actor):
    """Removes any versions of a key for good, in one step: one by its id alone, or
    several as they were seen."""

    def __init__(self, key: int) -> None:
        self.name = f"REMOVE VERSIONS {KEYS[key]}"
        self.key = key

    def steps(
        self, lab: Laboratory, rows: Rows, files: Files, local: Local
    ) -> Iterator[Step]:
        seen = [
            Removal(version_id(version, place), version_time(place))
            for place, version in enumerate(rows.objects[self.key])
        ]
        for one in seen:
            yield self.remove(lab, rows, files, [Removal(one.version_id)])
        for count in range(2, len(seen) + 1):
            for several in itertools.combinations(seen, count):
                yield self.remove(lab, rows, files, several)
        for one in seen[:1]:
            gone = Removal(one.version_id, OTHER_TIME)
            yield self.remove(lab, rows, files, [gone, *seen[1:]])

    def remove(
        self, lab: Laboratory, rows: Rows, files: Files, wanted: Sequence[Removal]
    ) -> Step:
        """Remove these versions: all of them, or none if one is another by now."""
        ends = [removal(self.key, rows.versioning, one) for one in wanted]
        outcome = lab.on_rows(rows, lambda: sql.apply(changes=ends, by=BY))
        in_vain = any(one.created_at == OTHER_TIME for one in wanted)
        if isinstance(outcome.answer, list) == in_vain or (
            in_vain and outcome.rows != rows
        ):
            raise Violation(f"{wanted} became {outcome.answer}")
        label = f"remove {', '.join(one.version_id for one in wanted)}"
        return Step(label, outcome.rows, files, START, outcome.effect)


class Marker(Actor):
    """Deletes a key in a bucket that keeps versions, in one step."""

    def __init__(self, key: int) -> None:
        self.name = f"DELETE {KEYS[key]}"
        self.key = key

    def steps(
        self, lab: Laboratory, rows: Rows, files: Files, local: Local
    ) -> Iterator[Step]:
        if rows.is_full(self.key):
            return
        change = changes.change(
            bucket=bucket(rows.versioning),
            key=KEYS[self.key],
            operation="delete",
            what=None,
        )
        outcome = lab.on_rows(rows, lambda: sql.apply(changes=[change], by=BY))
        yield Step("delete", outcome.rows, files, START, outcome.effect)


class Switch(Actor):
    """Suspends versions, and enables them again."""

    name = "SWITCH"

    def steps(
        self, lab: Laboratory, rows: Rows, files: Files, local: Local
    ) -> Iterator[Step]:
        other = "enabled" if rows.versioning != "enabled" else "suspended"
        yield Step(f"versioning {other}", rows._replace(versioning=other), files, START)
