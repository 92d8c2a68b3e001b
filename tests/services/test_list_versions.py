"""The listing of versions, against a simple model."""

from collections.abc import Iterator
from itertools import product
from random import Random

import pytest

from objects_app.errors import InvalidArgument
from objects_app.models import Bucket, StoredObject
from objects_app.queries.rows import BucketRow
from objects_app.services import listing, versions
from tests.histories import make_history
from tests.services.test_point_in_time import Past, make_bucket, random_past

pytestmark = pytest.mark.django_db

Line = tuple[str, str, bool, bool]


def model(past: Past, prefix: str, delimiter: str) -> list[Line]:
    """Return (key, version, is latest, is a marker) by key, the newest first."""
    found: list[Line] = []
    for key in sorted(past, key=str.encode):
        if not key.startswith(prefix):
            continue
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        if end >= 0:
            folder = (key[: end + 1], "", False, False)
            found += [] if found[-1:] == [folder] else [folder]
            continue
        last = len(past[key]) - 1
        found += [
            (key, f"v{number}", number == last, past[key][number][1])
            for number in range(last, -1, -1)
        ]
    return found


def walk(bucket: BucketRow, *, limit: int, **options: str) -> list[Line]:
    """Return all that the pages have, one after the other."""
    found: list[Line] = []
    cursor: str | None = None
    while True:
        page = versions.list_versions(
            bucket=bucket, limit=limit, cursor=cursor, **options
        )
        assert len(page.entries) <= limit
        found += [
            (v.entry.key, v.entry.version_id, v.is_latest, v.is_delete_marker)
            for v in page.entries
        ]
        cursor = page.next_cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("seed", range(4))
def test_versions_are_listed_as_the_model_says(seed: int) -> None:
    past = random_past(Random(seed))  # noqa: S311 no secret
    bucket = make_bucket(past)
    for limit in (1, 2, 3, 5, 1000):
        for prefix, delimiter in product(("", "b/", "z/"), ("", "/")):
            found = walk(bucket, limit=limit, prefix=prefix, delimiter=delimiter)
            assert found == model(past, prefix, delimiter)


def test_folders_of_many_versions_cost_few_statements(
    django_assert_max_num_queries: pytest.FixtureRequest,
) -> None:
    past: Past = {f"f{n // 40}/{n:03}": [(0, False), (2, True)] for n in range(400)}
    bucket = make_bucket(past | {"last": [(0, False)]})
    with django_assert_max_num_queries(3):  # type: ignore[operator]  # a function
        found = walk(bucket, limit=1000, delimiter="/")
    assert [line[0] for line in found] == [*(f"f{n}/" for n in range(10)), "last"]


def test_a_page_goes_on_below_a_version_that_is_gone_meanwhile() -> None:
    bucket = make_bucket({"a": [(0, False), (1, False), (2, False)]})
    page = versions.list_versions(bucket=bucket, limit=2)
    StoredObject.objects.filter(version_id="v1").delete()
    rest = versions.list_versions(bucket=bucket, cursor=page.next_cursor)
    assert [v.entry.version_id for v in rest.entries] == ["v0"]


def test_new_versions_do_not_come_twice_in_the_pages_that_follow() -> None:
    bucket = make_bucket({"a": [(0, False), (1, False)], "b": [(0, False)]})
    page = versions.list_versions(bucket=bucket, limit=1)
    StoredObject.objects.filter(key="a").delete()
    make_history(Bucket.objects.get(), "a", [0, 1, 5, 6])
    rest = versions.list_versions(bucket=bucket, cursor=page.next_cursor)
    found = [(v.entry.key, v.entry.version_id) for v in rest.entries]
    assert found == [("a", "v0"), ("b", "v0")]


def test_a_cursor_of_another_bucket_or_listing_is_refused() -> None:
    one = make_bucket({"a": [(0, False), (1, False)]}, "one")
    two = make_bucket({}, "two")
    cursor = versions.list_versions(bucket=one, limit=1).next_cursor
    assert cursor is not None
    with pytest.raises(InvalidArgument, match="another bucket"):
        versions.list_versions(bucket=two, cursor=cursor)
    with pytest.raises(InvalidArgument, match="not one of ours"):
        listing.list_bucket(bucket=one, cursor=cursor)
    for foreign in ("WyJvbmUiLCJhIiwieCJd", "WyJvbmUiLCJhIiwiMjAyNiJd", "!", "e30"):
        with pytest.raises(InvalidArgument, match="not one of ours"):
            versions.list_versions(bucket=one, cursor=foreign)


def versions_of(bucket: BucketRow, key: str) -> Iterator[str]:
    cursor: str | None = None
    while True:
        page = versions.list_versions_of(bucket=bucket, key=key, cursor=cursor, limit=2)
        yield from (version.entry.version_id for version in page.entries)
        if (cursor := page.next_cursor) is None:
            return


def test_the_versions_of_one_key_are_those_and_no_others() -> None:
    past = random_past(Random(5))  # noqa: S311 no secret
    bucket = make_bucket(past)
    for key in past:
        expected = [line[1] for line in model(past, key, "") if line[0] == key]
        assert list(versions_of(bucket, key)) == expected


def test_a_cursor_of_another_key_is_refused() -> None:
    past = random_past(Random(5))  # noqa: S311 no secret
    bucket = make_bucket(past)
    everything = versions.list_versions(bucket=bucket, limit=1)
    assert everything.next_cursor is not None
    with pytest.raises(InvalidArgument, match="another key"):
        versions.list_versions_of(
            bucket=bucket, key="no key", cursor=everything.next_cursor
        )
