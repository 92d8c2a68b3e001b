"""The objects before and after one in its folder, for who goes through them."""

from typing import NamedTuple

from objects_app.models import StoredObject
from objects_app.names import after_prefix, folder_of, prefix_end
from objects_app.queries.rows import BucketRow

_LOOKS = 2
_KEYS_A_LOOK = 50


class Neighbours(NamedTuple):
    """Keys; "" where there is none, or none within reach."""

    before: str
    after: str


def neighbours(*, bucket: BucketRow, key: str) -> Neighbours:
    """Return the nearest keys of the same folder, folders in it passed over.

    After a few jumps over folders, or many keys that are deleted, it gives up: it takes
    four statements at most.
    """
    return Neighbours(_nearest(bucket, key, "-key"), _nearest(bucket, key, "key"))


def _nearest(bucket: BucketRow, key: str, order: str) -> str:
    folder = folder_of(key)
    latest = StoredObject.objects.filter(bucket_id=bucket.id, is_latest=True)
    within = latest.filter(key__gt=folder)
    if (end := prefix_end(folder)) is not None:
        within = within.filter(key__lt=end)
    bound = key
    for _ in range(_LOOKS):
        side = {"key__gt" if order == "key" else "key__lt": bound}
        rows = within.filter(**side).order_by(order)[:_KEYS_A_LOOK]
        found = list(rows.values_list("key", "is_delete_marker"))
        for name, is_marker in found:
            if not is_marker and "/" not in name[len(folder) :]:
                return str(name)
        if len(found) < _KEYS_A_LOOK:
            break
        last = found[-1][0]
        head, slash, _rest = last[len(folder) :].partition("/")
        bound = folder + head + slash
        if order == "key":
            bound = after_prefix(bound) if slash else last
    return ""
