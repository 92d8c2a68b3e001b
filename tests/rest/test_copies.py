"""POST /copy, /move and /delete."""

import json
from typing import Any

import pytest

from objects_app.models import Blob, Bucket, Job, StoredObject
from objects_app.services import prefixes
from tests.client import Answer, DataPlane
from tests.rest.problem import assert_problem

pytestmark = pytest.mark.django_db

FROM = {"bucket": "test", "key": "a"}
TO = {"bucket": "test", "key": "b"}
OLD = {"bucket": "test", "prefix": "old/"}
NEW = {"bucket": "test", "prefix": "new/"}


@pytest.fixture(autouse=True)
def stored(data_plane: DataPlane) -> Answer:
    headers = {"Content-Type": "text/plain", "X-Object-Meta-By": "Ada"}
    for key in ("old/1", "old/2"):
        data_plane.put(f"/buckets/test/objects/{key}", key.encode())
    return data_plane.put("/buckets/test/objects/a", b"content", headers=headers)


def post(data_plane: DataPlane, path: str, **members: Any) -> Answer:
    members = {name.rstrip("_"): value for name, value in members.items()}
    return data_plane.request("POST", path, body=json.dumps(members).encode())


def keys(data_plane: DataPlane) -> list[str]:
    page = data_plane.get("/objects?bucket=test").json()
    return [entry["key"] for entry in page["objects"]]


def test_a_copy_answers_as_the_put_of_the_same_bytes_would(
    data_plane: DataPlane, stored: Answer
) -> None:
    answer = post(data_plane, "/copy", from_=FROM, to=TO)
    assert answer.status == 201
    told = answer.json()
    put = stored.json()
    assert told == {
        "bucket": "test",
        "key": "b",
        "version_id": "null",
        "created_at": told["created_at"],
        "replaced": False,
        **{name: put[name] for name in ("size", "etag", "sha256")},
    }
    got = data_plane.get("/buckets/test/objects/b")
    assert got.body == b"content"
    assert got.headers["X-Object-Meta-by"] == "Ada"
    assert Blob.objects.count() == 3
    assert post(data_plane, "/copy", from_=FROM, to=TO).status == 200


def test_replace_takes_the_description_that_is_sent(data_plane: DataPlane) -> None:
    answer = post(
        data_plane,
        "/copy",
        from_=FROM,
        to=TO,
        metadata="replace",
        description={
            "content_type": "image/png",
            "headers": {"Cache-Control": "no-store"},
            "metadata": {"By": "Bob"},
            "tags": {"team": "red"},
        },
    )
    assert answer.status == 201
    headers = data_plane.head("/buckets/test/objects/b").headers
    assert headers["Content-Type"] == "image/png"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Object-Meta-by"] == "Bob"
    assert StoredObject.objects.get(key="b").tags == {"team": "red"}


def test_replace_keeps_nothing_but_the_content_type(data_plane: DataPlane) -> None:
    assert post(data_plane, "/copy", from_=FROM, to=TO, metadata="replace").status
    headers = data_plane.head("/buckets/test/objects/b").headers
    assert headers["Content-Type"] == "text/plain"
    assert "X-Object-Meta-by" not in headers


@pytest.mark.parametrize(
    ("description", "code"),
    [
        ({"content_type": "nonsense"}, "invalid_argument"),
        ({"headers": {"set-cookie": "a=b"}}, "invalid_argument"),
        ({"headers": {"cache-control": "a\nb"}}, "invalid_argument"),
        ({"metadata": {"ü": "b"}}, "invalid_metadata"),
        ({"metadata": {"a": "\ud800"}}, "invalid_argument"),
        ({"metadata": {"a": "b\0"}}, "invalid_argument"),
        ({"metadata": {"a": "x" * 3000}}, "invalid_metadata"),
        ({"tags": {"": "b"}}, "invalid_tags"),
        ({"tags": {"t" * 129: "b"}}, "invalid_tags"),
        ({"tags": {"a": "x" * 257}}, "invalid_tags"),
        ({"tags": {"a": "\0"}}, "invalid_argument"),
        ({"tags": {str(n): "" for n in range(11)}}, "invalid_tags"),
        ({"tags": {"a": 1}}, "invalid_argument"),
        ({"colour": "red"}, "invalid_argument"),
    ],
)
def test_a_description_that_cannot_be_changes_nothing(
    data_plane: DataPlane, description: dict[str, Any], code: str
) -> None:
    answer = post(
        data_plane,
        "/copy",
        from_=FROM,
        to=TO,
        metadata="replace",
        description=description,
    )
    assert_problem(answer, 400, code)
    assert keys(data_plane) == ["a", "old/1", "old/2"]


def test_a_description_without_replace_is_an_error(data_plane: DataPlane) -> None:
    answer = post(data_plane, "/copy", from_=FROM, to=TO, description={})
    assert_problem(answer, 400, "invalid_argument")


def test_a_version_is_copied_by_its_id(data_plane: DataPlane) -> None:
    Bucket.objects.update(versioning="enabled")
    first = data_plane.put("/buckets/test/objects/v", b"first").json()["version_id"]
    data_plane.put("/buckets/test/objects/v", b"second")
    source = {"bucket": "test", "key": "v"}
    answer = post(data_plane, "/copy", from_={**source, "version": first}, to=source)
    assert answer.status == 200
    assert answer.json()["version_id"] not in {"null", first}
    assert data_plane.get("/buckets/test/objects/v").body == b"first"


def test_conditions_are_the_headers_names_in_json(
    data_plane: DataPlane, stored: Answer
) -> None:
    etag = stored.json()["etag"]
    data_plane.put("/buckets/test/objects/b", b"present")
    then, later = "2000-01-01T00:00:00Z", "2100-01-01T00:00:00+02:00"
    for condition, value, status in (
        ("if_none_match", "*", 412),
        ("if_match", etag, 412),
        ("if_match", "*", 200),
        ("if_unmodified_since", then, 412),
        ("if_unmodified_since", later, 200),
        ("source_if_match", etag, 200),
        ("source_if_match", f'"{etag}"', 200),
        ("source_if_match", f'"x", "{etag}"', 200),
        ("source_if_match", "other", 412),
        ("source_if_none_match", etag, 412),
        ("source_if_unmodified_since", then, 412),
        ("source_if_modified_since", then, 200),
        ("source_if_modified_since", later, 412),
    ):
        members = {"from": FROM, "to": TO, condition: value}
        assert (post(data_plane, "/copy", **members).status, condition) == (
            status,
            condition,
        )


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ("if_match", 'a"b'),
        ("if_match", 3),
        ("if_unmodified_since", "yesterday"),
        ("if_unmodified_since", "2026-01-01T00:00:00"),
        ("source_if_match", 'W/"'),
    ],
)
def test_a_condition_that_cannot_be_understood_is_an_error(
    data_plane: DataPlane, condition: str, value: object
) -> None:
    members = {"from": FROM, "to": TO, condition: value}
    assert_problem(post(data_plane, "/copy", **members), 400, "invalid_argument")


def test_a_move_leaves_404_behind(data_plane: DataPlane) -> None:
    answer = post(data_plane, "/move", from_=FROM, to=TO)
    assert answer.status == 201
    assert data_plane.get("/buckets/test/objects/a").status == 404
    assert data_plane.get("/buckets/test/objects/b").body == b"content"


@pytest.mark.parametrize("path", ["/copy", "/move"])
@pytest.mark.parametrize(
    ("members", "status", "code"),
    [
        ({"from": FROM, "to": FROM}, 400, "source_is_target"),
        ({"from": {**FROM, "key": "none"}, "to": TO}, 404, "no_such_key"),
        ({"from": {**FROM, "bucket": "nowhere"}, "to": TO}, 404, "no_such_bucket"),
        ({"from": FROM, "to": {**TO, "bucket": "nowhere"}}, 404, "no_such_bucket"),
        ({"from": FROM, "to": {**TO, "bucket": "NO"}}, 400, "invalid_bucket_name"),
        ({"from": FROM, "to": {**TO, "key": ""}}, 400, "invalid_key"),
        ({"from": FROM, "to": {**TO, "key": "x" * 1025}}, 400, "invalid_key"),
        ({"from": FROM, "to": {**TO, "key": "\0"}}, 400, "invalid_key"),
        ({"from": FROM}, 400, "invalid_argument"),
        ({"from": FROM, "to": {"bucket": "test"}}, 400, "invalid_argument"),
        ({"from": FROM, "to": NEW}, 400, "invalid_argument"),
        ({"from": OLD, "to": TO}, 400, "invalid_argument"),
        ({"from": {**OLD, "key": "a"}, "to": TO}, 400, "invalid_argument"),
        ({"from": {**OLD, "key": "a"}, "to": {**NEW, "key": "b"}}, 400, None),
        ({"from": OLD, "to": OLD}, 400, "prefixes_overlap"),
        ({"from": OLD, "to": NEW, "if_match": "*"}, 400, "invalid_argument"),
        ({"from": OLD, "to": NEW, "source_if_match": "*"}, 400, "invalid_argument"),
        ({"from": {**OLD, "version": "v"}, "to": NEW}, 400, "invalid_argument"),
        ({"from": FROM, "to": TO, "metadata": "drop"}, 400, "invalid_argument"),
        ({"from": OLD, "to": {**NEW, "prefix": "n" * 1024}}, 400, "invalid_key"),
        ({"from": OLD, "to": {**NEW, "prefix": "n\0"}}, 400, "invalid_key"),
    ],
)
def test_what_cannot_be_done_has_a_code_and_changes_nothing(
    data_plane: DataPlane,
    path: str,
    members: dict[str, Any],
    status: int,
    code: str | None,
) -> None:
    answer = post(data_plane, path, **members)
    assert_problem(answer, status, code or "invalid_argument")
    assert keys(data_plane) == ["a", "old/1", "old/2"]


def test_a_move_takes_no_version(data_plane: DataPlane) -> None:
    answer = post(data_plane, "/move", from_={**FROM, "version": "null"}, to=TO)
    assert_problem(answer, 400, "invalid_argument")


def test_a_prefix_is_copied_moved_and_deleted(data_plane: DataPlane) -> None:
    assert post(data_plane, "/copy", from_=OLD, to=NEW).json() == {"keys": 2}
    assert keys(data_plane) == ["a", "new/1", "new/2", "old/1", "old/2"]
    there = {"bucket": "test", "prefix": "z/"}
    assert post(data_plane, "/move", from_=NEW, to=there).json() == {"keys": 2}
    assert keys(data_plane) == ["a", "old/1", "old/2", "z/1", "z/2"]
    assert post(data_plane, "/delete", **OLD).json() == {"keys": 2}
    assert keys(data_plane) == ["a", "z/1", "z/2"]


def test_all_versions_of_a_prefix_are_deleted_for_good(data_plane: DataPlane) -> None:
    data_plane.request("PATCH", "/buckets/test", body=b'{"versioning": "enabled"}')
    data_plane.put("/buckets/test/objects/old/1", b"another")
    data_plane.delete("/buckets/test/objects/old/2")

    answer = post(data_plane, "/delete", **OLD, versions="all")

    assert answer.json() == {"versions": 4}
    listed = data_plane.get("/versions?bucket=test").json()["versions"]
    assert [version["key"] for version in listed] == ["a"]
    assert post(data_plane, "/delete", **OLD, versions="all").json() == {"versions": 0}
    answer = post(data_plane, "/delete", **OLD, versions="older")
    assert_problem(answer, 400, "invalid_argument")


def test_an_emptied_bucket_can_be_deleted(data_plane: DataPlane) -> None:
    data_plane.request("PATCH", "/buckets/test", body=b'{"versioning": "enabled"}')
    post(data_plane, "/delete", bucket="test", prefix="")
    assert_problem(data_plane.delete("/buckets/test"), 409, "bucket_not_empty")
    post(data_plane, "/delete", bucket="test", prefix="", versions="all")
    assert data_plane.delete("/buckets/test").status == 204


def test_if_none_match_keeps_a_prefix_from_overwriting(data_plane: DataPlane) -> None:
    data_plane.put("/buckets/test/objects/new/2", b"present")
    answer = post(data_plane, "/copy", from_=OLD, to=NEW, if_none_match="*")
    assert_problem(answer, 412, "precondition_failed")
    assert keys(data_plane) == ["a", "new/2", "old/1", "old/2"]


def test_a_delete_wants_its_prefix_said(data_plane: DataPlane) -> None:
    answer = post(data_plane, "/delete", bucket="test")
    assert_problem(answer, 400, "invalid_argument")
    assert post(data_plane, "/delete", bucket="test", prefix="").json() == {"keys": 3}


@pytest.mark.parametrize("path", ["/copy", "/move", "/delete"])
def test_too_many_keys_are_answered_with_a_job(
    data_plane: DataPlane, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(prefixes, "MOST_KEYS", 1)
    both: dict[str, Any] = {"from": OLD, "to": NEW}
    members = OLD if path == "/delete" else both

    answer = post(data_plane, path, **members)

    assert answer.status == 202
    told = answer.json()
    assert answer.headers["Location"] == f"/jobs/{told['id']}"
    assert (told["kind"], told["state"]) == (path[1:], "queued")
    assert (told["keys_total"], told["keys_done"]) == (2, 0)
    assert told["from"] == OLD
    assert told.get("to") == (None if path == "/delete" else NEW)
    assert data_plane.get(answer.headers["Location"]).json() == told
    assert keys(data_plane) == ["a", "old/1", "old/2"]
    assert Job.objects.count() == 1


def test_too_many_versions_are_answered_with_a_job(
    data_plane: DataPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefixes, "MOST_KEYS", 1)
    answer = post(data_plane, "/delete", **OLD, versions="all")
    assert answer.status == 202
    told = answer.json()
    assert (told["kind"], told["keys_total"], told["from"]) == (
        "delete_versions",
        2,
        OLD,
    )
    assert told["at"] is not None
    assert keys(data_plane) == ["a", "old/1", "old/2"]


@pytest.mark.parametrize("path", ["/copy", "/move", "/delete", "/batch"])
@pytest.mark.parametrize("name", ["If-Match", "If-None-Match", "If-Unmodified-Since"])
def test_a_condition_in_the_headers_is_refused_not_passed_over(
    data_plane: DataPlane, path: str, name: str
) -> None:
    answer = data_plane.request("POST", path, body=b"{}", headers={name: '"x"'})
    assert name in assert_problem(answer, 400, "invalid_argument")["detail"]
