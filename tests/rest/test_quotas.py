"""What a caller is told whose upload would exceed a quota."""

import pytest
from django.contrib.auth.models import User

from objects_app.models import Bucket
from objects_app.services import quotas
from tests.access.people import BY, make_key, with_key
from tests.client import DataPlane
from tests.rest.problem import assert_problem

pytestmark = pytest.mark.django_db


class Unread:
    """A body that nobody may read."""

    def read(self, size: int, /) -> bytes:
        raise AssertionError("the body was read")


@pytest.fixture
def limited(data_plane: DataPlane) -> None:
    """A bucket with 7 of 10 bytes in it."""
    data_plane.put("/buckets/photos/objects/a", b"content")
    Bucket.objects.update(quota_bytes=10)


@pytest.mark.usefixtures("limited")
def test_an_upload_that_does_not_fit_is_507_with_the_numbers(
    data_plane: DataPlane,
) -> None:
    answer = data_plane.put("/buckets/photos/objects/b", b"more")
    told = assert_problem(answer, 507, "quota_exceeded")
    assert told["detail"].startswith(
        "Bucket photos holds 7 of 10 bytes, and this would add 4"
    )
    assert data_plane.get("/buckets/photos/objects/b").status == 404


@pytest.mark.usefixtures("limited")
def test_it_is_refused_before_its_body_when_the_length_is_declared(
    data_plane: DataPlane,
) -> None:
    answer = data_plane.put(
        "/buckets/photos/objects/b", Unread(), headers={"Content-Length": "4"}
    )
    assert_problem(answer, 507, "quota_exceeded")


@pytest.mark.usefixtures("limited")
def test_without_a_declared_length_it_is_refused_after_its_body(
    data_plane: DataPlane,
) -> None:
    answer = data_plane.put("/buckets/photos/objects/b", b"more", chunked=True)
    assert_problem(answer, 507, "quota_exceeded")
    assert data_plane.put("/buckets/photos/objects/b", b"few", chunked=True).status == (
        201
    )


@pytest.mark.usefixtures("limited")
def test_a_condition_is_looked_at_before_the_quota(data_plane: DataPlane) -> None:
    answer = data_plane.put(
        "/buckets/photos/objects/a", b"much too much", headers={"If-None-Match": "*"}
    )
    assert_problem(answer, 412, "precondition_failed")


@pytest.mark.parametrize("target", ["/buckets/another", "/buckets/another/objects/a"])
def test_one_bucket_too_many_is_403_with_the_numbers(
    data_plane: DataPlane, alice: User, target: str
) -> None:
    alice.is_superuser = True
    alice.save()
    quotas.change_allowance(user_id=alice.pk, changes={"buckets": 1}, by=BY)
    caller = with_key(make_key(alice))
    assert caller.ask(data_plane, "PUT", "/buckets/first", body=b"").status == 201

    answer = caller.ask(data_plane, "PUT", target, body=b"")

    told = assert_problem(answer, 403, "too_many_buckets")
    assert told["detail"].startswith("You own 1 buckets and may own 1")
    assert caller.ask(data_plane, "PUT", "/buckets/first", body=b"").status == 200
