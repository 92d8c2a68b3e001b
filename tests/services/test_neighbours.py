"""The objects before and after one in its folder."""

import pytest

from objects_app.models import Bucket, StoredObject
from objects_app.queries.rows import BucketRow
from objects_app.services.neighbours import Neighbours, neighbours
from tests.services.store import Store

pytestmark = pytest.mark.django_db


@pytest.fixture
def row() -> BucketRow:
    return Store().bucket()


def fill(bucket: BucketRow, *keys: str, marker: bool = False) -> None:
    StoredObject.objects.bulk_create(
        StoredObject(
            bucket=Bucket.objects.get(pk=bucket.id),
            key=key,
            is_delete_marker=marker,
            sha256="",
            size=0,
            etag="",
            content_type="",
            node_id="node",
        )
        for key in keys
    )


def around(bucket: BucketRow, key: str) -> Neighbours:
    return neighbours(bucket=bucket, key=key)


def test_they_are_those_of_the_same_folder(row: BucketRow) -> None:
    fill(row, "a", "f/1", "f/2", "f/B", "f/a", "f/ä", "f0", "g/1")
    assert around(row, "f/1") == ("", "f/2")
    assert around(row, "f/B") == ("f/2", "f/a")
    assert around(row, "f/ä") == ("f/a", "")
    assert around(row, "a") == ("", "f0")
    assert around(row, "f0") == ("a", "")
    assert around(row, "f/3 is not there") == ("f/2", "f/B")


def test_folders_and_what_is_deleted_are_passed_over(row: BucketRow) -> None:
    folder = [f"f/sub/{number:03}" for number in range(200)]
    fill(row, "f/a", *folder, "f/z")
    fill(row, "f/b", "f/y", marker=True)
    assert around(row, "f/a") == ("", "f/z")
    assert around(row, "f/z") == ("f/a", "")


def test_a_folder_marker_is_no_neighbour(row: BucketRow) -> None:
    fill(row, "f/", "f/a")
    assert around(row, "f/a") == ("", "")
    assert around(row, "f/") == ("", "f/a")


def test_it_gives_up_rather_than_look_at_everything(
    row: BucketRow, django_assert_max_num_queries: object
) -> None:
    fill(row, "a", "z")
    fill(row, *(f"m{number:03}" for number in range(200)), marker=True)
    with django_assert_max_num_queries(4):  # type: ignore[operator]
        assert around(row, "a") == ("", "")
