"""Tags and metadata over REST: set by PUT, told by GET, changed by PATCH."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User

from objects_app.models import Bucket
from tests.client import Answer, DataPlane
from tests.rest.problem import assert_problem

pytestmark = pytest.mark.django_db

PATH = "/buckets/test/objects/a"


def put(data_plane: DataPlane, **headers: str) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return data_plane.put(PATH, b"content", headers=sent)


def patch(
    data_plane: DataPlane,
    members: dict[str, Any],
    target: str = PATH,
    **headers: str,
) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps(members).encode()
    return data_plane.request("PATCH", target, body=body, headers=sent)


def described(data_plane: DataPlane) -> dict[str, Any]:
    told: dict[str, Any] = data_plane.get(f"{PATH}?describe=1").json()
    return told


def test_tags_are_set_with_the_upload_and_counted_by_a_get(
    data_plane: DataPlane,
) -> None:
    answer = put(data_plane, X_Object_Tags="a=1&b=%C3%A9+x", X_Object_Meta_Lens="50")
    assert answer.json()["tags"] == {"a": "1", "b": "é x"}
    assert answer.json()["metadata"] == {"lens": "50"}
    for read in (data_plane.get(PATH), data_plane.head(PATH)):
        assert read.headers["X-Object-Tag-Count"] == "2"


def test_no_tags_are_not_counted(data_plane: DataPlane) -> None:
    put(data_plane)
    assert "X-Object-Tag-Count" not in data_plane.get(PATH).headers


def test_an_upload_replaces_the_tags_there_were(data_plane: DataPlane) -> None:
    put(data_plane, X_Object_Tags="a=1")
    put(data_plane, X_Object_Tags="b=2")
    assert described(data_plane)["tags"] == {"b": "2"}


def test_an_upload_with_tags_that_s3_would_not_take_stores_nothing(
    data_plane: DataPlane,
) -> None:
    answer = put(data_plane, X_Object_Tags="a=%21")
    assert_problem(answer, 400, "invalid_tags")
    assert data_plane.get(PATH).status == 404


def test_an_object_is_described_as_json(data_plane: DataPlane) -> None:
    stored = put(
        data_plane,
        Content_Type="text/plain",
        Cache_Control="no-store",
        X_Object_Meta_Lens="50",
        X_Object_Tags="a=1",
    ).json()
    answer = data_plane.get(f"{PATH}?describe=1")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {
        "bucket": "test",
        "key": "a",
        "size": 7,
        "etag": stored["etag"],
        "sha256": stored["sha256"],
        "content_type": "text/plain",
        "headers": {"cache-control": "no-store"},
        "metadata": {"lens": "50"},
        "tags": {"a": "1"},
        "version_id": "null",
        "created_at": stored["created_at"],
        "node_id": "test-node",
        "segments": 1,
    }


def test_a_description_is_asked_for_by_one_word(data_plane: DataPlane) -> None:
    put(data_plane)
    assert data_plane.head(f"{PATH}?describe=1").status == 200
    answer = data_plane.get(f"{PATH}?describe=yes")
    assert_problem(answer, 400, "invalid_argument")


def test_a_change_answers_with_the_new_description_of_the_same_version(
    data_plane: DataPlane,
) -> None:
    put(data_plane, X_Object_Tags="a=1&b=2", X_Object_Meta_Lens="50")
    before = described(data_plane)
    answer = patch(data_plane, {"tags": {"a": None, "c": "3"}, "content_type": "a/b"})
    assert answer.status == 200
    assert answer.json() == described(data_plane)
    assert answer.json() == before | {
        "tags": {"b": "2", "c": "3"},
        "content_type": "a/b",
    }
    read = data_plane.get(PATH)
    assert read.body == b"content"
    assert read.headers["Content-Type"] == "a/b"
    assert read.headers["X-Object-Meta-Lens"] == "50"


def test_conditions_hold_a_change_back(data_plane: DataPlane) -> None:
    etag = put(data_plane).headers["ETag"]
    assert patch(data_plane, {"tags": {"a": "1"}}, If_Match=etag).status == 200
    for condition in (
        {"If_Match": '"other"'},
        {"If_Unmodified_Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
    ):
        answer = patch(data_plane, {"tags": None}, **condition)
        assert_problem(answer, 412, "precondition_failed")
    assert described(data_plane)["tags"] == {"a": "1"}


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"content_type": "x"}, "invalid_argument"),
        ({"size": 3}, "invalid_argument"),
        ({"metadata": {"a": "x" * 3000}}, "invalid_metadata"),
        ({"tags": {"aws:a": "1"}}, "invalid_tags"),
    ],
)
def test_a_change_that_is_refused_changes_nothing(
    data_plane: DataPlane, members: dict[str, Any], code: str
) -> None:
    put(data_plane, X_Object_Tags="a=1")
    before = described(data_plane)
    answer = patch(data_plane, {"headers": {"expires": "0"}} | members)
    assert_problem(answer, 400, code)
    assert described(data_plane) == before


def test_there_must_be_an_object_to_describe(data_plane: DataPlane) -> None:
    data_plane.put("/buckets/test")
    assert_problem(patch(data_plane, {}), 404, "no_such_key")
    assert_problem(data_plane.get(f"{PATH}?describe=1"), 404, "no_such_key")


def test_a_key_in_the_query_is_changed_as_one_in_the_path(
    data_plane: DataPlane,
) -> None:
    put(data_plane)
    target = "/buckets/test/objects?key=a"
    assert patch(data_plane, {"tags": {"b": "2"}}, target).status == 200
    assert described(data_plane)["tags"] == {"b": "2"}
    answer = patch(data_plane, {}, f"{PATH}?key=other")
    assert_problem(answer, 400, "invalid_argument")


def test_an_old_version_is_described_and_changed_when_it_is_named(
    data_plane: DataPlane, alice: User
) -> None:
    data_plane.put("/buckets/test")
    Bucket.objects.update(versioning="enabled")
    old = put(data_plane).json()["version_id"]
    new = put(data_plane).json()["version_id"]
    answer = patch(data_plane, {"tags": {"a": "1"}}, f"{PATH}?version={old}")
    assert (answer.json()["version_id"], answer.json()["tags"]) == (old, {"a": "1"})
    told = data_plane.get(f"{PATH}?describe=1&version={old}").json()
    assert told == answer.json()
    assert (described(data_plane)["version_id"], described(data_plane)["tags"]) == (
        new,
        {},
    )
    for target in (f"{PATH}?version=", f"{PATH}?version=none"):
        assert patch(data_plane, {}, target).status in {400, 404}
