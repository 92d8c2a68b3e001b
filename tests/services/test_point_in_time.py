"""Listings of a bucket as it was, against a simple model of its past."""

from datetime import datetime
from itertools import product
from random import Random

import pytest

from objects_app.errors import NotVersioned
from objects_app.models import Bucket
from objects_app.queries import reads
from objects_app.queries.rows import BucketRow
from objects_app.services import listing
from tests.histories import LONG_AGO, hour, make_history

pytestmark = pytest.mark.django_db

KEYS = ("a", "b/1", "b/2", "b/c/3", "b0", "ba", "z/", "z/é", "z/\U0001f600")
HOURS = 8

Past = dict[str, list[tuple[float, bool]]]


def row(name: str = "test") -> BucketRow:
    found = reads.find_bucket(name)
    assert found is not None
    return found


def make_bucket(past: Past, name: str = "test") -> BucketRow:
    bucket = Bucket.objects.create(
        name=name, versioning="enabled", versioned_since=LONG_AGO
    )
    for key, versions in past.items():
        markers = [n for n, (_, marker) in enumerate(versions) if marker]
        make_history(bucket, key, [time for time, _ in versions], markers=markers)
    return row(name)


def random_past(random: Random) -> Past:
    """Each key has up to five versions, half of the later ones delete markers."""
    return {
        key: [
            (time, number > 0 and random.random() < 0.5)
            for number, time in enumerate(
                sorted(random.sample(range(HOURS), random.randint(1, 5)))
            )
        ]
        for key in KEYS
    }


def model(past: Past, time: float, prefix: str, delimiter: str) -> list[str]:
    """Return keys and common prefixes that were there at that hour, in order."""
    found: list[str] = []
    for key in sorted(past, key=str.encode):
        marker = [marker for begun, marker in past[key] if begun <= time][-1:]
        if marker != [False] or not key.startswith(prefix):
            continue
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        shown = key if end < 0 else key[: end + 1]
        if found[-1:] != [shown]:
            found.append(shown)
    return found


def walk(bucket: BucketRow, at: datetime, *, limit: int, **options: str) -> list[str]:
    """Return all that the pages have, one after the other."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = listing.list_bucket(
            bucket=bucket, at=at, limit=limit, cursor=cursor, **options
        )
        assert len(page.entries) <= limit
        found += [entry.key for entry in page.entries]
        cursor = page.next_cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("seed", range(4))
def test_a_listing_of_a_moment_is_what_the_model_says(seed: int) -> None:
    random = Random(seed)  # noqa: S311 no secret
    past = random_past(random)
    bucket = make_bucket(past)
    for time in (-1, *(number / 2 for number in range(2 * HOURS + 1))):
        limit = random.randint(1, len(KEYS))
        for prefix, delimiter in product(("", "b/", "z/"), ("", "/")):
            found = walk(
                bucket, hour(time), limit=limit, prefix=prefix, delimiter=delimiter
            )
            assert found == model(past, time, prefix, delimiter)


def test_many_keys_below_one_prefix_are_jumped_over_in_the_past_too() -> None:
    past: Past = {f"f{n // 40}/{n:03}": [(0, False), (2, True)] for n in range(400)}
    bucket = make_bucket(past | {"last": [(0, False)]})
    folders = [f"f{n}/" for n in range(10)]
    assert walk(bucket, hour(1), limit=1000, delimiter="/") == [*folders, "last"]
    assert walk(bucket, hour(2), limit=1000, delimiter="/") == ["last"]


def test_a_page_passes_over_no_more_than_so_many_keys_that_came_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listing, "_MOST_LOOKED_AT", 3)
    past: Past = {f"k{number}": [(number % 4, False)] for number in range(10)}
    bucket = make_bucket(past)
    first = listing.list_bucket(bucket=bucket, at=hour(0.5))
    assert [entry.key for entry in first.entries] == ["k0"]
    second = listing.list_bucket(bucket=bucket, at=hour(0.5), cursor=first.next_cursor)
    assert [entry.key for entry in second.entries] == ["k4"]
    assert walk(bucket, hour(0.5), limit=1000) == ["k0", "k4", "k8"]
    assert walk(bucket, hour(-1), limit=1000) == []
    assert walk(bucket, hour(3), limit=2) == list(past)


def test_a_version_is_there_from_its_time_on_and_until_the_next_ones() -> None:
    bucket = make_bucket({"a": [(1, False), (2, False)]})

    def listed(time: float) -> list[str]:
        page = listing.list_bucket(bucket=bucket, at=hour(time))
        return [entry.version_id for entry in page.entries]

    assert listed(0.999) == []
    assert listed(1) == listed(1.999) == ["v0"]
    assert listed(2) == listed(1000) == ["v1"]


def test_a_bucket_without_versions_has_no_past() -> None:
    Bucket.objects.create(name="test")
    with pytest.raises(NotVersioned, match="PATCH /buckets/test"):
        listing.list_bucket(bucket=row(), at=hour(0))
