"""Keys with a past, written straight into the tables, with times of the test's own."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from objects_app.models import Blob, Bucket, StoredObject
from objects_app.queries import sql
from tests.blobs.bodies import digest

START = datetime(2026, 1, 1, tzinfo=UTC)
LONG_AGO = datetime(2000, 1, 1, microsecond=7, tzinfo=UTC)


def hour(number: float) -> datetime:
    """Return a moment of the tests' own time.

    Never a whole second: of those the ORM writes no decimals on SQLite, by which text
    sorts, and which the store itself always writes.
    """
    return START + timedelta(hours=number, microseconds=7)


def passed_moment() -> datetime:
    """Return a moment after all that was done, and before all that will be."""
    moment = sql.clock()
    while sql.clock() == moment:
        pass
    return moment


def make_history(
    bucket: Bucket, key: str, times: Sequence[float], *, markers: Iterable[int] = ()
) -> list[str]:
    """Give a key one version at each of these hours, in order, some of them delete
    markers; return their ids. Each has its number as content, which is not stored."""
    moments = [hour(time) for time in times]
    ends: list[datetime | None] = [*moments[1:], None]
    ids = [f"v{number}" for number in range(len(times))]
    rows = []
    for number, (moment, end) in enumerate(zip(moments, ends, strict=True)):
        marker = number in set(markers)
        sha256 = digest(str(number).encode())
        blob = None
        if not marker:
            blob, _ = Blob.objects.get_or_create(
                sha256=sha256, defaults={"size": 1, "verified_at": moment}
            )
        rows.append(
            StoredObject(
                bucket=bucket,
                key=key,
                version_id=ids[number],
                is_latest=end is None,
                is_delete_marker=marker,
                blob=blob,
                sha256="" if marker else sha256,
                size=0 if marker else 1,
                etag="" if marker else sha256,
                content_type="" if marker else "text/plain",
                node_id="node",
                created_at=moment,
                superseded_at=end,
            )
        )
    StoredObject.objects.bulk_create(rows)
    return ids
