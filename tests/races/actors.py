"""Who takes part in the exploration: each does one step of the protocol at a time.

Every actor begins again when it is through, any number of times, and may crash between
any two steps: then it forgets everything and begins again as well. So an exploration
covers any number of PUTs, sweeps and crashes, with at most so many at work at once.
"""

from collections.abc import Iterator
from typing import NamedTuple

from objects_app.blobs.ingest import Spool
from objects_app.errors import BytesMissing
from objects_app.queries import reads, sql
from objects_app.queries.rows import ANYTHING, BlobState, Claim, NewObject
from objects_app.services import objects
from tests.blobs.memory import MemoryBackend
from tests.races.laboratory import BY, TRUST_SECONDS, Laboratory
from tests.races.states import (
    CONTENTS,
    DIGESTS,
    KEYS,
    WHOLE,
    BlobRow,
    Effect,
    Files,
    Held,
    Rows,
    Violation,
)
from tests.races.tables import BUCKET, claimed_at


class Local(NamedTuple):
    """All that an actor knows between two steps; `at` is where it stands."""

    at: str = "start"
    held: tuple[Held, ...] = ()
    contents: tuple[int, ...] = ()
    state: BlobState | None = None
    once_verified: bool = False
    answers: tuple[int | None, ...] = ()
    wrote: bool = False
    current: bool = False
    versioning: str = "off"
    segmented: bool = False
    place: int = 0
    numbers: tuple[int, ...] = ()
    unseen: tuple[tuple[Held, int], ...] = ()
    seen: tuple[tuple[Held, int], ...] = ()


START = Local()


class Step(NamedTuple):
    """What is there after a step, and what it did to the memory of the others."""

    label: str
    rows: Rows
    files: Files
    local: Local
    effect: Effect | None = None


class Actor:
    """One party. The same object twice in a scenario is two alike parties."""

    name = "actor"

    def steps(
        self, lab: Laboratory, rows: Rows, files: Files, local: Local
    ) -> Iterator[Step]:
        """Yield what it may do next, crashes not counted."""
        raise NotImplementedError

    def crash(self, rows: Rows, local: Local) -> Rows:
        """Return the rows after its crash: leases that it held will run out."""
        return rows

    def remember(self, local: Local, effect: Effect) -> Local:
        """Return its memory after somebody else's step."""
        return local


class Put(Actor):
    """Stores one of CONTENTS under one of KEYS: claim, stat, write, commit."""

    def __init__(self, content: int, key: int) -> None:
        self.name = f"PUT {KEYS[key]}={CONTENTS[content].decode()!r}"
        self.content = content
        self.key = key

    def steps(
        self, lab: Laboratory, rows: Rows, files: Files, local: Local
    ) -> Iterator[Step]:
        if local.at == "start":
            yield self.claim(lab, rows, files)
        elif local.at == "secure":
            yield self.secure(lab, rows, files, local)
        elif not rows.is_full(self.key):
            yield self.commit(lab, rows, files, local)

    def remember(self, local: Local, effect: Effect) -> Local:
        return local._replace(held=tuple(map(effect.claim, local.held)))

    def claim(self, lab: Laboratory, rows: Rows, files: Files) -> Step:
        """Run the single try of services.objects.claim_blob."""
        outcome = lab.on_rows(
            rows,
            lambda: sql.claim(
                sha256=DIGESTS[self.content],
                size=len(CONTENTS[self.content]),
                trust_seconds=TRUST_SECONDS,
            ),
        )
        claim = outcome.answer
        local = START
        if claim is not None and claim.state is not BlobState.DELETING:
            held = Held(outcome.effect.number(claim.id), fresh=True)
            local = Local(
                "secure",
                (held,),
                state=claim.state,
                once_verified=claim.once_verified,
                versioning=rows.versioning,
            )
        return Step("claim", outcome.rows, files, local, outcome.effect)

    def secure(self, lab: Laboratory, rows: Rows, files: Files, local: Local) -> Step:
        """Run services.objects.secure_bytes as far as its next call of the backend."""
        claim = self.claimed(local)

        def run(store: MemoryBackend) -> bool | tuple[int | None, ...]:
            single = OneCall(store, local.answers)
            try:
                return objects.secure_bytes(
                    store=single, claim=claim, received=lab.received(self.content)
                )
            except Paused:
                return tuple(single.answers)

        files, answer = lab.on_files(files, run)
        if isinstance(answer, bool):
            done = Local(
                "commit", local.held, wrote=answer, versioning=local.versioning
            )
            return Step("write" if answer else "trust", rows, files, done)
        return Step("stat", rows, files, local._replace(answers=answer))

    def commit(self, lab: Laboratory, rows: Rows, files: Files, local: Local) -> Step:
        """Run the commit; when its claim is void, begin again."""
        outcome = lab.on_rows(
            rows,
            lambda: sql.commit(
                claim=self.claimed(local),
                new=NewObject(
                    bucket_id=1,
                    bucket_name=BUCKET,
                    key=KEYS[self.key],
                    sha256=DIGESTS[self.content],
                    size=len(CONTENTS[self.content]),
                    etag=DIGESTS[self.content],
                    content_type="text/plain",
                    headers={},
                    metadata={},
                    tags={},
                    versioning=local.versioning,
                ),
                conditions=ANYTHING,
                wrote=local.wrote,
                by=BY,
            ),
        )
        label = "commit" if outcome.answer else "commit in vain"
        return Step(label, outcome.rows, files, START, outcome.effect)

    def claimed(self, local: Local) -> Claim:
        """Return its claim as it remembers it."""
        [held] = local.held
        return Claim(
            id=held.number,
            sha256=DIGESTS[self.content],
            created_at=claimed_at(held),
            state=local.state or BlobState.CLAIMED,
            once_verified=local.once_verified,
        )


class Paused(Exception):
    """The function has made the one call that this step may make."""


class OneCall(MemoryBackend):
    """Answers from memory what was asked in earlier steps, then runs one call more.

    The function under test begins anew in each step and gets to where it was.
    """

    def __init__(self, store: MemoryBackend, answers: tuple[int | None, ...]) -> None:
        self.spool_dir = store.spool_dir
        self.answers = list(answers)
        self._store = store
        self._known = list(answers)
        self._called = False

    def stat(self, sha256: str) -> int | None:
        if self._known:
            return self._known.pop(0)
        self._call()
        found = self._store.stat(sha256)
        self.answers.append(found)
        return found

    def write(self, sha256: str, spool: Spool) -> None:
        self._call()
        self._store.write(sha256, spool)

    def _call(self) -> None:
        if self._called:
            raise Paused
        self._called = True


class Delete(Actor):
    """Deletes one of KEYS, in one step."""

    def __init__(self, key: int) -> None:
        self.name = f"DELETE {KEYS[key]}"
        self.key = key

    def steps(
        self, lab: Laboratory, rows: Rows, files: Files, local: Local
    ) -> Iterator[Step]:
        outcome = lab.on_rows(
            rows,
            lambda: sql.delete_object(
                bucket_id=1,
                bucket_name=BUCKET,
                key=KEYS[self.key],
                conditions=ANYTHING,
                by=BY,
            ),
        )
        yield Step("delete", outcome.rows, files, START, outcome.effect)


class Reader(Actor):
    """Looks a key up and opens its bytes; when they are gone, looks it up once more."""

    def __init__(self, key: int) -> None:
        self.name = f"GET {KEYS[key]}"
        self.key = key

    def steps(
        self, lab: Laboratory, rows: Rows, files: Files, local: Local
    ) -> Iterator[Step]:
        if local.at == "open":
            files, missing = lab.on_files(
                files, lambda store: self._missing(store, local.contents[0])
            )
            again = local._replace(at="again") if missing else START
            yield Step("open", rows, files, again)
            return
        found = lab.on_rows(rows, lambda: reads.find_object(BUCKET, KEYS[self.key]))
        row = found.answer[1] if found.answer else None
        if row is None:
            yield Step("look up", rows, files, START)
            return
        content = DIGESTS.index(row.sha256)
        if local.at == "again":
            if local.current:
                raise Violation("bytes were gone, yet the row is what it was")
            if files[content] != WHOLE:
                raise Violation("the row has changed, but its new bytes are gone too")
            yield Step("look up again", rows, files, START)
            return
        looked = Local("open", contents=(content,), current=True)
        yield Step("look up", rows, files, looked)

    def remember(self, local: Local, effect: Effect) -> Local:
        if local.current and self.key in effect.touched:
            return local._replace(current=False)
        return local

    def _missing(self, store: MemoryBackend, content: int) -> bool:
        try:
            with store.open(DIGESTS[content]) as file:
                if file.read() != CONTENTS[content]:
                    raise Violation("a reader got wrong bytes")
        except BytesMissing:
            return True
        return False


class LostClaims(Actor):
    """The database restarts without the claim that it took last and asynchronously."""

    name = "RESTART"

    def steps(
        self, lab: Laboratory, rows: Rows, files: Files, local: Local
    ) -> Iterator[Step]:
        last = len(rows.blobs)
        if not rows.blobs or rows.blobs[-1] != BlobRow(rows.blobs[-1].content):
            return

        def forget() -> None:
            lab.raw.execute("DELETE FROM blob WHERE id = ?", (last,))
            lab.raw.execute(
                "UPDATE sqlite_sequence SET seq = ? WHERE name = 'blob'", (last - 1,)
            )

        outcome = lab.on_rows(rows, forget)
        yield Step("lose a claim", outcome.rows, files, START, outcome.effect)
