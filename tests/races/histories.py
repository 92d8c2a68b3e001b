"""A key's versions as rows of `stored_object`: how they are written and read back."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from objects_app.services import uploads
from tests.races.states import (
    CONTENTS,
    DIGESTS,
    PARTS,
    Ref,
    Version,
    Violation,
)

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def text(moment: datetime) -> str:
    """Return a time as SQLite's columns have it."""
    return moment.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")


def object_id(key: int, place: int) -> int:
    """Return the id that the version at that place of a key's history has."""
    return 100 * (key + 1) + place


def version_id(version: Version, place: int) -> str:
    """Return the version id of the version at that place."""
    return "null" if version.null else f"v{place}"


def version_time(place: int) -> datetime:
    """Return the creation time of the version at that place."""
    return datetime(2029, 1, 1, microsecond=place, tzinfo=UTC)


def etag_of(contents: tuple[int, ...]) -> str:
    """Return the ETag of what is made of these contents."""
    return uploads.composite_etag([DIGESTS[content] for content in contents])


_COMPOSED = {
    etag_of(contents): contents
    for count in range(1, PARTS + 1)
    for contents in itertools.product(range(len(CONTENTS)), repeat=count)
}


def check_times(name: str, rows: list[tuple[Any, ...]]) -> None:
    """See that each version lasts until the next, and that the last is the latest.

    `rows` are in the order of their creation times.
    """
    for place, (_, _, is_latest, *_, created, superseded) in enumerate(rows):
        following = rows[place + 1] if place + 1 < len(rows) else None
        if following is not None and created >= following[8]:
            raise Violation(f"two versions of {name} are of one time")
        if superseded != (following[8] if following else None):
            raise Violation(f"a version of {name} does not last until the next")
        if bool(is_latest) != (following is None):
            raise Violation(f"the latest version of {name} is not its last")
    if rows and rows[-1][8] > text(NOW + timedelta(milliseconds=1)):
        raise Violation(f"the version time of {name} is ahead")


def version_of(
    row: tuple[Any, ...],
    segments: list[tuple[int, int, int]],
    numbers: tuple[int, ...],
) -> Version:
    """Return what a row and its segments (offset, size, blob) are; `numbers` are the
    ids of the blobs in order."""
    id_, name, _, is_marker, blob, sha256, size, etag, _, _ = row
    null = name == "null"
    if is_marker:
        if blob or segments or size:
            raise Violation("a delete marker has bytes")
        return Version(null=null)
    if blob is not None:
        if segments:
            raise Violation("an object has a blob and segments")
        return Version(
            (Ref(number_of(blob, numbers), DIGESTS.index(sha256)),), null=null
        )
    contents = _COMPOSED[etag]
    offset = 0
    for content, (start, length, _) in zip(contents, segments, strict=True):
        if (start, length) != (offset, len(CONTENTS[content])):
            raise Violation(f"a segment of object {id_} is not where it should be")
        offset += length
    if offset != size:
        raise Violation(f"object {id_} has {size} bytes, its segments {offset}")
    refs = tuple(
        Ref(number_of(blob, numbers), content)
        for content, (_, _, blob) in zip(contents, segments, strict=True)
    )
    return Version(refs, segmented=True, null=null)


def number_of(blob: int, numbers: tuple[int, ...]) -> int:
    """Return a blob's number, 0 if it has no row."""
    return numbers.index(blob) + 1 if blob in numbers else 0
