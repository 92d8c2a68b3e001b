"""What each database must be able to do; the protocol's steps (DESIGN section 5)."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from django.db.models import Model

from objects_app.queries.changes import Change, Changed, Mark, Refused
from objects_app.queries.rows import (
    Actor,
    BucketRow,
    Claim,
    Committed,
    Deleted,
    Marked,
    Moment,
    NewObject,
    Preconditions,
)


class Dialect(Protocol):
    """The functions of `postgresql.py` and `sqlite.py`.

    Each is one transaction. Every one raises django.db.DatabaseError when the database
    cannot answer, and then has changed nothing.
    """

    def create_bucket(
        self, *, name: str, owner_id: int | None, by: Actor
    ) -> BucketRow | None:
        """Insert a bucket and its journal row.

        None: the name is taken, or the owner has as many as the allowance says.
        """

    def claim(self, *, sha256: str, size: int, trust_seconds: int) -> Claim | None:
        """Read the blob's row, or insert it as claimed. None: run it again."""

    def commit(
        self,
        *,
        claim: Claim,
        new: NewObject,
        conditions: Preconditions,
        wrote: bool,
        by: Actor,
        limited: bool = False,
    ) -> Committed | None:
        """Mark the blob, write the object's version, append the journal row.

        `limited`: the bucket or its owner has a quota, to be looked at as well.

        `wrote`: this request wrote or saw the bytes, so the mark may rescue a condemned
        blob. None: the claim is void, another creator of the key came first, or the
        bucket's versioning is another than the new object's; nothing was written; claim
        again.
        """

    def lock_keys(self, keys: Iterable[tuple[int, str]]) -> None:
        """Wait for, and keep off, other transactions of the engine that touch any of
        these keys (bucket id and key), until the one that is open ends. Raises Again
        where that one must end, as who it waits for waits for it."""

    def mark(self, marks: Sequence[Mark]) -> tuple[Mark, ...]:
        """Hold blobs against the sweep until the transaction that is open ends.

        Returns those that could not be held: void claims, and blobs without a claim
        that have to be seen first.
        """

    def apply(
        self,
        *,
        changes: Sequence[Change],
        marks: Sequence[Mark] = (),
        by: Actor,
        first: Callable[[], object] = lambda: None,
    ) -> list[Changed] | Refused | None:
        """Make all changes, or none, in one transaction; no key may be named twice, but
        for several of its versions to be removed.

        `marks` are the blobs that the changes refer to; those of segments and parts are
        found here. `first` runs in the transaction, once its keys are locked, before
        anything is read or written; what it raises ends all. None: somebody was faster,
        nothing was written; read the sources again.
        """

    def delete_object(
        self,
        *,
        bucket_id: int,
        bucket_name: str,
        key: str,
        conditions: Preconditions,
        by: Actor,
    ) -> Deleted | None:
        """Delete the only row of a key, never its blob's, in a bucket without versions.

        None: no such key, or the bucket has versions.
        """

    def clock(self) -> datetime:
        """Return the time by the clock that versions are dated by; none is later."""

    def moment(self, time: datetime) -> Moment:
        """Return a time as columns are compared with it."""

    def version_at(self) -> str:
        """Return what to join a key's latest row `o` with to have `v`, its version that
        began last by %(at)s, if any."""

    def position_function(self) -> str:
        """Return the name of the function (text, part) -> 1-based position or 0."""


class Upkeep(Protocol):
    """The functions of `postgresql_upkeep.py` and `sqlite_upkeep.py`."""

    def condemn_candidates(
        self, *, above_id: int, window: int, claim_age_seconds: float
    ) -> list[int]:
        """Ids in (above_id, above_id + window] that nothing refers to."""

    def condemn(self, *, ids: Sequence[int], claim_age_seconds: float) -> int:
        """Condemn those of `ids` that are still eligible; return how many."""

    def mark(
        self, *, grace_seconds: float, lease_seconds: float, limit: int
    ) -> tuple[list[Marked], int]:
        """Take up to `limit` blobs to delete; also return how many were rescued.

        What was condemned since the hold's moment stays: a backup needs it.
        """

    def drop(self, marked: Marked) -> bool:
        """Drop the row, if its `deleting_since` is still ours."""

    def adopt_orphan(self, *, sha256: str, size: int) -> Marked | None:
        """Insert bytes without a row as condemned and deleting. None: it has a row."""

    def take_lease(self, *, name: str, holder: str, seconds: float) -> bool:
        """Take or renew a lease; False: somebody else has it."""

    def hold_sweep(self, *, backup: str) -> tuple[Moment, bool]:
        """Begin to hold the sweep back; return the moment, and whether no hold stood.

        A blob that is referred to at the moment or later is condemned after it, if
        ever. A hold that stands is the stricter one and stays (`holds.move`).
        """

    def hold_writers(self) -> None:
        """Wait for whoever is writing objects; nobody else begins until the transaction
        that is open ends.

        Raises django.db.OperationalError when that takes too long.
        """

    def fold_journal(self) -> int:
        """Add the journal's settled rows to the totals; return how many."""

    def recount(self) -> None:
        """Make the totals from the objects' rows, all journal rows folded.

        Writers wait meanwhile.
        """

    def totals_unfolded(self) -> str:
        """Return the condition that selects unfolded rows of journal_entry `j`."""


class Dumps(Protocol):
    """The functions of `postgresql_dumps.py` and `sqlite_dumps.py`."""

    def snapshot(self) -> AbstractContextManager[None]:
        """One moment for all that is read within, however long it takes."""

    def replacement(
        self, tables: Sequence[type[Model]]
    ) -> AbstractContextManager[None]:
        """One transaction that fills these tables; nobody else writes to them."""

    def insert(
        self,
        *,
        model: type[Model],
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
    ) -> None:
        """Insert rows whose times are ISO 8601 in UTC, whose JSON is text."""
