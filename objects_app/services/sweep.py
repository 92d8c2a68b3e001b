"""The sweep: the only place that deletes bytes (DESIGN section 5).

condemn -> (grace) -> mark -> delete the bytes -> drop the row. It fails closed: any
error leaves the blob as it is, for the next sweep or, past the lease, another sweeper.
"""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import takewhile
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Now

from objects_app import metrics
from objects_app.blobs.backend import BlobBackend, backend
from objects_app.blobs.layout import StoredBlob
from objects_app.errors import StorageUnavailable
from objects_app.models import Blob, JournalEntry, Lease, SweepHold
from objects_app.queries import upkeep
from objects_app.queries.rows import Actor, Marked
from objects_app.services import audit, chores

logger = logging.getLogger(__name__)

CHORE = "sweep"
CLAIM_AGE_SECONDS = 3600.0
SPOOL_AGE_SECONDS = 86_400.0
ASKED_SECONDS = 3600.0
_ASKED = "sweep now"
_WINDOW = 1000
_LEASE_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_MARK_BATCH = 100
_HELD = Q(Exists(SweepHold.objects.filter(since__lte=OuterRef("condemned_at"))))


class Swept(NamedTuple):
    """What one sweep did, or with dry_run would do now."""

    condemned: int = 0
    rescued: int = 0
    removed: int = 0
    bytes: int = 0
    failed: int = 0
    spools: int = 0
    held: int = 0
    held_bytes: int = 0


def sweep(
    *,
    grace_seconds: float | None = None,
    dry_run: bool = False,
    progress: Callable[[int], object] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> Swept:
    """Condemn what nothing refers to; remove what has been condemned long enough.

    What a backup needs waits for the next one (`held`). `progress` is told how many
    blobs were removed each time; `stop` is asked between windows and batches.
    """
    grace = settings.SWEEP_GRACE_SECONDS if grace_seconds is None else grace_seconds
    if dry_run:
        return _foresee(grace)
    windows = takewhile(lambda _: not stop(), _windows())
    condemned = sum(condemn_window(above_id=start) for start in windows)
    done = remove_condemned(grace_seconds=grace, progress=progress, stop=stop)
    spools = clear_spools()
    held, held_bytes = held_back(grace_seconds=grace)
    if held:
        logger.info(
            "A backup holds back %d condemned blobs (%d bytes)", held, held_bytes
        )
    swept = done._replace(
        condemned=condemned, spools=spools, held=held, held_bytes=held_bytes
    )
    chores.record(CHORE, swept._asdict())
    return swept


def ask(*, by: Actor) -> None:
    """Have the worker that leads sweep at once, whenever it would have by itself.

    Forgotten after ASKED_SECONDS, should none lead until then.
    """
    with transaction.atomic():
        upkeep.take_lease(name=_ASKED, holder=by.label, seconds=ASKED_SECONDS)
        audit.record(operation=JournalEntry.Operation.SWEEP, by=by)


def sweep_if_asked(*, stop: Callable[[], bool]) -> Swept | None:
    """Sweep if somebody asked for it; once for all who asked before it begins."""
    asked = Lease.objects.filter(name=_ASKED, expires_at__gt=Now())
    return sweep(stop=stop) if asked.delete()[0] else None


def clear_spools() -> int:
    """Remove what uploads left behind that never ended: their processes were killed.

    Return how many there were. A node's spools are on its own disk, so each node does
    this for itself, whoever leads.
    """
    return backend().clear_spool(older_than_seconds=SPOOL_AGE_SECONDS)


def held_back(*, grace_seconds: float = 0) -> tuple[int, int]:
    """Return how many blobs, and bytes, would go if no backup needed them."""
    held = _due(grace_seconds).filter(_HELD, deleting_since__isnull=True)
    return held.count(), _bytes_of(held)


def remove_condemned(
    *,
    grace_seconds: float | None = None,
    progress: Callable[[int], object] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> Swept:
    """Remove what has been condemned long enough, and what a lost sweeper left behind.

    Cheap when there is nothing to do: until a blob left deleting is gone, uploads of
    its content are refused, so this wants to run about once a lease.
    """
    grace = settings.SWEEP_GRACE_SECONDS if grace_seconds is None else grace_seconds
    store = backend()
    rescued = removed = size = failed = 0
    while not stop():
        started = lease_clock()
        batch, saved = upkeep.mark(
            grace_seconds=grace,
            lease_seconds=settings.SWEEP_LEASE_SECONDS,
            limit=_MARK_BATCH,
        )
        rescued += saved
        metrics.RESCUES.inc(saved)
        done = [m for m in batch if remove(store=store, marked=m, started=started)]
        removed += len(done)
        size += sum(marked.size for marked in done)
        failed += len(batch) - len(done)
        progress(len(done))
        if len(done) < len(batch) or len(batch) + saved < _MARK_BATCH:
            break
    return Swept(rescued=rescued, removed=removed, bytes=size, failed=failed)


def remove_orphans(
    *,
    grace_seconds: float | None = None,
    dry_run: bool = False,
    progress: Callable[[int], object] = lambda _: None,
) -> Swept:
    """Remove bytes that have no row and, by the backend's clock, outlived the grace.

    What a backup needs has a row as long as its hold stands: rows are dropped only
    after a mark, and a claim that a crash may lose is durable once anything refers to
    it, for the commit that does comes later in the same log.
    """
    grace = settings.SWEEP_GRACE_SECONDS if grace_seconds is None else grace_seconds
    store = backend()
    removed = size = failed = 0
    for stored in orphans(store=store, grace_seconds=grace):
        if dry_run:
            removed, size = removed + 1, size + stored.size
            continue
        marked = upkeep.adopt_orphan(sha256=stored.sha256, size=stored.size)
        if marked is None:
            continue
        if remove(store=store, marked=marked, started=lease_clock()):
            removed, size = removed + 1, size + stored.size
        else:
            failed += 1
        progress(1)
    return Swept(removed=removed, bytes=size, failed=failed)


def orphans(*, store: BlobBackend, grace_seconds: float) -> Iterator[StoredBlob]:
    """Yield stored bytes that have no row and are older than the grace."""
    before = store.clock() - timedelta(seconds=grace_seconds)
    batch: list[StoredBlob] = []
    for stored in store.walk():
        if stored.modified <= before:
            batch.append(stored)
        if len(batch) == _WINDOW:
            yield from _without_row(batch)
            batch = []
    yield from _without_row(batch)


def lease_clock() -> float:
    """Return seconds that also pass while the machine is suspended, where it can tell:
    the lease runs on by the database's clock."""
    return time.clock_gettime(_LEASE_CLOCK)


def condemn_window(*, above_id: int) -> int:
    """Condemn unreferenced blobs of one window of ids; return how many."""
    ids = upkeep.condemn_candidates(
        above_id=above_id, window=_WINDOW, claim_age_seconds=CLAIM_AGE_SECONDS
    )
    return upkeep.condemn(ids=ids, claim_age_seconds=CLAIM_AGE_SECONDS) if ids else 0


def remove(*, store: BlobBackend, marked: Marked, started: float) -> bool:
    """Delete a marked blob's bytes, then its row; no transaction is open meanwhile.

    `started` is the `lease_clock` of the mark. With half the lease spent the blob is
    left alone: past the lease another sweeper may own it, and a writer its bytes.
    """
    if not delete_bytes(store=store, marked=marked, started=started):
        return False
    if not upkeep.drop(marked):
        metrics.LOST_RACES.labels("drop").inc()
        return False
    metrics.SWEPT_BLOBS.inc()
    metrics.SWEPT_BYTES.inc(marked.size)
    return True


def delete_bytes(*, store: BlobBackend, marked: Marked, started: float) -> bool:
    """Delete the bytes, unless half the lease is spent. False: they may be there."""
    if lease_clock() - started > settings.SWEEP_LEASE_SECONDS / 2:
        return False
    try:
        store.delete(marked.sha256)
    except StorageUnavailable:
        logger.warning("Could not remove blob %s; left for later", marked.sha256)
        return False
    return True


def _windows() -> range:
    last = Blob.objects.aggregate(last=Max("id"))["last"] or 0
    return range(0, last, _WINDOW)


def _foresee(grace_seconds: float) -> Swept:
    """Without a grace, what is condemned now is removed at once, if nothing is held."""
    at_once = grace_seconds <= 0 and not SweepHold.objects.exists()
    condemned = removed = size = 0
    for start in _windows():
        ids = upkeep.condemn_candidates(
            above_id=start, window=_WINDOW, claim_age_seconds=CLAIM_AGE_SECONDS
        )
        condemned += len(ids)
        if at_once:
            removed += len(ids)
            size += _bytes_of(Blob.objects.filter(pk__in=ids))
    due = _due(grace_seconds).exclude(_HELD, deleting_since__isnull=True)
    held, held_bytes = held_back(grace_seconds=grace_seconds)
    return Swept(
        condemned=condemned,
        removed=removed + due.count(),
        bytes=size + _bytes_of(due),
        held=held,
        held_bytes=held_bytes,
    )


def _due(grace_seconds: float) -> QuerySet[Blob]:
    return Blob.objects.filter(
        condemned_at__lte=Now() - timedelta(seconds=grace_seconds)
    )


def _bytes_of(blobs: QuerySet[Blob]) -> int:
    return int(blobs.aggregate(total=Sum("size", default=0))["total"])


def _without_row(batch: list[StoredBlob]) -> Iterator[StoredBlob]:
    digests = [stored.sha256 for stored in batch]
    known = set(
        Blob.objects.filter(sha256__in=digests).values_list("sha256", flat=True)
    )
    return (stored for stored in batch if stored.sha256 not in known)
