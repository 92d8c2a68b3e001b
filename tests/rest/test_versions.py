"""Versions over REST: PATCH, PUT, GET, HEAD, DELETE and GET /versions."""

from typing import Any
from urllib.parse import quote

import pytest

from objects_app.models import Bucket, JournalEntry, StoredObject
from tests.client import Answer, DataPlane
from tests.rest.problem import assert_problem

pytestmark = pytest.mark.django_db

BUCKET = "/buckets/test"
PATH = f"{BUCKET}/objects/a"


@pytest.fixture
def versioned(data_plane: DataPlane) -> DataPlane:
    """The bucket `test` keeps versions."""
    data_plane.put(BUCKET)
    assert set_versioning(data_plane, "enabled").status == 200
    return data_plane


def set_versioning(data_plane: DataPlane, mode: str) -> Answer:
    body = f'{{"versioning": "{mode}"}}'.encode()
    return data_plane.request("PATCH", BUCKET, body=body)


def put(data_plane: DataPlane, body: bytes, target: str = PATH) -> str:
    """Return the id of a new version."""
    answer = data_plane.put(target, body)
    version: str = answer.json()["version_id"]
    assert answer.headers["X-Version-Id"] == version
    return version


def listed(data_plane: DataPlane, query: str = "") -> list[dict[str, Any]]:
    answer = data_plane.get(f"/versions?bucket=test{query}")
    found: list[dict[str, Any]] = answer.json()["versions"]
    return found


# The bucket's setting.


def test_a_bucket_keeps_no_versions_until_it_is_told_to(data_plane: DataPlane) -> None:
    assert data_plane.put(BUCKET).json()["versioning"] == "off"
    assert set_versioning(data_plane, "enabled").json()["versioning"] == "enabled"
    assert data_plane.get(BUCKET).json()["versioning"] == "enabled"
    [bucket] = data_plane.get("/buckets").json()["buckets"]
    assert bucket["versioning"] == "enabled"


@pytest.mark.parametrize("mode", ["enabled", "suspended"])
def test_versioning_never_is_off_again(data_plane: DataPlane, mode: str) -> None:
    data_plane.put(BUCKET)
    set_versioning(data_plane, mode)
    assert_problem(set_versioning(data_plane, "off"), 409, "versioning_stays")
    assert Bucket.objects.get().versioning == mode


def test_it_can_be_suspended_and_enabled_again(data_plane: DataPlane) -> None:
    data_plane.put(BUCKET)
    for mode in ("off", "enabled", "suspended", "suspended", "enabled"):
        answer = set_versioning(data_plane, mode)
        assert (answer.status, answer.json()["versioning"]) == (200, mode)


def test_the_change_is_in_the_journal(versioned: DataPlane) -> None:
    [entry] = JournalEntry.objects.filter(operation="change_bucket")
    assert entry.detail == "versioning: enabled"


@pytest.mark.parametrize("mode", ["Enabled", "on", "", "true"])
def test_what_is_no_mode_is_refused(data_plane: DataPlane, mode: str) -> None:
    data_plane.put(BUCKET)
    assert_problem(set_versioning(data_plane, mode), 400, "invalid_argument")


# Reading.


def test_each_version_can_be_read_by_its_id(versioned: DataPlane) -> None:
    ids = [put(versioned, body) for body in (b"first", b"second")]
    for version, body in zip(ids, (b"first", b"second"), strict=True):
        answer = versioned.get(f"{PATH}?version={version}")
        assert (answer.status, answer.body) == (200, body)
        assert answer.headers["X-Version-Id"] == version
        head = versioned.head(f"{PATH}?version={version}")
        assert head.headers["Content-Length"] == str(len(body))
        assert head.headers["ETag"] == answer.headers["ETag"]
    latest = versioned.get(PATH)
    assert (latest.body, latest.headers["X-Version-Id"]) == (b"second", ids[1])


def test_what_was_put_without_versions_is_the_null_version(
    data_plane: DataPlane,
) -> None:
    assert put(data_plane, b"first") == "null"
    set_versioning(data_plane, "enabled")
    put(data_plane, b"second")
    assert data_plane.get(f"{PATH}?version=null").body == b"first"


def test_ranges_and_conditions_are_about_the_version_that_is_named(
    versioned: DataPlane,
) -> None:
    old = put(versioned, b"first")
    put(versioned, b"second")
    target = f"{PATH}?version={old}"
    etag = versioned.get(target).headers["ETag"]
    modified = versioned.get(target).headers["Last-Modified"]
    part = versioned.get(target, headers={"Range": "bytes=1-3", "If-Range": etag})
    assert (part.status, part.body) == (206, b"irs")
    same = versioned.get(target, headers={"If-None-Match": etag})
    assert same.status == 304
    assert versioned.get(PATH, headers={"If-None-Match": etag}).status == 200
    failed = versioned.get(PATH, headers={"If-Match": etag})
    assert_problem(failed, 412, "precondition_failed")
    assert versioned.get(target, headers={"If-Modified-Since": modified}).status == 304


def test_a_version_that_is_not_there_is_told_from_a_key_that_is_not(
    versioned: DataPlane,
) -> None:
    put(versioned, b"first")
    for target in (f"{PATH}?version=none", f"{BUCKET}/objects/b?version=null"):
        assert_problem(versioned.get(target), 404, "no_such_version")
        assert versioned.head(target).status == 404
        assert_problem(versioned.delete(target), 404, "no_such_version")
    assert_problem(versioned.get(f"{BUCKET}/objects/b"), 404, "no_such_key")


def test_a_version_of_one_key_is_not_another_ones(versioned: DataPlane) -> None:
    version = put(versioned, b"first")
    put(versioned, b"other", f"{BUCKET}/objects/b")
    answer = versioned.get(f"{BUCKET}/objects/b?version={version}")
    assert_problem(answer, 404, "no_such_version")


def test_an_empty_choice_is_refused_and_nothing_is_removed(
    versioned: DataPlane,
) -> None:
    put(versioned, b"first")
    for method, query in (
        ("GET", "version="),
        ("GET", "at="),
        ("HEAD", "version="),
        ("DELETE", "version="),
        ("DELETE", "version"),
        ("DELETE", "at=2026-01-01T00:00:00Z"),
        ("PUT", "version=null"),
        ("PUT", "at=2026-01-01T00:00:00Z"),
        ("GET", "version=null&at=2026-01-01T00:00:00Z"),
    ):
        answer = versioned.request(method, f"{PATH}?{query}", body=b"")
        assert answer.status == 400, (method, query)
    assert StoredObject.objects.count() == 1


def test_a_key_in_the_query_can_be_asked_for_by_version(versioned: DataPlane) -> None:
    target = f"{BUCKET}/objects?key=a/../b"
    first = put(versioned, b"first", target)
    put(versioned, b"second", target)
    assert versioned.get(f"{target}&version={first}").body == b"first"


# Deleting.


def test_deleting_a_key_hides_it_behind_a_marker(versioned: DataPlane) -> None:
    old = put(versioned, b"first")
    answer = versioned.delete(PATH)
    marker = answer.json()["version_id"]
    assert answer.json() == {
        "message": "Delete successful",
        "path": PATH,
        "version_id": marker,
        "is_delete_marker": True,
        "removed": False,
    }
    assert answer.headers["X-Version-Id"] == marker
    assert answer.headers["X-Delete-Marker"] == "true"
    for gone in (versioned.get(PATH), versioned.head(PATH)):
        assert gone.status == 404
        assert gone.headers["X-Delete-Marker"] == "true"
        assert gone.headers["X-Version-Id"] == marker
    assert versioned.get("/objects?bucket=test").json()["objects"] == []
    assert versioned.get(f"{PATH}?version={old}").body == b"first"


def test_a_marker_cannot_be_read(versioned: DataPlane) -> None:
    put(versioned, b"first")
    marker = versioned.delete(PATH).json()["version_id"]
    answer = versioned.get(f"{PATH}?version={marker}")
    assert_problem(answer, 405, "delete_marker")
    head = versioned.head(f"{PATH}?version={marker}")
    assert head.status == 405
    for told in (answer, head):
        assert told.headers["Allow"] == "DELETE"
        assert told.headers["X-Delete-Marker"] == "true"
        assert told.headers["X-Version-Id"] == marker


def test_deleting_the_marker_brings_the_object_back(versioned: DataPlane) -> None:
    put(versioned, b"first")
    marker = versioned.delete(PATH).json()["version_id"]
    answer = versioned.delete(f"{PATH}?version={marker}")
    told = answer.json()
    assert (told["removed"], told["is_delete_marker"]) == (True, True)
    assert answer.headers["X-Delete-Marker"] == "true"
    assert versioned.get(PATH).body == b"first"


def test_deleting_the_latest_version_promotes_the_one_before(
    versioned: DataPlane,
) -> None:
    first, second = (put(versioned, body) for body in (b"first", b"second"))
    answer = versioned.delete(f"{PATH}?version={second}")
    assert answer.json()["removed"] is True
    assert "X-Delete-Marker" not in answer.headers
    latest = versioned.get(PATH)
    assert (latest.body, latest.headers["X-Version-Id"]) == (b"first", first)
    [only] = listed(versioned)
    assert (only["version_id"], only["is_latest"]) == (first, True)


def test_deleting_without_versions_removes_for_good(data_plane: DataPlane) -> None:
    put(data_plane, b"first")
    answer = data_plane.delete(PATH)
    assert answer.headers["X-Version-Id"] == "null"
    assert "X-Delete-Marker" not in answer.headers
    gone = data_plane.get(PATH)
    assert_problem(gone, 404, "no_such_key")
    assert "X-Delete-Marker" not in gone.headers


def test_conditions_on_a_named_version_are_refused(versioned: DataPlane) -> None:
    version = put(versioned, b"first")
    answer = versioned.delete(
        f"{PATH}?version={version}", headers={"If-Match": '"other"'}
    )
    assert_problem(answer, 400, "invalid_argument")
    assert versioned.get(PATH).status == 200


# Listing.


def test_versions_are_listed_by_key_newest_first(versioned: DataPlane) -> None:
    first = put(versioned, b"first")
    second = put(versioned, b"second")
    marker = versioned.delete(PATH).json()["version_id"]
    other = put(versioned, b"x", f"{BUCKET}/objects/b")
    found = listed(versioned)
    assert [
        (v["key"], v["version_id"], v["is_latest"], v["is_delete_marker"])
        for v in found
    ] == [
        ("a", marker, True, True),
        ("a", second, False, False),
        ("a", first, False, False),
        ("b", other, True, False),
    ]
    assert [v["size"] for v in found] == [0, 6, 5, 1]
    assert found[0]["sha256"] is None
    assert found[2]["sha256"] == found[2]["etag"]


def test_the_listing_has_prefixes_pages_and_folders(versioned: DataPlane) -> None:
    for key in ("a", "b/1", "b/2", "c"):
        put(versioned, b"1", f"{BUCKET}/objects/{key}")
        put(versioned, b"2", f"{BUCKET}/objects/{key}")
    assert [v["key"] for v in listed(versioned, "&prefix=b/")] == [
        *("b/1", "b/1", "b/2", "b/2")
    ]
    keys: list[str] = []
    prefixes: list[str] = []
    cursor = ""
    while True:
        page = versioned.get(
            f"/versions?bucket=test&delimiter=/&limit=2&cursor={quote(cursor)}"
        ).json()
        keys += [v["key"] for v in page["versions"]]
        prefixes += page["prefixes"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert (keys, prefixes) == (["a", "a", "c", "c"], ["b/"])


def test_versions_of_an_unversioned_bucket_are_its_objects(
    data_plane: DataPlane,
) -> None:
    put(data_plane, b"first")
    [only] = listed(data_plane)
    assert (only["version_id"], only["is_latest"]) == ("null", True)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "bucket_required"),
        ("bucket=test&limit=0", "invalid_argument"),
        ("bucket=test&cursor=x", "invalid_argument"),
        ("bucket=test&at=2026-01-01T00:00:00Z", "invalid_argument"),
        ("bucket=test&start_after=a", "invalid_argument"),
    ],
)
def test_what_the_listing_does_not_know_is_refused(
    versioned: DataPlane, query: str, code: str
) -> None:
    assert_problem(versioned.get(f"/versions?{query}"), 400, code)
