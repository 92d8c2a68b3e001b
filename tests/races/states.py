"""What the explorer's states are made of: small values, equal when situations are."""

from collections.abc import Iterator
from typing import NamedTuple

from tests.blobs.bodies import digest

CONTENTS = (b"first", b"the second")
DIGESTS = tuple(digest(content) for content in CONTENTS)
KEYS = ("a", "b")

ABSENT, SHORT, WHOLE = range(3)
"""What the backend may hold under a digest."""

CLAIMED, UNTRUSTED, TRUSTED = range(3)
"""A blob's `verified_at`: null; longer ago than is trusted; lately."""

NOT_DELETING, HOLDER_ALIVE, HOLDER_DEAD = range(3)
"""A blob's `deleting_since`: null; its sweeper is at work; it crashed, lease over."""

NOT_CONDEMNED, BEFORE_HOLD, HELD, TAKEN_SINCE = range(4)
"""A blob's `condemned_at`: null; before the hold, or there is none; since the hold; and
since the moment of a backup that is being taken."""

NO_HOLD, HOLD, NEW_HOLD = range(3)
"""The sweep's hold: none; of a backup before; of the one that is being taken."""


MOST_VERSIONS = 3
"""Of a key: whoever would make another one waits until one is removed."""


PARTS = 2
"""That an upload may have."""


class Violation(AssertionError):
    """Something that must never be."""


class BlobRow(NamedTuple):
    """A row of `blob`; `content` is its place in CONTENTS."""

    content: int
    verified: int = CLAIMED
    condemned: int = NOT_CONDEMNED
    deleting: int = NOT_DELETING


class Ref(NamedTuple):
    """A reference: to which blob (its number), and which digest it serves."""

    blob: int
    content: int


class Version(NamedTuple):
    """A row of `stored_object`: one blob, segments, or nothing (a delete marker).

    `null`: its version id is that of versions without one.
    """

    refs: tuple[Ref, ...] = ()
    segmented: bool = False
    null: bool = True

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return sum(len(CONTENTS[ref.content]) for ref in self.refs)

    @property
    def is_marker(self) -> bool:
        """Whether it is a delete marker."""
        return not self.refs


def one(blob: int, content: int, *, null: bool = True) -> Version:
    """Return a version that is one blob."""
    return Version((Ref(blob, content),), null=null)


History = tuple[Version, ...]
"""A key's versions, oldest first; the last is the latest. Times are not kept: they are
seen to increase, without gaps, after each step."""


class Rows(NamedTuple):
    """The database: blobs in the order of their numbers, from 1; versions by key.

    `parts` are those of the unfinished upload, by number from 1; None: there is none.
    `taking`: a backup is being taken. `dump` are the contents that the objects of the
    complete one have, as long as its hold stands.
    """

    blobs: tuple[BlobRow, ...] = ()
    objects: tuple[History, ...] = ((),) * len(KEYS)
    hold: int = NO_HOLD
    taking: bool = False
    dump: tuple[int, ...] = ()
    versioning: str = "off"
    parts: tuple[Ref | None, ...] | None = None

    def refs(self) -> Iterator[tuple[str, Ref]]:
        """Yield whatever refers to a blob, and what it is called."""
        for key, history in enumerate(self.objects):
            for version in history:
                for ref in version.refs:
                    yield KEYS[key], ref
        for number, part in enumerate(self.parts or (), 1):
            if part is not None:
                yield f"part {number}", part

    def is_full(self, key: int) -> bool:
        """Whether nobody may add a version to a key: the states would have no end."""
        return len(self.objects[key]) >= MOST_VERSIONS

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
    """What a step did to the rows that others may remember.

    `touched` are the keys any of whose versions is another; `ended`: the upload is no
    longer there, or is complete.
    """

    numbers: tuple[int, ...]
    sequence: int
    remarked: frozenset[int] = frozenset()
    touched: frozenset[int] = frozenset()
    before: int = 0
    ended: bool = False

    @property
    def nothing(self) -> bool:
        """Whether every memory stays as it is: no row went, none was changed."""
        rows = len(self.numbers)
        return (
            not self.remarked
            and not self.touched
            and not self.ended
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
