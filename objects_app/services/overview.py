"""How the store does, now and over time: all that one page tells, in few statements.

What would take long has been counted or measured before (`request_counts`, `figures`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from django.db.models import Max
from django.db.models.functions import TruncDay

from objects_app.models import UsageSample
from objects_app.queries import figures as queries
from objects_app.queries.figures import Example, Largest, State
from objects_app.services import chores, figures, leadership, nodes, request_counts
from objects_app.services import sweep as sweeping
from objects_app.services.chores import Done
from objects_app.services.nodes import NodeState
from objects_app.services.request_counts import Hour

_LARGEST = 10
_GROWTH = 5
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


class Span(NamedTuple):
    """A stretch of time in steps of hours or of days; the last is not over yet."""

    step: timedelta
    steps: int

    @property
    def is_of_days(self) -> bool:
        """Whether the steps begin and end at midnight."""
        return self.step >= _DAY

    def ends(self, now: datetime) -> list[datetime]:
        """Return when each step ends: the last with the hour or day (UTC) of `now`."""
        last = now.replace(minute=0, second=0, microsecond=0) + _HOUR
        if self.is_of_days:
            last = last.replace(hour=0) + _DAY
        return [last - self.step * back for back in reversed(range(self.steps))]


class Size(NamedTuple):
    """Bytes that objects name, and those stored for them."""

    named: int
    stored: int

    @property
    def saved(self) -> int:
        """Bytes that deduplication saves."""
        return max(0, self.named - self.stored)


class Point(NamedTuple):
    """The sizes at a moment, in the order asked for; None: not known."""

    at: datetime
    sizes: list[Size | None]


class Overview(NamedTuple):
    """`usage` is of the whole store, `growth` of the first of the `largest` buckets.

    `requests` has each step of the span, `day` the last 24 hours. `measured` and
    `swept` are None before the worker first did that.
    """

    largest: Largest
    usage: list[Point]
    growth: list[Point]
    requests: list[Hour]
    day: Hour
    duplicated: list[Example]
    nodes: list[NodeState]
    state: State
    measured: Done | None
    swept: Done | None

    @property
    def whole(self) -> Size | None:
        """The whole store as last measured."""
        if self.measured is None:
            return None
        return self.usage[-1].sizes[0] or Size(0, 0)

    @property
    def alive(self) -> int:
        """How many nodes have not fallen silent."""
        return sum(node.alive for node in self.nodes)


def overview(span: Span) -> Overview:
    """Return what there is to see over a span that ends now."""
    state = queries.state(lease=leadership.NAME)
    largest = queries.largest(_LARGEST)
    ends = span.ends(state.now)
    shown = [bucket.bucket_id for bucket in largest.top[:_GROWTH]]
    store, *buckets = _series([figures.WHOLE_STORE, *shown], span, ends)
    hours = request_counts.since(ends[0] - span.step)
    done = chores.last()
    return Overview(
        largest=largest,
        usage=_points(ends, [store], state.now),
        growth=_points(ends, buckets, state.now),
        requests=[_sum(hours, end - span.step, end) for end in ends],
        day=_sum(hours, state.now - _DAY, state.now),
        duplicated=queries.duplicated(),
        nodes=nodes.nodes(),
        state=state,
        measured=done.get(figures.CHORE),
        swept=done.get(sweeping.CHORE),
    )


def _series(
    bucket_ids: Sequence[int], span: Span, ends: list[datetime]
) -> list[list[Size | None]]:
    """Return each bucket's sizes at the ends of the steps, by the last sample before.

    What is not empty is sampled every day: a look one day back is enough and, where
    steps are of days, at the last sample of each step's last day (and yesterday's).
    """
    rows = UsageSample.objects.filter(
        bucket_id__in=bucket_ids, taken_at__gte=ends[0] - _DAY
    )
    if span.is_of_days:
        days = {end - _DAY for end in ends} | {ends[-1] - 2 * _DAY}
        of_days = rows.annotate(day=TruncDay("taken_at")).filter(day__in=days)
        groups = of_days.values("bucket_id", "day")
        last = groups.annotate(last=Max("pk")).values("last")
        rows = UsageSample.objects.filter(pk__in=last)
    columns = ("bucket_id", "taken_at", "named_bytes", "stored_bytes")
    ordered = rows.order_by("bucket_id", "taken_at").values_list(*columns)
    found: dict[int, list[Size | None]] = {}
    for bucket_id, samples in groupby(ordered, itemgetter(0)):
        times: list[datetime] = []
        sizes: list[Size | None] = [None]
        for _, taken_at, *size in samples:
            times.append(taken_at)
            sizes.append(Size(*size))
        found[bucket_id] = [sizes[bisect_right(times, end)] for end in ends]
    return [found.get(bucket_id, [None] * span.steps) for bucket_id in bucket_ids]


def _points(
    ends: list[datetime], series: list[list[Size | None]], now: datetime
) -> list[Point]:
    return [
        Point(min(end, now), [sizes[number] for sizes in series])
        for number, end in enumerate(ends)
    ]


def _sum(hours: list[Hour], start: datetime, end: datetime) -> Hour:
    first, behind = (bisect_left(hours, (moment,)) for moment in (start, end))
    within = hours[first:behind]
    return Hour(
        start,
        requests=sum(hour.requests for hour in within),
        refused=sum(hour.refused for hour in within),
        errors=sum(hour.errors for hour in within),
    )
