"""Buckets over REST: list, make, describe, delete."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User

from objects_app.models import Bucket, JournalEntry
from objects_app.services import journal
from tests.client import DataPlane
from tests.rest.problem import assert_problem

pytestmark = pytest.mark.django_db

OBJECT = "/buckets/photos/objects/a.txt"


def test_a_new_bucket_is_created_and_described(data_plane: DataPlane) -> None:
    made = data_plane.put("/buckets/photos")
    assert made.status == 201
    assert made.headers["Location"] == "/buckets/photos"
    assert made.json()["name"] == "photos"
    created_at = datetime.fromisoformat(made.json()["created_at"])
    assert abs(datetime.now(UTC) - created_at) < timedelta(minutes=1)
    assert data_plane.get("/buckets/photos").json() == {
        **made.json(),
        "objects": 0,
        "bytes": 0,
        "visibility": "private",
        "quota_objects": None,
        "quota_bytes": None,
    }


def test_making_ones_own_bucket_again_changes_nothing(data_plane: DataPlane) -> None:
    first = data_plane.put("/buckets/photos")
    again = data_plane.put("/buckets/photos")
    assert again.status == 200
    assert again.json() == first.json()
    assert JournalEntry.objects.filter(operation="create_bucket").count() == 1


def test_a_name_that_somebody_else_has_is_taken(
    data_plane: DataPlane, alice: User
) -> None:
    Bucket.objects.create(name="photos", owner=alice)
    assert_problem(data_plane.put("/buckets/photos"), 409, "bucket_taken")


@pytest.mark.parametrize(
    "name",
    [
        "ab",
        "a" * 64,
        "Photos",
        "my_photos",
        "-photos",
        "photos-",
        ".photos",
        "pho..tos",
        "192.168.0.1",
        "xn--photos",
        "sthree-photos",
        "photos-s3alias",
        "photos--ol-s3",
        "ph%20otos",
        "ph%C3%B6tos",
        "ph%FFtos",
        "ph%00tos",
        "photos%0A",
        "%2E%2E",
    ],
)
def test_a_name_against_the_rules_of_s3_is_refused_for_every_verb(
    data_plane: DataPlane, name: str
) -> None:
    for method in ("PUT", "GET", "DELETE"):
        answer = data_plane.request(method, f"/buckets/{name}")
        assert_problem(answer, 400, "invalid_bucket_name")
    answer = data_plane.put(f"/buckets/{name}/objects/a", b"x")
    assert_problem(answer, 400, "invalid_bucket_name")
    answer = data_plane.get(f"/objects?bucket={name}")
    assert answer.status == 400
    assert not Bucket.objects.exists()


@pytest.mark.parametrize("name", ["abc", "a" * 63, "a.b-c", "123", "1.2.3.4.5"])
def test_a_name_within_the_rules_is_accepted(data_plane: DataPlane, name: str) -> None:
    assert data_plane.put(f"/buckets/{name}").status == 201
    assert data_plane.get(f"/buckets/{name}").json()["name"] == name


def test_totals_are_exact_after_every_change_folded_or_not(
    data_plane: DataPlane,
) -> None:
    def totals() -> tuple[int, int]:
        told = data_plane.get("/buckets/photos").json()
        return told["objects"], told["bytes"]

    data_plane.put(OBJECT, b"12345")
    assert totals() == (1, 5)
    data_plane.put(OBJECT, b"123")
    assert totals() == (1, 3)
    journal.fold()
    assert totals() == (1, 3)
    data_plane.put("/buckets/photos/objects/b", b"1234567")
    assert totals() == (2, 10)
    data_plane.delete(OBJECT)
    assert totals() == (1, 7)
    journal.fold()
    data_plane.delete("/buckets/photos/objects/b")
    assert totals() == (0, 0)


def test_the_list_has_the_callers_buckets_by_name(
    data_plane: DataPlane, alice: User
) -> None:
    Bucket.objects.create(name="hers", owner=alice)
    for name in ("zoo", "a.b", "a-b", "abc"):
        data_plane.put(f"/buckets/{name}")
    listed = data_plane.get("/buckets").json()
    assert [bucket["name"] for bucket in listed["buckets"]] == [
        "a-b",
        "a.b",
        "abc",
        "zoo",
    ]
    assert set(listed) == {"buckets"}


def test_an_empty_bucket_is_deleted_without_a_word(data_plane: DataPlane) -> None:
    data_plane.put("/buckets/photos")
    gone = data_plane.delete("/buckets/photos")
    assert gone.status == 204
    assert gone.body == b""
    assert_problem(data_plane.get("/buckets/photos"), 404, "no_such_bucket")
    assert_problem(data_plane.delete("/buckets/photos"), 404, "no_such_bucket")


def test_a_bucket_with_objects_is_kept(data_plane: DataPlane) -> None:
    data_plane.put(OBJECT, b"x")
    assert_problem(data_plane.delete("/buckets/photos"), 409, "bucket_not_empty")
    assert data_plane.get(OBJECT).body == b"x"
    data_plane.delete(OBJECT)
    assert data_plane.delete("/buckets/photos").status == 204


def test_a_bucket_made_anew_starts_from_nothing(data_plane: DataPlane) -> None:
    data_plane.put(OBJECT, b"12345")
    journal.fold()
    data_plane.delete(OBJECT)
    data_plane.delete("/buckets/photos")
    data_plane.put("/buckets/photos")
    told = data_plane.get("/buckets/photos").json()
    assert (told["objects"], told["bytes"]) == (0, 0)


def test_head_says_whether_there_is_such_a_bucket(data_plane: DataPlane) -> None:
    assert data_plane.head("/buckets/photos").status == 404
    data_plane.put("/buckets/photos")
    found = data_plane.head("/buckets/photos")
    assert found.status == 200
    assert int(found.headers["Content-Length"]) > 0


def test_a_misspelt_parameter_is_refused(data_plane: DataPlane) -> None:
    assert_problem(data_plane.get("/buckets?prefix=a"), 400, "invalid_argument")
    assert_problem(data_plane.put("/buckets/photos?owner=me"), 400, "invalid_argument")
    data_plane.put("/buckets/photos")
    answer = data_plane.delete("/buckets/photos?force=1")
    assert_problem(answer, 400, "invalid_argument")
    assert data_plane.get("/buckets/photos").status == 200
