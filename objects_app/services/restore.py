"""A prefix as it was at a moment: by new versions and delete markers, none removed.

What was there and is gone or different becomes a new version with the old one's content
and description; what is there and was not gets a delete marker. So a restore can be
undone: by another one, to the moment before it.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from django.utils.translation import gettext_noop

from objects_app.errors import FutureMoment
from objects_app.models import JournalEntry
from objects_app.queries import history, sql
from objects_app.queries.changes import Change, Mark
from objects_app.queries.history import Compared
from objects_app.queries.rows import Actor, BucketRow
from objects_app.services import buckets, changes
from objects_app.services.listing import span_after

MOST_KEYS = 10_000
_MOST_NAMED = 1000
_MOST_COMPARED = 2000


class Chunk(NamedTuple):
    """What to do with some keys that follow each other: `looked_at` of them, up to
    `last`; none: there are no more."""

    changes: list[Change]
    marks: list[Mark]
    removed: int
    unchanged: int
    looked_at: int
    last: str

    @property
    def restored(self) -> int:
        """How many keys get a new version."""
        return len(self.changes) - self.removed


class Outcome(NamedTuple):
    """How many keys got a new version or a delete marker, how many are as they were,
    and the first thousand of those changed."""

    restored: int
    removed: int
    unchanged: int
    keys: list[str]


class Difference(NamedTuple):
    """A key that a restore changes: its size in bytes today and afterwards, None where
    there is nothing."""

    key: str
    size: int | None
    size_then: int | None


class Differences(NamedTuple):
    """What a restore changes, in the order of keys, and how many keys of each kind
    there are among those looked at: all that follow, if `all_counted`.

    `next_key` is what to go on after, None on the last page.
    """

    named: list[Difference]
    created: int
    changed: int
    removed: int
    unchanged: int
    all_counted: bool
    next_key: str | None


class TooManyKeys(Exception):
    """More keys would change than one transaction takes: make a job of it."""


def preview(*, bucket: BucketRow, prefix: str, moment: datetime) -> Outcome:
    """Return what `restore` would do, however many keys there are; nothing is changed.

    Raises NotVersioned, FutureMoment.
    """
    check(bucket=bucket, moment=moment)
    return _summed(_chunks(bucket, prefix, moment))


def differences(
    *, bucket: BucketRow, prefix: str, moment: datetime, after: str = "", limit: int
) -> Differences:
    """Return what `restore` would do to the next few thousand keys of a prefix after
    the key `after` ("": from the first on), at most `limit` of them by name.

    Raises NotVersioned, FutureMoment.
    """
    check(bucket=bucket, moment=moment)
    span = span_after(prefix, after)
    compared = history.compare(
        bucket=bucket, span=span, moment=moment, limit=_MOST_COMPARED
    )
    found = [
        Difference(key.key, key.size if key.now else None, key.then and key.then.size)
        for key in compared
        if key.then is not None or (key.now is not None and not key.same)
    ]
    all_counted = len(compared) < _MOST_COMPARED
    next_key = None if all_counted else compared[-1].key
    if len(found) > limit:
        next_key = found[limit - 1].key
    return Differences(
        found[:limit],
        created=sum(one.size is None for one in found),
        changed=sum(None not in {one.size, one.size_then} for one in found),
        removed=sum(one.size_then is None for one in found),
        unchanged=sum(key.same for key in compared),
        all_counted=all_counted,
        next_key=next_key,
    )


def restore(*, bucket: BucketRow, prefix: str, moment: datetime, by: Actor) -> Outcome:
    """Make a prefix what it was, in one transaction.

    Raises NotVersioned, FutureMoment, TooManyKeys, NoSuchBucket, QuotaExceeded,
    BytesMissing, StorageUnavailable, StorageBusy; in each case nothing was changed.
    """
    check(bucket=bucket, moment=moment)
    chunks: list[Chunk] = []

    def prepare() -> tuple[list[Change], list[Mark]]:
        chunks.clear()
        wanted: list[Change] = []
        for chunk in _chunks(buckets.again(bucket), prefix, moment):
            chunks.append(chunk)
            wanted += chunk.changes
            if len(wanted) > MOST_KEYS:
                raise TooManyKeys
        return wanted, [mark for chunk in chunks for mark in chunk.marks]

    changes.commit(prepare=prepare, by=by, only_reads=True)
    return _summed(chunks)


def now() -> datetime:
    """Return a moment that what is done from now on can be taken back to."""
    return sql.clock()


def check(*, bucket: BucketRow, moment: datetime) -> None:
    """Raise NotVersioned or FutureMoment where there is no past to go back to."""
    buckets.require_past(bucket=bucket, moment=moment)
    if moment > sql.clock():
        raise FutureMoment(
            gettext_noop("That moment is yet to come: name one that has passed.")
        )


def plan(
    *, bucket: BucketRow, prefix: str, moment: datetime, after: str, limit: int
) -> Chunk:
    """Compare the next `limit` keys of a prefix after the key `after` ("": from the
    first on) with what they were, and return what makes them that again.

    The bucket is to be looked up anew for each plan: its versioning is in the changes.
    """
    compared = history.compare(
        bucket=bucket, span=span_after(prefix, after), moment=moment, limit=limit
    )
    wanted: list[Change] = []
    marks: list[Mark] = []
    removed = unchanged = 0
    for key in compared:
        removal = _removal(bucket, key, moment)
        if key.then is not None:
            content, held = changes.copy_of(key.then)
            wanted.append(removal._replace(what=content))
            marks += held
        elif key.same:
            unchanged += 1
        elif key.now is not None:
            wanted.append(removal)
            removed += 1
    last = compared[-1].key if compared else ""
    return Chunk(wanted, marks, removed, unchanged, len(compared), last)


def _chunks(bucket: BucketRow, prefix: str, moment: datetime) -> Iterator[Chunk]:
    after = ""
    while True:
        chunk = plan(
            bucket=bucket, prefix=prefix, moment=moment, after=after, limit=MOST_KEYS
        )
        yield chunk
        if chunk.looked_at < MOST_KEYS:
            return
        after = chunk.last


def _removal(bucket: BucketRow, key: Compared, moment: datetime) -> Change:
    """Return the removal of a key that still is as it was compared.

    Where a delete marker is the latest, whoever puts the key again meanwhile has done
    so before the restore.
    """
    removal = changes.change(
        bucket=bucket,
        key=key.key,
        operation=JournalEntry.Operation.RESTORE,
        what=None,
        detail=f"as of {moment.isoformat(timespec='microseconds')}",
    )
    return removal._replace(only=key.now, keeps_null=True)


def _summed(chunks: Iterator[Chunk] | list[Chunk]) -> Outcome:
    restored = removed = unchanged = 0
    keys: list[str] = []
    for chunk in chunks:
        restored += chunk.restored
        removed += chunk.removed
        unchanged += chunk.unchanged
        room = _MOST_NAMED - len(keys)
        keys += [change.key for change in chunk.changes[:room]]
    return Outcome(restored, removed, unchanged, keys)
