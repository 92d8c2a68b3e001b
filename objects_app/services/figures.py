"""What the worker measures in the background, because a page could not.

One pass over the blobs in windows of their ids, each a few short statements that lock
nothing; what it found is then written at once. Writers go on meanwhile, so the figures
are exact only in a store at rest.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Count, Max, Q, Sum
from django.db.models.functions import Now, TruncDay

from objects_app.models import (
    Blob,
    Bucket,
    BucketFigures,
    DuplicatedContent,
    UsageSample,
)
from objects_app.queries import figures as queries
from objects_app.queries import sql
from objects_app.queries.figures import Duplicated
from objects_app.services import chores

CHORE = "figures"
WHOLE_STORE = 0

_SECONDS = 3600.0
_WINDOW = 10_000
_DUPLICATES = 10
_HOURLY = timedelta(days=30)
_KEPT = timedelta(days=400)
_CONDEMNED = Q(condemned_at__isnull=False)


class Found(NamedTuple):
    """What a pass over the blobs adds up to. `per_bucket` has each bucket's bytes."""

    per_bucket: Counter[int]
    blobs: Counter[str]
    duplicated: list[Duplicated]


def measure_hourly(*, stop: Callable[[], bool] = lambda: False) -> bool:
    """Measure, unless that was done within the hour; return whether it was done now.

    `stop` is asked between windows.
    """
    if chores.done_within(CHORE, _SECONDS):
        return False
    return measure(stop=stop)


def measure(*, stop: Callable[[], bool] = lambda: False) -> bool:
    """Measure every bucket and the store. False: it was stopped and wrote nothing."""
    found = _look(stop)
    if found is None:
        return False
    moment = sql.clock()
    now = _figures(found, moment)
    with transaction.atomic():
        _sample(now, moment)
        BucketFigures.objects.bulk_create(
            now,
            update_conflicts=True,
            unique_fields=["bucket_id"],
            update_fields=[
                *("objects_total", "named_bytes", "stored_bytes", "measured_at")
            ],
        )
        DuplicatedContent.objects.all().delete()
        DuplicatedContent.objects.bulk_create(
            DuplicatedContent(**content._asdict()) for content in found.duplicated
        )
        _forget_deleted_buckets()
        chores.record(CHORE, found.blobs)
    return True


def prune() -> int:
    """Leave one sample a day of those older than a month; return how many went."""
    hourly = UsageSample.objects.filter(taken_at__lt=Now() - _HOURLY)
    days = hourly.values("bucket_id", day=TruncDay("taken_at"))
    last = days.annotate(last=Max("id")).values("last")
    years = UsageSample.objects.filter(taken_at__lt=Now() - _KEPT)
    return hourly.exclude(pk__in=last).delete()[0] + years.delete()[0]


def _look(stop: Callable[[], bool]) -> Found | None:
    found = Found(Counter(), Counter(), [])
    top: list[Duplicated] = []
    last = Blob.objects.aggregate(last=Max("id"))["last"] or 0
    for above in range(0, max(last, 1), _WINDOW):  # of nothing, too, the sums are 0
        if stop():
            return None
        window = {"above": above, "through": above + _WINDOW}
        found.per_bucket.update(queries.stored_bytes(**window))
        found.blobs.update(_blobs(**window))
        top += queries.most_duplicated(**window, limit=_DUPLICATES)
        top = heapq.nlargest(_DUPLICATES, top, key=lambda content: content.saved)
    return found._replace(duplicated=top)


def _blobs(*, above: int, through: int) -> dict[str, int]:
    return Blob.objects.filter(id__gt=above, id__lte=through).aggregate(
        blobs=Count("id", filter=~_CONDEMNED),
        blobs_bytes=Sum("size", filter=~_CONDEMNED, default=0),
        condemned=Count("id", filter=_CONDEMNED),
        condemned_bytes=Sum("size", filter=_CONDEMNED, default=0),
    )


def _figures(found: Found, moment: datetime) -> list[BucketFigures]:
    rows = [
        BucketFigures(
            bucket_id=bucket_id,
            objects_total=objects,
            named_bytes=size,
            stored_bytes=found.per_bucket[bucket_id],
            measured_at=moment,
        )
        for bucket_id, (objects, size) in queries.totals().items()
    ]
    whole = BucketFigures(
        bucket_id=WHOLE_STORE,
        objects_total=sum(row.objects_total for row in rows),
        named_bytes=sum(row.named_bytes for row in rows),
        stored_bytes=found.blobs["blobs_bytes"],
        measured_at=moment,
    )
    return [whole, *rows]


def _sample(now: Iterable[BucketFigures], moment: datetime) -> None:
    before = {row.bucket_id: row for row in BucketFigures.objects.all()}
    UsageSample.objects.bulk_create(
        UsageSample(
            taken_at=moment,
            bucket_id=row.bucket_id,
            objects_total=row.objects_total,
            named_bytes=row.named_bytes,
            stored_bytes=row.stored_bytes,
        )
        for row in now
        if _to_be_sampled(row, before.get(row.bucket_id))
    )


def _to_be_sampled(row: BucketFigures, before: BucketFigures | None) -> bool:
    """What has changed; and, of what is not empty, the first of each day."""
    known = _numbers(before) if before else (0, 0, 0)
    if _numbers(row) != known:
        return True
    new_day = before is None or before.measured_at.date() < row.measured_at.date()
    return new_day and any(known)


def _numbers(row: BucketFigures) -> tuple[int, int, int]:
    return row.objects_total, row.named_bytes, row.stored_bytes


def _forget_deleted_buckets() -> None:
    there = Q(bucket_id=WHOLE_STORE) | Q(bucket_id__in=Bucket.objects.values("pk"))
    BucketFigures.objects.exclude(there).delete()
    UsageSample.objects.exclude(there).delete()
