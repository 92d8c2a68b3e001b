"""Copy, move, delete, describe: one operation or up to a thousand, all or none.

Rows only: a copy refers to the blobs that its source refers to. What is read first is
decided again under the locks of all keys that change, which are taken in one order: two
batches over the same keys wait for each other, and never in a circle.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from django.utils.translation import gettext_noop

from objects_app.errors import (
    BatchRefused,
    KeyNamedTwice,
    NoSuchKey,
    NoSuchVersion,
    PreconditionFailed,
    SourceIsTarget,
    StoreError,
)
from objects_app.queries import sources
from objects_app.queries.changes import Changed, Failure, Rewrite
from objects_app.queries.rows import (
    ANYTHING,
    Actor,
    BucketRow,
    ObjectRow,
    Preconditions,
)
from objects_app.services import buckets, drafts
from objects_app.services.changes import ChangesRefused
from objects_app.services.drafts import Draft

MOST_OPERATIONS = 1000

_Place = tuple[int, str]


class SourceConditions(NamedTuple):
    """What a source has to be like, as S3's x-amz-copy-source-if-* say it."""

    unchanged: Preconditions = ANYTHING
    modified_since: datetime | None = None

    def hold(self, row: ObjectRow) -> bool:
        """Whether they do; a date that an ETag outranks is not asked (RFC 9110)."""
        if not self.unchanged.hold(etag=row.etag, modified=row.created_at):
            return False
        return (
            self.modified_since is None
            or self.unchanged.if_none_match is not None
            or row.created_at.replace(microsecond=0) > self.modified_since
        )


class Source(NamedTuple):
    """What is copied: the latest version of a key, or the one that is named."""

    bucket: BucketRow
    key: str
    version_id: str | None = None
    conditions: SourceConditions = SourceConditions()


class Target(NamedTuple):
    """The key that is changed, and what it has to be like before."""

    bucket: BucketRow
    key: str
    conditions: Preconditions = ANYTHING


class Copy(NamedTuple):
    """Give the target the source's content, described anew as far as `rewrite` says."""

    source: Source
    target: Target
    rewrite: Rewrite | None = None


class Move(NamedTuple):
    """Copy, and delete the source, which is the latest version of its key."""

    source: Source
    target: Target
    rewrite: Rewrite | None = None


class Delete(NamedTuple):
    """Do what DELETE of the target does."""

    target: Target


class Describe(NamedTuple):
    """Give the target's latest version another description, in place."""

    target: Target
    rewrite: Rewrite


Operation = Copy | Move | Delete | Describe


class Done(NamedTuple):
    """What became of one operation: the target's version; of a copy or move, the
    source as it was."""

    changed: Changed
    source: ObjectRow | None


def perform_one(*, operation: Operation, by: Actor) -> Done:
    """Do it.

    Raises NoSuchBucket, NoSuchKey, NoSuchVersion, SourceIsTarget, PreconditionFailed,
    QuotaExceeded, BytesMissing, StorageBusy; in each case nothing was changed.
    """
    try:
        [done] = perform(operations=[operation], by=by)
    except BatchRefused as refused:
        raise refused.failures[0] from None
    return done


def perform(*, operations: Sequence[Operation], by: Actor) -> list[Done]:
    """Do all of them, or none, in one transaction.

    Raises KeyNamedTwice; BatchRefused with every operation that cannot be done; and
    NoSuchBucket, QuotaExceeded, BytesMissing, StorageBusy.
    """
    _require_distinct(operations)
    owners: list[int] = []  # of each change, the operation that it belongs to
    read: dict[int, ObjectRow] = {}

    def draw(draft: Draft) -> None:
        owners.clear()
        read.clear()
        read.update(_read_sources(operations))
        fresh = _looked_up_again(operations)
        for number, operation in enumerate(operations):
            _draw(draft, operation, read.get(number), fresh)
            owners.extend([number] * (len(draft.changes) - len(owners)))

    try:
        changed = drafts.commit(draw=draw, by=by)
    except ChangesRefused as refused:
        raise BatchRefused(
            {
                owners[place]: _refusal(operations[owners[place]].target, failure)
                for place, failure in refused.failures.items()
            }
        ) from None
    targets: dict[int, Changed] = {}
    for number, one in zip(owners, changed, strict=True):
        targets.setdefault(number, one)  # the first of a move's two is its target's
    return [Done(targets[n], read.get(n)) for n in range(len(operations))]


def _draw(
    draft: Draft,
    operation: Operation,
    row: ObjectRow | None,
    fresh: Mapping[int, BucketRow],
) -> None:
    target = operation.target
    into, key, conditions = fresh[target.bucket.id], target.key, target.conditions
    if isinstance(operation, Delete):
        draft.delete(bucket=into, key=key, conditions=conditions)
        return
    rewrite = operation.rewrite
    if isinstance(operation, Describe):
        draft.describe(
            bucket=into, key=key, rewrite=operation.rewrite, conditions=conditions
        )
        return
    if row is None:
        raise LookupError("a source that was read is not there")
    source = operation.source
    if rewrite is not None and _is_latest_onto_itself(operation):
        draft.replace_description(
            row, bucket=into, rewrite=rewrite, conditions=conditions
        )
        return
    add = draft.move if isinstance(operation, Move) else draft.copy
    add(
        row,
        out_of=fresh[source.bucket.id],
        into=into,
        key=key,
        rewrite=rewrite,
        conditions=conditions,
    )


def _read_sources(operations: Sequence[Operation]) -> dict[int, ObjectRow]:
    """Return the source of each copy and move. Raises BatchRefused."""
    copies = {
        number: operation
        for number, operation in enumerate(operations)
        if isinstance(operation, Copy | Move)
    }
    wanted: dict[int, list[str]] = {}
    for operation in copies.values():
        source = operation.source
        wanted.setdefault(source.bucket.id, []).append(source.key)
    latest = {
        bucket_id: sources.latest_of(bucket_id=bucket_id, keys=keys)
        for bucket_id, keys in wanted.items()
    }
    read: dict[int, ObjectRow] = {}
    failures: dict[int, StoreError] = {}
    for number, operation in copies.items():
        present = latest[operation.source.bucket.id].get(operation.source.key)
        row = _version(operation.source, present)
        if failure := _unfit(operation, row, present):
            failures[number] = failure
        elif row is not None:
            read[number] = row
    if failures:
        raise BatchRefused(failures)
    return read


def _version(source: Source, present: ObjectRow | None) -> ObjectRow | None:
    version_id = source.version_id
    if version_id is None or (present and present.version_id == version_id):
        return present
    return sources.version_of(
        bucket_id=source.bucket.id, key=source.key, version_id=version_id
    )


def _unfit(
    operation: Copy | Move, row: ObjectRow | None, present: ObjectRow | None
) -> StoreError | None:
    """Return why this cannot be copied there, if so."""
    source = operation.source
    if row is None:
        if source.version_id is None:
            return NoSuchKey(
                gettext_noop(
                    "There is no object of the source's key in bucket %(bucket)s."
                ),
                bucket=source.bucket.name,
            )
        return NoSuchVersion(
            gettext_noop(
                "There is no such version to copy of the source's key in bucket "
                "%(bucket)s."
            ),
            bucket=source.bucket.name,
        )
    if not source.conditions.hold(row):
        return PreconditionFailed(
            gettext_noop("The source is not as the conditions ask for.")
        )
    if _place(source) != _place(operation.target):
        return None
    if isinstance(operation, Move):
        return SourceIsTarget(
            gettext_noop("Source and target of a move are one key: name another.")
        )
    if operation.rewrite is None and row == present:
        return SourceIsTarget(
            gettext_noop(
                'Source and target are one key: say "metadata": "replace", or '
                "copy an older version."
            )
        )
    return None


def _is_latest_onto_itself(operation: Copy | Move) -> bool:
    source = operation.source
    return source.version_id is None and _place(source) == _place(operation.target)


def _looked_up_again(operations: Sequence[Operation]) -> dict[int, BucketRow]:
    """Return all buckets as they are now, by id. Raises NoSuchBucket."""
    named: dict[int, BucketRow] = {}
    for operation in operations:
        named[operation.target.bucket.id] = operation.target.bucket
        if isinstance(operation, Copy | Move):
            named[operation.source.bucket.id] = operation.source.bucket
    return {id_: buckets.again(bucket) for id_, bucket in named.items()}


def _require_distinct(operations: Sequence[Operation]) -> None:
    """Raise KeyNamedTwice unless each operation is the only one to name what it
    changes: then no order among them makes a difference."""
    changed: dict[_Place, int] = {}
    for number, operation in enumerate(operations):
        for place in _changed(operation):
            if changed.setdefault(place, number) != number:
                raise _named_twice(place, changed[place], number)
    for number, operation in enumerate(operations):
        if isinstance(operation, Copy):
            place = _place(operation.source)
            if changed.get(place, number) != number:
                raise _named_twice(place, changed[place], number)


def _changed(operation: Operation) -> Iterator[_Place]:
    yield _place(operation.target)
    if isinstance(operation, Move):
        yield _place(operation.source)


def _place(named: Source | Target) -> _Place:
    return named.bucket.id, named.key


def _named_twice(place: _Place, *numbers: int) -> KeyNamedTwice:
    first, second = sorted(numbers)
    return KeyNamedTwice(
        gettext_noop(
            "Operations %(first)s and %(second)s both name %(key)r, and one "
            "changes it: send two batches."
        ),
        first=first,
        second=second,
        key=place[1],
    )


def _refusal(target: Target, failure: Failure) -> StoreError:
    if failure is Failure.NO_SUCH_KEY:
        return NoSuchKey(
            gettext_noop("There is no such object in bucket %(bucket)s."),
            bucket=target.bucket.name,
        )
    return PreconditionFailed()
