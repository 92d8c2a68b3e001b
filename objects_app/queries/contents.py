"""What objects are made of, many at a time: the same text on both databases."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from objects_app.queries import run
from objects_app.queries.plans import aware
from objects_app.queries.reads import TODAY, View, keys_in
from objects_app.queries.rows import BucketRow, ContentRow, Span
from objects_app.queries.sources import among


def contents(
    *, bucket: BucketRow, span: Span, view: View = TODAY
) -> Iterator[ContentRow]:
    """Yield what the objects of a span of keys are made of, all as of one moment.

    See `run.stream`: read on, or close it, before anything else.
    """
    keys, bounds = keys_in(span)
    return _contents(bucket, keys, bounds, view)


def contents_of_keys(*, bucket: BucketRow, keys: Sequence[str]) -> Iterator[ContentRow]:
    """As `contents`, of these keys; those that are not there are left out."""
    wanted, parameters = among(keys)
    return _contents(bucket, wanted, parameters, TODAY)


def _contents(
    bucket: BucketRow, keys: str, parameters: Mapping[str, Any], view: View
) -> Iterator[ContentRow]:
    shown = view.shown
    rows = run.stream(
        f"SELECT o.id, o.key, {shown}.size, {shown}.created_at, {shown}.metadata,"
        f" coalesce(b.sha256, {shown}.sha256) FROM stored_object o {view.join}"
        f" LEFT JOIN segment s ON {shown}.blob_id IS NULL AND s.object_id = {shown}.id"
        " LEFT JOIN blob b ON b.id = s.blob_id"
        f" WHERE o.bucket_id = %(bucket_id)s AND {view.visible} AND {keys}"
        " ORDER BY o.key, s.number",
        {"bucket_id": bucket.id, **parameters, **view.parameters},
    )
    for _, parts in groupby(rows, itemgetter(0)):
        (_, key, size, created_at, metadata, digest), *more = parts
        mtime = json.loads(metadata).get("mtime") if metadata != "{}" else None
        digests = (digest, *(part[-1] for part in more))
        yield ContentRow(key, size, aware(created_at), mtime, digests)
