"""What deduplication saves in each bucket, as the worker last measured it."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from objects_app.models import BucketFigures


class Saving(NamedTuple):
    """Bytes that a bucket's objects name, versions included, and those stored for them:
    equal content once, even if other buckets have it too."""

    named_bytes: int
    stored_bytes: int
    measured_at: datetime

    @property
    def saved(self) -> int:
        """The bytes that deduplication within the bucket saves."""
        return max(0, self.named_bytes - self.stored_bytes)


def savings(bucket_ids: Collection[int]) -> dict[int, Saving]:
    """Return what is known of these buckets, in one statement.

    The worker measures hourly: a new bucket has none yet.
    """
    rows = BucketFigures.objects.filter(bucket_id__in=bucket_ids)
    columns = ("bucket_id", "named_bytes", "stored_bytes", "measured_at")
    return {id_: Saving(*row) for id_, *row in rows.values_list(*columns)}
