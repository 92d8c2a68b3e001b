"""POST /batch: all or nothing."""

import json
from typing import Any

import pytest

from objects_app.access import policy
from objects_app.models import Bucket, Role, StoredObject
from objects_app.services import operations
from tests.access.people import grant, make_key, make_user, with_key
from tests.client import Answer, DataPlane
from tests.rest.problem import assert_problem

pytestmark = pytest.mark.django_db


def place(key: str, bucket: str = "test") -> dict[str, str]:
    return {"bucket": bucket, "key": key}


def copy(source: str, target: str, **members: Any) -> dict[str, Any]:
    return {"op": "copy", "from": place(source), "to": place(target), **members}


def move(source: str, target: str) -> dict[str, Any]:
    return {"op": "move", "from": place(source), "to": place(target)}


def delete(key: str, **members: Any) -> dict[str, Any]:
    return {"op": "delete", **place(key), **members}


def describe(key: str, **description: Any) -> dict[str, Any]:
    return {"op": "set", **place(key), "description": description}


def post(data_plane: DataPlane, *wanted: dict[str, Any]) -> Answer:
    body = json.dumps({"operations": wanted}).encode()
    return data_plane.request("POST", "/batch", body=body)


def contents(data_plane: DataPlane) -> dict[str, bytes]:
    page = data_plane.get("/objects?bucket=test").json()
    return {
        entry["key"]: data_plane.get(f"/buckets/test/objects/{entry['key']}").body
        for entry in page["objects"]
    }


@pytest.fixture(autouse=True)
def stored(data_plane: DataPlane) -> None:
    for key in ("a", "b", "c", "d"):
        data_plane.put(f"/buckets/test/objects/{key}", key.encode())


def test_every_operation_has_its_result(data_plane: DataPlane) -> None:
    answer = post(
        data_plane,
        copy("a", "copied"),
        move("b", "moved"),
        delete("c"),
        describe("d", tags={"team": "red"}, content_type="image/png"),
    )

    assert answer.status == 200
    told = answer.json()["operations"]
    assert [one["op"] for one in told] == ["copy", "move", "delete", "set"]
    assert [one["key"] for one in told] == ["copied", "moved", "c", "d"]
    assert [one.get("replaced") for one in told] == [False, False, None, None]
    assert {one["version_id"] for one in told} == {"null"}
    assert contents(data_plane) == {
        "a": b"a",
        "copied": b"a",
        "d": b"d",
        "moved": b"b",
    }
    assert StoredObject.objects.get(key="d").tags == {"team": "red"}
    assert data_plane.head("/buckets/test/objects/d").headers["Content-Type"] == (
        "image/png"
    )


def test_what_cannot_be_done_is_told_by_operation_and_nothing_changes(
    data_plane: DataPlane,
) -> None:
    before = contents(data_plane)
    answer = post(
        data_plane,
        copy("a", "copied"),
        delete("none"),
        delete("b", if_match="another"),
        move("c", "moved"),
    )
    assert_problem(answer, 409, "batch_refused", "operations")
    told = answer.json()["operations"]
    assert [(one["index"], one["code"]) for one in told] == [
        (1, "no_such_key"),
        (2, "precondition_failed"),
    ]
    assert all(one["detail"] for one in told)
    assert contents(data_plane) == before


def test_sources_that_are_missing_are_told_by_operation(
    data_plane: DataPlane,
) -> None:
    answer = post(data_plane, copy("a", "x"), copy("none", "y"), move("nope", "z"))
    assert_problem(answer, 409, "batch_refused", "operations")
    told = [(one["index"], one["code"]) for one in answer.json()["operations"]]
    assert told == [(1, "no_such_key"), (2, "no_such_key")]


def test_a_key_named_twice_is_an_error(data_plane: DataPlane) -> None:
    before = contents(data_plane)
    answer = post(data_plane, copy("a", "x"), delete("x"))
    assert_problem(answer, 400, "key_named_twice")
    assert contents(data_plane) == before


@pytest.mark.parametrize(
    "wanted",
    [
        [],
        [{}],
        [{"op": "put", **place("a")}],
        [{"op": "delete", "bucket": "test"}],
        [{"op": "delete", "bucket": "test", "prefix": ""}],
        [{"op": "set", **place("a")}],
        [{"op": "set", **place("a"), "description": {"etag": "x"}}],
        [{**move("a", "b"), "from": {**place("a"), "version": "null"}}],
        [delete("a", if_match='"')],
        [{"op": "delete", **place("a")}] * (operations.MOST_OPERATIONS + 1),
    ],
)
def test_a_batch_that_cannot_be_understood_is_an_error(
    data_plane: DataPlane, wanted: list[dict[str, Any]]
) -> None:
    answer = post(data_plane, *wanted)
    assert_problem(answer, 400, "invalid_argument")
    assert set(contents(data_plane)) == {"a", "b", "c", "d"}


def test_an_operation_that_is_wrong_is_named(data_plane: DataPlane) -> None:
    answer = post(data_plane, delete("a"), delete("x" * 1025))
    assert_problem(answer, 400, "invalid_key")
    assert answer.json()["detail"].startswith("operations.1: ")


def test_a_batch_as_long_as_may_be_fits_into_the_body(data_plane: DataPlane) -> None:
    long = "\U0001f5c4" * 256
    many = [copy("a", f"{n:04}{long[1:]}") for n in range(operations.MOST_OPERATIONS)]
    assert post(data_plane, *many).status == 200


def test_the_first_key_that_may_not_be_written_ends_it(
    data_plane: DataPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    paul = make_user("paul")
    Bucket.objects.update(owner=make_user("olga"))
    grant(paul, Role.WRITER, "in/", bucket="test")
    grant(paul, Role.READER, "", bucket="test")
    caller = with_key(make_key(paul))

    def ask(*wanted: dict[str, Any]) -> Answer:
        return caller.tell(data_plane, "POST", "/batch", operations=list(wanted))

    refused = ask(copy("a", "in/a"), delete("b"), delete("none"))
    assert_problem(refused, 403, "access_denied")
    assert refused.json()["detail"].startswith("operations.1: ")
    assert "operations" not in refused.json()
    assert ask(copy("a", "in/a"), copy("b", "in/b")).status == 200
    assert_problem(ask(move("a", "in/c")), 403, "access_denied")


def test_who_may_write_the_whole_bucket_is_asked_once_for_it(
    data_plane: DataPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = policy.bucket_for

    def counted(*given: Any, **named: Any) -> Any:
        asked.append(given[1])
        return real(*given, **named)

    monkeypatch.setattr(policy, "bucket_for", counted)
    assert post(data_plane, *(copy("a", f"x{n}") for n in range(50))).status == 200
    assert asked == ["test", "test"]
