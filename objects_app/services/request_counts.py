"""Requests per hour and node: counted in memory, written in batches.

A request must not wait for such a write, so what a process counted since its last flush
is lost when it is killed. What cannot be written for a while is counted in the hour in
which it can.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import NamedTuple

from django.conf import settings
from django.db import Error, transaction
from django.db.models import F, Sum
from django.db.models.functions import Now, TruncDay

from objects_app.models import RequestCount
from objects_app.queries import sql

_HOURLY = timedelta(days=30)
_KEPT = timedelta(days=400)
_BATCH = 5000

_lock = Lock()
_counted: dict[int, int] = {}


class Hour(NamedTuple):
    """What all nodes answered in one hour (or, past a month, one day) from `start` on.

    Of the `requests`, `refused` were 4xx and `errors` 5xx.
    """

    start: datetime
    requests: int
    refused: int
    errors: int


def note(status: int) -> None:
    """Count a request that was just answered."""
    with _lock:  # a plain dict: a Counter is slower, and this is done for every request
        _counted[status] = _counted.get(status, 0) + 1


def flush() -> None:
    """Add what was counted since the last time to the row of the present hour."""
    with _lock:
        counted = dict(_counted)
        _counted.clear()
    if not counted:
        return
    try:
        hour = sql.clock().replace(minute=0, second=0, microsecond=0)
        _add(hour, settings.NODE_ID, _summed(counted))
    except Error:
        with _lock:
            for status, requests in counted.items():
                _counted[status] = _counted.get(status, 0) + requests
        raise


def since(moment: datetime) -> list[Hour]:
    """Return the hours that began at a moment or later and had requests, in order."""
    hours = RequestCount.objects.filter(hour__gte=moment).values("hour")
    summed = hours.annotate(*map(Sum, ("requests", "refused", "errors")))
    columns = ("hour", "requests__sum", "refused__sum", "errors__sum")
    return [Hour(*row) for row in summed.order_by("hour").values_list(*columns)]


def prune() -> int:
    """Add the hours of days past a month up; return how many rows went."""
    past = RequestCount.objects.filter(hour__lt=Now() - _HOURLY)
    hours = past.exclude(hour=TruncDay("hour")).order_by("pk")
    with transaction.atomic():
        rows = list(hours.select_for_update()[:_BATCH])
        days: defaultdict[tuple[datetime, str], Counter[str]] = defaultdict(Counter)
        for row in rows:
            days[row.hour.replace(hour=0), row.node_id].update(
                requests=row.requests, refused=row.refused, errors=row.errors
            )
        for (day, node_id), more in sorted(days.items()):
            _add(day, node_id, more)
        RequestCount.objects.filter(pk__in=[row.pk for row in rows]).delete()
    years = RequestCount.objects.filter(hour__lt=Now() - _KEPT)
    return len(rows) + years.delete()[0]


def _summed(counted: Mapping[int, int]) -> dict[str, int]:
    def of_class(number: int) -> int:
        return sum(n for status, n in counted.items() if status // 100 == number)

    return {
        "requests": sum(counted.values()),
        "refused": of_class(4),
        "errors": of_class(5),
    }


def _add(hour: datetime, node_id: str, more: Mapping[str, int]) -> None:
    """Add to an hour's row. Processes of a node may begin it at the same moment."""
    row = RequestCount.objects.filter(hour=hour, node_id=node_id)
    added = {column: F(column) + number for column, number in more.items()}
    if not row.update(**added):
        new = RequestCount(hour=hour, node_id=node_id)
        RequestCount.objects.bulk_create([new], ignore_conflicts=True)
        row.update(**added)
