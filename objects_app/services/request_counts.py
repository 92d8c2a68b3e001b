"""Requests per hour, node and kind: counted in memory, written in batches.

A request must not wait for such a write, so what a process counted since its last flush
is lost when it is killed. What cannot be written for a while is counted in the hour in
which it can.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import NamedTuple

from django.conf import settings
from django.db import Error, transaction
from django.db.models import F, Q, Sum
from django.db.models.functions import Now, TruncDay

from objects_app.models import RequestCount
from objects_app.queries import sql

_METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "other"  # a client may send any name
_HOURLY = timedelta(days=30)
_KEPT = timedelta(days=400)
_BATCH = 5000

_lock = Lock()
_counted: dict[tuple[str, int], int] = {}


class Hour(NamedTuple):
    """What all nodes answered in one hour (or, past a month, one day) from `start` on.

    Of the `requests`, `refused` were 4xx and `errors` 5xx.
    """

    start: datetime
    requests: int
    refused: int
    errors: int


def note(method: str, status: int) -> None:
    """Count a request that was just answered."""
    answer = method, status
    with _lock:  # a plain dict: a Counter is slower, and this is done for every request
        _counted[answer] = _counted.get(answer, 0) + 1


def flush() -> None:
    """Add what was counted since the last time to the rows of the present hour."""
    with _lock:
        counted = dict(_counted)
        _counted.clear()
    if not counted:
        return
    try:
        _write(counted)
    except Error:
        with _lock:
            for answer, requests in counted.items():
                _counted[answer] = _counted.get(answer, 0) + requests
        raise


def since(moment: datetime) -> list[Hour]:
    """Return the hours that began at a moment or later and had requests, in order."""
    hours = RequestCount.objects.filter(hour__gte=moment).values("hour")
    summed = hours.annotate(
        total=Sum("requests"),
        refused=Sum("requests", filter=Q(status=4), default=0),
        errors=Sum("requests", filter=Q(status=5), default=0),
    )
    columns = ("hour", "total", "refused", "errors")
    return [Hour(*row) for row in summed.order_by("hour").values_list(*columns)]


def prune() -> int:
    """Add the hours of days past a month up; return how many rows went."""
    past = RequestCount.objects.filter(hour__lt=Now() - _HOURLY)
    hours = past.exclude(hour=TruncDay("hour")).order_by("pk")
    with transaction.atomic():
        rows = list(hours.select_for_update()[:_BATCH])
        days: Counter[tuple[datetime, str, str, int]] = Counter()
        for row in rows:
            day = row.hour.replace(hour=0)
            days[day, row.node_id, row.method, row.status] += row.requests
        for kind, requests in sorted(days.items()):
            _add(*kind, requests)
        RequestCount.objects.filter(pk__in=[row.pk for row in rows]).delete()
    years = RequestCount.objects.filter(hour__lt=Now() - _KEPT)
    return len(rows) + years.delete()[0]


def _write(counted: Mapping[tuple[str, int], int]) -> None:
    kinds: Counter[tuple[str, int]] = Counter()
    for (method, status), requests in counted.items():
        kinds[method if method in _METHODS else _OTHER, status // 100] += requests
    hour = sql.clock().replace(minute=0, second=0, microsecond=0)
    with transaction.atomic():
        for (method, status), requests in sorted(kinds.items()):  # or two may deadlock
            _add(hour, settings.NODE_ID, method, status, requests)


def _add(hour: datetime, node_id: str, method: str, status: int, requests: int) -> None:
    kind = {"hour": hour, "node_id": node_id, "method": method, "status": status}
    same = RequestCount.objects.filter(**kind)
    if not same.update(requests=F("requests") + requests):
        new = RequestCount(**kind)
        RequestCount.objects.bulk_create([new], ignore_conflicts=True)
        same.update(requests=F("requests") + requests)
