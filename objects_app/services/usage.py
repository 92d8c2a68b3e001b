"""How much is stored, and how much deduplication saved."""

from typing import NamedTuple

from django.db.models import Count, Q, Sum

from objects_app.models import Blob, Bucket
from objects_app.queries import reads
from objects_app.queries.rows import Totals
from objects_app.services.sweep import held_back


class Usage(NamedTuple):
    """The whole store: `objects_bytes` is what clients see, `blobs_bytes` is kept;
    `held` of the `condemned` is kept for a backup."""

    buckets: dict[str, Totals]
    objects: int
    objects_bytes: int
    blobs: int
    blobs_bytes: int
    condemned: int
    condemned_bytes: int
    held: int = 0
    held_bytes: int = 0


def usage() -> Usage:
    """Return the store's totals: buckets from the journal, blobs counted."""
    totals = {
        name: reads.bucket_totals(id_)
        for id_, name in Bucket.objects.order_by("name").values_list("id", "name")
    }
    held, held_bytes = held_back()
    condemned = Q(condemned_at__isnull=False)
    blobs = Blob.objects.aggregate(
        live=Count("id", filter=~condemned),
        live_bytes=Sum("size", filter=~condemned, default=0),
        condemned=Count("id", filter=condemned),
        condemned_bytes=Sum("size", filter=condemned, default=0),
    )
    return Usage(
        buckets=totals,
        objects=sum(t.objects for t in totals.values()),
        objects_bytes=sum(t.bytes for t in totals.values()),
        blobs=blobs["live"],
        blobs_bytes=blobs["live_bytes"],
        condemned=blobs["condemned"],
        condemned_bytes=blobs["condemned_bytes"],
        held=held,
        held_bytes=held_bytes,
    )
