"""What a store counts and measures in two months, made up."""

import math
import random
from datetime import datetime, timedelta

from django.utils import timezone

from objects_app.models import BucketFigures, Lease, Node, RequestCount, UsageSample
from objects_app.services import figures, leadership, sweep

_NODES = ("node-1", "node-2", "node-3")
_HOURS = 30 * 24
_chance = random.Random(11)


def fill(days: int) -> None:
    """Measure, and pretend that it was measured for so many days."""
    figures.measure()
    sweep.sweep()
    now = timezone.now()
    _samples(now, days)
    _requests(now)
    for name in _NODES[1:]:
        begun = now - timedelta(days=9)
        Node.objects.create(
            node_id=name, instance=name, version="1.0", started_at=begun, seen_at=now
        )
    Lease.objects.create(
        name=leadership.NAME, holder="node-2", expires_at=now + timedelta(hours=1)
    )


def _samples(now: datetime, days: int) -> None:
    """Let each bucket grow to what it is."""
    begun = now - timedelta(days=days)
    moments = [begun + timedelta(days=day, seconds=1) for day in range(days)]
    moments += [now - timedelta(hours=hours, seconds=1) for hours in range(23, 0, -1)]
    for row in BucketFigures.objects.all():
        bend = _chance.uniform(0.7, 2.5)
        shares = [((at - begun) / (now - begun)) ** bend for at in moments]
        UsageSample.objects.bulk_create(
            UsageSample(
                taken_at=at,
                bucket_id=row.bucket_id,
                objects_total=round(row.objects_total * share),
                named_bytes=round(row.named_bytes * share),
                stored_bytes=round(row.stored_bytes * share),
            )
            for at, share in zip(moments, shares, strict=True)
        )


def _requests(now: datetime) -> None:
    """Let people work by day and programs by night."""
    last = now.replace(minute=0, second=0, microsecond=0)
    counts = []
    for ago in range(_HOURS):
        hour = last - timedelta(hours=ago)
        tide = 1.2 - math.cos(math.tau * (hour.hour - 2) / 24)
        for node in _NODES:
            requests = round(900 * tide * _chance.uniform(0.7, 1.3))
            counts.append(
                RequestCount(
                    hour=hour,
                    node_id=node,
                    requests=requests,
                    refused=round(requests * _chance.uniform(0.005, 0.03)),
                    errors=_chance.choice((0, 0, 0, 0, 1, 2)),
                )
            )
    RequestCount.objects.bulk_create(counts)
