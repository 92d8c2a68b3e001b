"""JSON that is none, or not what was asked for: 400 in a sentence, nothing changed."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from objects_app.http.json_bodies import MOST_BYTES
from objects_app.models import AccessKey, Bucket, Grant, JournalEntry
from tests.access.people import Caller, make_key, make_user, with_key, with_token
from tests.client import DataPlane
from tests.rest.problem import assert_problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]


class Endpoint(NamedTuple):
    """A request with a JSON body that is taken."""

    method: str
    path: str
    body: dict[str, Any]
    status: int


ENDPOINTS = [
    Endpoint("POST", "/auth/keys", {"label": "mine"}, 201),
    Endpoint("POST", "/auth/token", {}, 200),
    Endpoint("POST", "/presign", {"bucket": "photos", "key": "a"}, 200),
    Endpoint("PUT", "/buckets/photos/grants", {"user": "bob", "role": "reader"}, 200),
    Endpoint("PATCH", "/buckets/photos", {"visibility": "public-read"}, 200),
]
BODIES = [
    b"{",
    b"[]",
    b"null",
    b"1",
    b'"text"',
    b"label=mine",
    b"\xff\xfe",
    b"{}{}",
    b"\xef\xbb\xbf{}",
    b"[" * 60_000,
    b'{"label":' * 6_000,
    b'{"unknown": 1}',
    b'{"": 1}',
    b'{"\\ud800": 1}',
    b'{"__proto__": {}}',
    b'{"self": 1, "model_config": {}}',
    b'{"label": NaN}',
    "{}".encode("utf-16"),
]


@pytest.fixture
def callers() -> dict[str, Caller]:
    """Olga, by path: keys are made by persons, tokens for keys."""
    olga = make_user("olga")
    make_user("bob")
    Bucket.objects.create(name="photos", owner=olga)
    person, key = with_token(olga), with_key(make_key(olga))
    return {e.path: person if e.path == "/auth/keys" else key for e in ENDPOINTS}


def rows() -> list[object]:
    tables = (AccessKey, Bucket, Grant, JournalEntry)
    return [list(table.objects.order_by("pk").values()) for table in tables]


@pytest.fixture
def nothing_changes(callers: dict[str, Caller]) -> Iterator[None]:
    before = rows()
    yield
    assert rows() == before


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.usefixtures("nothing_changes")
def test_what_is_no_json_object_of_the_kind_is_refused(
    data_plane: DataPlane, callers: dict[str, Caller], endpoint: Endpoint
) -> None:
    for body in BODIES:
        caller = callers[endpoint.path]
        answer = caller.ask(data_plane, endpoint.method, endpoint.path, body=body)
        told = assert_problem(answer, 400, "invalid_argument")
        assert len(told["detail"]) < 300


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.usefixtures("nothing_changes")
def test_a_long_name_of_a_member_is_not_sent_back_whole(
    data_plane: DataPlane, callers: dict[str, Caller], endpoint: Endpoint
) -> None:
    body = json.dumps({"x" * 60_000: 1}).encode()
    caller = callers[endpoint.path]
    answer = caller.ask(data_plane, endpoint.method, endpoint.path, body=body)
    assert len(assert_problem(answer, 400, "invalid_argument")["detail"]) < 300


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.usefixtures("nothing_changes")
def test_more_than_64_kib_is_refused(
    data_plane: DataPlane,
    callers: dict[str, Caller],
    endpoint: Endpoint,
    chunked: bool,
) -> None:
    text = json.dumps(endpoint.body).encode()
    answer = data_plane.request(
        endpoint.method,
        endpoint.path,
        body=text.ljust(MOST_BYTES + 1),
        headers=callers[endpoint.path].headers,
        chunked=chunked,
    )
    assert_problem(answer, 413, "body_too_large")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("chunked", [False, True])
def test_64_kib_are_taken_whatever_the_content_type_says(
    data_plane: DataPlane,
    callers: dict[str, Caller],
    endpoint: Endpoint,
    chunked: bool,
) -> None:
    text = json.dumps(endpoint.body).encode()
    headers = {**callers[endpoint.path].headers, "Content-Type": "text/plain"}
    answer = data_plane.request(
        endpoint.method,
        endpoint.path,
        body=text.ljust(MOST_BYTES),
        headers=headers,
        chunked=chunked,
    )
    assert answer.status == endpoint.status, answer.body


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.usefixtures("nothing_changes")
def test_a_body_that_breaks_off_is_refused(
    data_plane: DataPlane, callers: dict[str, Caller], endpoint: Endpoint
) -> None:
    text = json.dumps(endpoint.body).encode()
    for length, code in (
        (str(len(text) + 1), "incomplete_body"),
        ("-1", "invalid_argument"),
        ("x", "invalid_argument"),
    ):
        headers = {**callers[endpoint.path].headers, "Content-Length": length}
        answer = data_plane.request(
            endpoint.method, endpoint.path, body=text, headers=headers
        )
        assert_problem(answer, 400, code)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.usefixtures("nothing_changes")
def test_a_parameter_in_the_query_is_refused(
    data_plane: DataPlane, callers: dict[str, Caller], endpoint: Endpoint
) -> None:
    caller = callers[endpoint.path]
    target = f"{endpoint.path}?user=bob"
    answer = caller.tell(data_plane, endpoint.method, target, **endpoint.body)
    assert_problem(answer, 400, "invalid_argument")
