"""Resumable uploads of people with fewer rights: an id alone opens nothing."""

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from objects_app.models import Bucket, Grant, Role, Upload
from tests.access.people import (
    Caller,
    grant,
    make_key,
    session,
    with_csrf,
    with_key,
    with_url,
)
from tests.client import Answer, DataPlane
from tests.rest.problem import assert_problem
from tests.rest.tus_client import BYTES, VERSION, pairs

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]

CREATION = {
    **VERSION,
    "Upload-Length": "9",
    "Upload-Metadata": pairs(bucket="photos", key="in/a"),
}
PATCH = {**VERSION, "Upload-Offset": "0", "Content-Type": BYTES}
OVERRIDE = {"X-HTTP-Method-Override": "PATCH"}


@pytest.fixture
def owner(alice: User) -> Caller:
    """The owner of the bucket."""
    Bucket.objects.create(name="photos", owner=alice)
    return with_key(make_key(alice))


@pytest.fixture
def path(data_plane: DataPlane, owner: Caller) -> str:
    """The path of an upload of the owner's."""
    answer = owner.ask(data_plane, "POST", "/tus/", headers=CREATION)
    assert answer.status == 201, answer.body
    return answer.headers["Location"]


def test_an_upload_may_be_finished_by_another_who_may_write_the_key(
    data_plane: DataPlane, path: str, bob: User
) -> None:
    grant(bob, Role.WRITER, "in/")
    other = with_key(make_key(bob))

    sent = other.ask(data_plane, "PATCH", path, body=b"resumable", headers=PATCH)

    assert sent.status == 204


def test_who_may_no_longer_write_the_key_cannot_go_on(
    data_plane: DataPlane, owner: Caller, bob: User
) -> None:
    grant(bob, Role.WRITER)
    other = with_key(make_key(bob))
    begun = other.ask(data_plane, "POST", "/tus/", headers=CREATION)
    Grant.objects.update(role=Role.READER)

    for method in ("PATCH", "DELETE"):
        answer = other.ask(data_plane, method, begun.headers["Location"], headers=PATCH)
        assert_problem(answer, 404, "no_such_upload")


def test_a_key_for_another_prefix_neither_begins_nor_goes_on(
    data_plane: DataPlane, path: str, alice: User
) -> None:
    limited = with_key(make_key(alice, only_bucket="photos", only_prefix="out/"))

    begun = limited.ask(data_plane, "POST", "/tus/", headers=CREATION)
    sent = limited.ask(data_plane, "PATCH", path, body=b"x", headers=PATCH)

    assert_problem(begun, 404, "no_such_bucket")
    assert_problem(sent, 404, "no_such_upload")


def override(data_plane: DataPlane, caller: Caller, path: str, method: str) -> Answer:
    headers = {**PATCH, "X-HTTP-Method-Override": method}
    return caller.ask(data_plane, "POST", path, body=b"x", headers=headers)


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_post_is_authorised_as_what_it_stands_for(
    data_plane: DataPlane, path: str, alice: User, method: str
) -> None:
    reading = with_key(make_key(alice, read_only=True))

    for caller in (reading, Caller()):
        assert override(data_plane, caller, path, method).status in {401, 404}
    assert Upload.objects.get().received == 0


def test_a_session_needs_its_csrf_token_whatever_the_method_is_called(
    data_plane: DataPlane, path: str, alice: User
) -> None:
    browser = session(alice)

    answer = override(data_plane, browser, path, "PATCH")

    assert_problem(answer, 403, "csrf_required")
    assert override(data_plane, with_csrf(browser), path, "PATCH").status == 204


def test_a_page_of_another_origin_cannot_hide_behind_a_post(
    data_plane: DataPlane, owner: Caller, path: str
) -> None:
    answer = owner.ask(
        data_plane,
        "POST",
        path,
        body=b"x",
        headers={**PATCH, **OVERRIDE, "Origin": "https://evil.example"},
    )
    assert_problem(answer, 403, "foreign_origin")


def test_a_presigned_url_does_not_become_another_request(
    data_plane: DataPlane, owner: Caller, alice: User
) -> None:
    target = "/buckets/photos/objects/in/a"
    put = owner.ask(data_plane, "PUT", target, body=b"before")
    assert put.status == 201
    url = with_url(alice, target, method="DELETE")

    answer = override(data_plane, url, target, "DELETE")

    assert_problem(answer, 400, "invalid_argument")
    assert owner.ask(data_plane, "GET", target).body == b"before"


def test_pages_of_allowed_origins_see_what_tus_needs(
    data_plane: DataPlane, owner: Caller, settings: Settings
) -> None:
    origin = "https://app.example.com"
    settings.CORS_ALLOWED_ORIGINS = [origin]

    answer = owner.ask(
        data_plane, "POST", "/tus/", headers={**CREATION, "Origin": origin}
    )

    exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
    needed = {"Location", "Tus-Resumable", "Upload-Offset", "Upload-Length"}
    assert needed <= set(exposed)
