"""Changes of many keys at once: the engine writes all or none (`Dialect.apply`)."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_noop

from objects_app import metrics
from objects_app.blobs.backend import backend
from objects_app.errors import BytesMissing, StorageBusy
from objects_app.queries import sql
from objects_app.queries.changes import (
    Change,
    Changed,
    Content,
    Failure,
    Mark,
    Removal,
    Rewrite,
    Source,
)
from objects_app.queries.plans import Again
from objects_app.queries.rows import (
    ANYTHING,
    Actor,
    BucketRow,
    ObjectRow,
    Preconditions,
)
from objects_app.services import quotas

_ATTEMPTS = 20
_LOST_BEFORE_LOCKS = 3
_FIRST_WAIT_SECONDS = 0.001
_LONGEST_WAIT_SECONDS = 0.1

Prepare = Callable[[], tuple[Sequence[Change], Sequence[Mark]]]


class ChangesRefused(Exception):
    """Nothing was written: these changes, by their places, cannot be made."""

    def __init__(self, failures: Mapping[int, Failure]) -> None:
        super().__init__(dict(failures))
        self.failures = failures


def commit(
    *,
    prepare: Prepare,
    by: Actor,
    first: Callable[[], object] = lambda: None,
    only_reads: bool = False,
) -> list[Changed]:
    """Make the changes that `prepare` returns in one transaction; no bytes are moved.

    `prepare` reads what they are made from, and is called anew whenever somebody was
    faster: let it look buckets up again (`buckets.again`). `first` runs within the
    transaction, before the rest. `only_reads`: all that `prepare` does is to read rows,
    so it may be called within a transaction. Raises ChangesRefused, QuotaExceeded,
    BytesMissing, StorageUnavailable, StorageBusy, and what the two functions raise; in
    each case nothing was written.
    """
    seen: dict[int, Mark] = {}
    locked_first: list[tuple[int, str]] = []
    for attempt in range(_ATTEMPTS):
        try:
            with _locked(locked_first):
                changes, marks = prepare()
                held = list(({mark.id: mark for mark in marks} | seen).values())
                done = sql.apply(changes=changes, marks=held, by=by, first=first)
        except Again:
            done = None
        if done is None:
            metrics.LOST_RACES.labels("changes").inc()
            seen = {}
            if only_reads and attempt + 1 >= _LOST_BEFORE_LOCKS:
                locked_first = [(change.bucket_id, change.key) for change in changes]
            _step_aside(attempt)
        elif isinstance(done, list):
            return done
        elif done.exceeded is not None:
            bucket, exceeded = done.exceeded
            raise quotas.refusal(bucket=bucket, exceeded=exceeded)
        elif done.failures:
            raise ChangesRefused(done.failures)
        else:
            seen |= {mark.id: _see(mark) for mark in done.unseen}
    raise StorageBusy(
        gettext_noop("These keys kept changing meanwhile: send it again.")
    )


def change(
    *,
    bucket: BucketRow,
    key: str,
    operation: str,
    what: Content | Rewrite | Removal | None,
    conditions: Preconditions = ANYTHING,
    only: ObjectRow | None = None,
    detail: str = "",
) -> Change:
    """Return a change of one key. `only`: the version that has to be the latest, or
    `prepare` is called again."""
    return Change(
        bucket_id=bucket.id,
        bucket_name=bucket.name,
        versioning=bucket.versioning,
        limited=bucket.has_quota,
        key=key,
        operation=operation,
        what=what,
        conditions=conditions,
        only=_identity(only) if only else None,
        detail=detail,
    )


def copy_of(row: ObjectRow) -> tuple[Content, list[Mark]]:
    """Return what another version becomes that has this one's content and description,
    and the blob to be held for it (segments' blobs are found by the engine)."""
    source = None
    marks = []
    if row.blob_id is None:
        source = Source(row.id, row.bucket_id, row.key, row.created_at)
    else:
        marks = [Mark(row.blob_id, row.sha256, row.size)]
    content = Content(
        blob_id=row.blob_id,
        sha256=row.sha256,
        size=row.size,
        etag=row.etag,
        content_type=row.content_type,
        headers=row.headers,
        metadata=row.metadata,
        tags=row.tags,
        segments_of=source,
    )
    return content, marks


@contextmanager
def _locked(keys: Sequence[tuple[int, str]]) -> Iterator[None]:
    """Keep other transactions of many keys off these until the end, if there are any.

    Two that move one key away while it is made again would else wait for each other
    only after they have read, and the second has read what is gone. Who writes the key
    alone waits for nobody, and may still be faster on PostgreSQL. Keys that the change
    takes besides may come out of order: of two who wait for each other one gives way.
    """
    if not keys:
        yield
        return
    with transaction.atomic():
        sql.lock_keys(keys)
        yield


def _step_aside(attempt: int) -> None:
    """Wait a random moment, longer each time: whoever loses in step with others would
    lose again and again."""
    most = min(_FIRST_WAIT_SECONDS * 2**attempt, _LONGEST_WAIT_SECONDS)
    time.sleep(random.uniform(0, most))  # noqa: S311 - no secret


def _identity(row: ObjectRow) -> tuple[int, datetime]:
    return row.id, row.created_at


def _see(mark: Mark) -> Mark:
    """Return the mark of a blob whose bytes are there. Raises BytesMissing."""
    if backend().stat(mark.sha256) != mark.size:
        raise BytesMissing(mark.sha256)
    return mark._replace(seen=True)
