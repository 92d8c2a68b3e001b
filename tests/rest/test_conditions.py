"""Conditions in RFC 9110 13.2.2's order, as a table over all four verbs."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime

import pytest
from django.db import connection

from tests.client import Answer, DataPlane
from tests.rest.postgresql import another_connection, wait_until_somebody_waits
from tests.rest.problem import assert_problem

pytestmark = pytest.mark.django_db

PATH = "/buckets/test/objects/a"
BODY = b"present"
VERBS = ("GET", "HEAD", "PUT", "DELETE")

# Conditions on an object that is there -> status of GET, HEAD, PUT, DELETE. {etag} is
# the object's, {same} its Last-Modified, {before} and {after} an hour from it.
PRESENT = [
    ({}, 200, 200, 200, 200),
    # If-Match: strong comparison, any of a list, * for any.
    ({"If-Match": '"{etag}"'}, 200, 200, 200, 200),
    ({"If-Match": '"other"'}, 412, 412, 412, 412),
    ({"If-Match": '"other", "{etag}"'}, 200, 200, 200, 200),
    ({"If-Match": "*"}, 200, 200, 200, 200),
    ({"If-Match": 'W/"{etag}"'}, 412, 412, 412, 412),
    ({"If-Match": '"*"'}, 412, 412, 412, 412),
    # else If-Unmodified-Since; what is no date does not count.
    ({"If-Unmodified-Since": "{same}"}, 200, 200, 200, 200),
    ({"If-Unmodified-Since": "{after}"}, 200, 200, 200, 200),
    ({"If-Unmodified-Since": "{before}"}, 412, 412, 412, 412),
    ({"If-Unmodified-Since": "yesterday"}, 200, 200, 200, 200),
    (
        {"If-Match": '"{etag}"', "If-Unmodified-Since": "{before}"},
        *(200, 200, 200, 200),
    ),
    ({"If-Match": '"other"', "If-Unmodified-Since": "{after}"}, 412, 412, 412, 412),
    # then If-None-Match: weak comparison, * for any.
    ({"If-None-Match": '"{etag}"'}, 304, 304, 412, 412),
    ({"If-None-Match": 'W/"{etag}"'}, 304, 304, 412, 412),
    ({"If-None-Match": '"other"'}, 200, 200, 200, 200),
    ({"If-None-Match": '"other", "{etag}"'}, 304, 304, 412, 412),
    ({"If-None-Match": "*"}, 304, 304, 412, 412),
    # else If-Modified-Since, of GET and HEAD only.
    ({"If-Modified-Since": "{same}"}, 304, 304, 200, 200),
    ({"If-Modified-Since": "{after}"}, 304, 304, 200, 200),
    ({"If-Modified-Since": "{before}"}, 200, 200, 200, 200),
    ({"If-Modified-Since": "yesterday"}, 200, 200, 200, 200),
    ({"If-None-Match": '"other"', "If-Modified-Since": "{same}"}, 200, 200, 200, 200),
    (
        {"If-None-Match": '"{etag}"', "If-Modified-Since": "{before}"},
        304,
        304,
        412,
        412,
    ),
    # If-Match is asked before If-None-Match.
    ({"If-Match": '"{etag}"', "If-None-Match": '"{etag}"'}, 304, 304, 412, 412),
    ({"If-Match": '"other"', "If-None-Match": '"{etag}"'}, 412, 412, 412, 412),
    ({"If-Match": "*", "If-None-Match": "*"}, 304, 304, 412, 412),
    (
        {"If-Unmodified-Since": "{before}", "If-None-Match": '"{etag}"'},
        *(412, 412, 412, 412),
    ),
    # What cannot be understood names no object; on a write it is refused.
    ({"If-Match": "{etag}"}, 412, 412, 400, 400),
    ({"If-None-Match": "{etag}"}, 200, 200, 400, 400),
    ({"If-None-Match": ""}, 200, 200, 400, 400),
]

# Conditions on an object that is not there: only a PUT can fulfil them.
ABSENT = [
    ({}, 404, 404, 201, 404),
    ({"If-Match": '"{etag}"'}, 404, 404, 412, 404),
    ({"If-Match": "*"}, 404, 404, 412, 404),
    ({"If-None-Match": "*"}, 404, 404, 201, 404),
    ({"If-None-Match": '"{etag}"'}, 404, 404, 201, 404),
    ({"If-Unmodified-Since": "{before}"}, 404, 404, 201, 404),
    ({"If-Modified-Since": "{after}"}, 404, 404, 201, 404),
    ({"If-Match": "*", "If-None-Match": "*"}, 404, 404, 412, 404),
    ({"If-Match": "{etag}"}, 404, 404, 400, 400),
]


def _cells(table: list[tuple[dict[str, str], int, int, int, int]]) -> list[object]:
    return [
        pytest.param(verb, conditions, status, id=f"{verb} {conditions}")
        for conditions, *statuses in table
        for verb, status in zip(VERBS, statuses, strict=True)
    ]


def _filled(data_plane: DataPlane, conditions: dict[str, str]) -> dict[str, str]:
    """Fill in the ETag and dates of an object that is put for it."""
    data_plane.put(PATH, BODY)
    told = data_plane.head(PATH).headers
    modified = parsedate_to_datetime(told["Last-Modified"])

    def date(hours: int) -> str:
        return format_datetime(modified + timedelta(hours=hours), usegmt=True)

    return {
        name: value.format(
            etag=told["ETag"].strip('"'), same=date(0), before=date(-1), after=date(1)
        )
        for name, value in conditions.items()
    }


@pytest.mark.parametrize(("verb", "conditions", "status"), _cells(PRESENT))
def test_conditions_on_an_object_that_is_there(
    data_plane: DataPlane, verb: str, conditions: dict[str, str], status: int
) -> None:
    headers = _filled(data_plane, conditions)
    body = b"new" if verb == "PUT" else None
    answer = data_plane.request(verb, PATH, headers=headers, body=body)
    assert answer.status == status
    expected = {"PUT": b"new", "DELETE": None}.get(verb, BODY)
    after = data_plane.get(PATH)
    if status == 200 and expected is None:
        assert after.status == 404
    else:
        assert after.body == (expected if status == 200 else BODY)


@pytest.mark.parametrize(("verb", "conditions", "status"), _cells(ABSENT))
def test_conditions_on_an_object_that_is_not_there(
    data_plane: DataPlane, verb: str, conditions: dict[str, str], status: int
) -> None:
    headers = _filled(data_plane, conditions)
    data_plane.delete(PATH)
    body = b"new" if verb == "PUT" else None
    answer = data_plane.request(verb, PATH, headers=headers, body=body)
    assert answer.status == status
    assert data_plane.get(PATH).status == (200 if status == 201 else 404)


def test_304_carries_what_caches_go_by_and_no_body(data_plane: DataPlane) -> None:
    data_plane.put(PATH, BODY, headers={"Cache-Control": "max-age=60"})
    whole = data_plane.get(PATH)
    cached = data_plane.get(PATH, headers={"If-None-Match": whole.headers["ETag"]})
    assert cached.status == 304
    assert cached.body == b""
    for name in ("ETag", "Last-Modified", "Cache-Control", "X-Request-Id"):
        assert name in cached.headers
    assert "Content-Type" not in cached.headers


def test_412_is_a_problem(data_plane: DataPlane) -> None:
    data_plane.put(PATH, BODY)
    for verb in ("GET", "PUT", "DELETE"):
        answer = data_plane.request(
            verb,
            PATH,
            headers={"If-Match": '"x"'},
            body=b"n" if verb == "PUT" else None,
        )
        assert_problem(answer, 412, "precondition_failed")


def test_a_condition_that_fails_already_spares_the_body(data_plane: DataPlane) -> None:
    class Untouched:
        def read(self, size: int = -1, /) -> bytes:
            raise AssertionError("the body was read")

    data_plane.put(PATH, BODY)
    headers = {"If-None-Match": "*", "Content-Length": "10"}
    assert data_plane.put(PATH, Untouched(), headers=headers).status == 412


def test_a_condition_is_decided_again_in_the_commit(data_plane: DataPlane) -> None:
    class Overtaken:
        """A body in the middle of which somebody else creates the object."""

        def __init__(self) -> None:
            self.rest = b"slow"

        def read(self, size: int = -1, /) -> bytes:
            data, self.rest = self.rest, b""
            if data:
                assert data_plane.put(PATH, b"quick").status == 201
            return data

    headers = {"If-None-Match": "*", "Content-Length": "4"}
    answer = data_plane.put(PATH, Overtaken(), headers=headers)
    assert_problem(answer, 412, "precondition_failed")
    assert data_plane.get(PATH).body == b"quick"


def test_a_failed_condition_makes_no_bucket(data_plane: DataPlane) -> None:
    answer = data_plane.put(PATH, BODY, headers={"If-Match": "*"})
    assert_problem(answer, 412, "precondition_failed")
    assert_problem(data_plane.get("/buckets/test"), 404, "no_such_bucket")


def _overtaken_delete(data_plane: DataPlane, by: str, **conditions: str) -> Answer:
    """Send a DELETE that waits for somebody's change of the row and then goes on."""

    def delete() -> Answer:
        try:
            return data_plane.delete(PATH, headers=conditions)
        finally:
            connection.close()

    data_plane.put(PATH, BODY)
    with another_connection() as other, ThreadPoolExecutor(1) as pool:
        with other.transaction():
            other.execute(by)
            deleting = pool.submit(delete)
            wait_until_somebody_waits()
        return deleting.result()


@pytest.mark.postgresql_only
@pytest.mark.django_db(transaction=True)
def test_a_delete_overtaken_by_an_overwrite_finds_its_condition_failed(
    data_plane: DataPlane,
) -> None:
    etag = data_plane.put(PATH, BODY).headers["ETag"]
    answer = _overtaken_delete(
        data_plane, "UPDATE stored_object SET etag = 'new'", **{"If-Match": etag}
    )
    assert_problem(answer, 412, "precondition_failed")
    assert data_plane.get(PATH).body == BODY


@pytest.mark.postgresql_only
@pytest.mark.django_db(transaction=True)
def test_a_delete_overtaken_by_another_delete_finds_nothing(
    data_plane: DataPlane,
) -> None:
    answer = _overtaken_delete(data_plane, "DELETE FROM stored_object")
    assert_problem(answer, 404, "no_such_key")
