"""Multipart uploads over REST: each request, what it answers and what it refuses."""

import base64
import hashlib
import json
from typing import Any

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from objects_app.blobs.backend import backend
from objects_app.models import Bucket, StoredObject, Upload, UploadPart
from objects_app.services import digests, objects, uploads
from objects_app.services.objects import open_bytes
from tests.blobs.bodies import Failing, digest
from tests.client import Answer, DataPlane
from tests.rest.problem import assert_problem
from tests.stored import lose

pytestmark = pytest.mark.django_db

PATH = "/buckets/test/objects/big%20file.txt"
PARTS = (b"first part, ", b"second part, ", b"last")
WHOLE = b"".join(PARTS)


@pytest.fixture(autouse=True)
def small_parts(settings: Settings) -> None:
    settings.MULTIPART_MIN_PART_BYTES = 5


def post(data_plane: DataPlane, path: str, body: Any, **headers: str) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps(body).encode()
    return data_plane.request("POST", path, body=body, headers=sent)


def begin(data_plane: DataPlane, **members: Any) -> str:
    """Return the path of a new upload."""
    wanted = {"bucket": "test", "key": "big file.txt", **members}
    answer = post(data_plane, "/multipart/", wanted)
    assert answer.status == 201, answer.body
    path: str = answer.headers["Location"]
    assert path == f"/multipart/{answer.json()['upload_id']}"
    return path


def send(data_plane: DataPlane, path: str, *bodies: bytes) -> list[dict[str, Any]]:
    """Put parts from number 1 on; return them as the completion lists them."""
    listed = []
    for number, body in enumerate(bodies, start=1):
        answer = data_plane.put(f"{path}/{number}", body)
        assert answer.status == 200, answer.body
        listed.append({"number": number, "etag": answer.headers["ETag"]})
    return listed


def complete(data_plane: DataPlane, path: str, parts: Any, **headers: str) -> Answer:
    return post(data_plane, f"{path}/complete", {"parts": parts}, **headers)


def upload_whole(data_plane: DataPlane, **members: Any) -> Answer:
    path = begin(data_plane, **members)
    return complete(data_plane, path, send(data_plane, path, *PARTS))


def test_an_upload_is_begun_with_all_that_a_put_says(data_plane: DataPlane) -> None:
    upload_whole(
        data_plane,
        content_type="text/x-odd",
        headers={"Cache-Control": "max-age=60"},
        metadata={"Who": "me"},
        tags={"project": "x"},
    )

    headers = data_plane.head(PATH).headers
    assert headers["Content-Type"] == "text/x-odd"
    assert headers["Cache-Control"] == "max-age=60"
    assert headers["X-Object-Meta-who"] == "me"
    assert StoredObject.objects.get().tags == {"project": "x"}


def test_the_type_is_guessed_from_the_key(data_plane: DataPlane) -> None:
    upload_whole(data_plane)
    assert data_plane.head(PATH).headers["Content-Type"] == "text/plain"


def test_the_answer_to_a_beginning_tells_when_it_ends(data_plane: DataPlane) -> None:
    wanted = {"bucket": "test", "key": "a.txt"}
    told = post(data_plane, "/multipart", wanted).json()

    assert told.pop("upload_id")
    assert told.pop("created_at") < told.pop("expires_at")
    assert told == {"bucket": "test", "key": "a.txt", "content_type": "text/plain"}


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"key": ""}, "invalid_key"),
        ({"key": "a" * 1025}, "invalid_key"),
        ({"bucket": "A"}, "invalid_bucket_name"),
        ({"content_type": "none"}, "invalid_argument"),
        ({"headers": {"set-cookie": "a"}}, "invalid_argument"),
        ({"headers": {"expires": "a\nb"}}, "invalid_argument"),
        ({"metadata": {"a": "x" * 2048}}, "invalid_metadata"),
        ({"tags": {"": "x"}}, "invalid_tags"),
        ({"size": 1}, "invalid_argument"),
    ],
)
def test_what_cannot_be_kept_is_refused_at_the_beginning(
    data_plane: DataPlane, members: dict[str, Any], code: str
) -> None:
    wanted = {"bucket": "test", "key": "a", **members}
    assert_problem(post(data_plane, "/multipart/", wanted), 400, code)
    assert not Upload.objects.exists()


def test_a_part_tells_its_digest(data_plane: DataPlane) -> None:
    path = begin(data_plane)

    answer = data_plane.put(f"{path}/3", b"content")

    assert answer.status == 200
    assert answer.headers["ETag"] == f'"{digest(b"content")}"'
    assert answer.json() == {
        "upload_id": path.rpartition("/")[2],
        "number": 3,
        "size": 7,
        "sha256": digest(b"content"),
        "etag": digest(b"content"),
    }


def test_a_part_may_come_in_chunks(data_plane: DataPlane) -> None:
    path = begin(data_plane)
    answer = data_plane.put(f"{path}/1", b"content", chunked=True)
    assert answer.json()["size"] == 7


def test_a_part_is_held_against_every_digest_that_a_put_takes(
    data_plane: DataPlane,
) -> None:
    path = begin(data_plane)
    sha256 = base64.b64encode(hashlib.sha256(b"content").digest()).decode()
    md5 = base64.b64encode(hashlib.md5(b"content").digest()).decode()  # noqa: S324
    right = {
        "X-Content-SHA256": digest(b"content"),
        "Content-Digest": f"sha-256=:{sha256}:",
        "Repr-Digest": f"sha-256=:{sha256}:",
        "Content-MD5": md5,
    }
    for number, (name, value) in enumerate(right.items(), start=1):
        headers = {name: value}
        sent = data_plane.put(f"{path}/{number}", b"content", headers=headers)
        assert sent.status == 200
        other = data_plane.put(f"{path}/{number}", b"other", headers=headers)
        assert_problem(other, 400, "digest_mismatch")

    sizes = UploadPart.objects.values_list("size", flat=True)
    assert list(sizes) == [7] * 4


def test_a_part_that_breaks_off_leaves_what_was_there(data_plane: DataPlane) -> None:
    path = begin(data_plane)
    data_plane.put(f"{path}/1", b"content")

    broken = Failing(good=2, error=OSError())
    answer = data_plane.put(f"{path}/1", broken, headers={"Content-Length": "9"})

    assert_problem(answer, 400, "incomplete_body")
    assert UploadPart.objects.get().sha256 == digest(b"content")


@pytest.mark.parametrize("number", ["0", "10001", "9" * 40])
def test_numbers_are_from_1_to_10000(data_plane: DataPlane, number: str) -> None:
    path = begin(data_plane)
    assert_problem(data_plane.put(f"{path}/{number}", b"x"), 400, "invalid_argument")


def test_the_answer_to_a_completion_describes_the_object(
    data_plane: DataPlane,
) -> None:
    path = begin(data_plane)
    listed = send(data_plane, path, *PARTS)

    answer = complete(data_plane, path, listed)

    assert answer.status == 201
    told = answer.json()
    etag = told.pop("etag")
    assert answer.headers["ETag"] == f'"{etag}"'
    assert etag.endswith("-3")
    assert told.pop("created_at").endswith("Z")
    assert told == {
        "message": "Upload complete",
        "path": PATH,
        "upload_id": path.rpartition("/")[2],
        "bucket": "test",
        "key": "big file.txt",
        "size": len(WHOLE),
        "parts": 3,
        "sha256": None,
        "content_type": "text/plain",
        "version_id": "null",
        "node_id": "test-node",
    }
    assert data_plane.get(PATH).body == WHOLE


def test_a_completion_that_replaces_says_200(data_plane: DataPlane) -> None:
    data_plane.put(PATH, b"before")
    assert upload_whole(data_plane).status == 200


def test_parts_are_named_by_digest_or_by_etag(data_plane: DataPlane) -> None:
    for name, quote in (("sha256", ""), ("etag", ""), ("etag", '"')):
        path = begin(data_plane)
        data_plane.put(f"{path}/1", b"content")
        part = {"number": 1, name: f"{quote}{digest(b'content').upper()}{quote}"}
        assert complete(data_plane, path, [part]).status in {200, 201}


@pytest.mark.parametrize(
    "part",
    [
        {"number": 1},
        {"number": 1, "sha256": "0" * 64, "etag": "1" * 64},
        {"number": 1, "etag": "d41d8cd98f00b204e9800998ecf8427e"},
        {"number": "1", "sha256": "0" * 64},
        {"sha256": "0" * 64},
    ],
)
def test_a_list_that_does_not_name_parts_is_refused(
    data_plane: DataPlane, part: dict[str, Any]
) -> None:
    path = begin(data_plane)
    answer = complete(data_plane, path, [part])
    assert_problem(answer, 400, "invalid_argument")


def test_the_longest_list_is_read_and_a_longer_one_refused(
    data_plane: DataPlane,
) -> None:
    path = begin(data_plane)
    parts = [{"number": n, "sha256": "0" * 64} for n in range(1, 10_002)]

    assert_problem(complete(data_plane, path, parts[:-1]), 400, "invalid_part")
    assert_problem(complete(data_plane, path, parts), 400, "invalid_argument")


@pytest.mark.parametrize(
    ("name", "value"), [("If-None-Match", "*"), ("If-Match", '"other"')]
)
def test_conditions_are_the_objects(
    data_plane: DataPlane, name: str, value: str
) -> None:
    before = data_plane.put(PATH, b"before").headers["ETag"]
    path = begin(data_plane)
    parts = send(data_plane, path, *PARTS)

    refused = complete(data_plane, path, parts, **{name: value})
    assert_problem(refused, 412, "precondition_failed")
    assert data_plane.get(PATH).body == b"before"

    assert complete(data_plane, path, parts, If_Match=before).status == 200


def test_parts_are_listed_page_by_page(data_plane: DataPlane) -> None:
    path = begin(data_plane)
    for number in (5, 1, 9):
        data_plane.put(f"{path}/{number}", b"%d" % number)

    first = data_plane.get(f"{path}?limit=2").json()
    last = data_plane.get(f"{path}?limit=2&cursor={first['next_cursor']}").json()

    assert [part["number"] for part in first["parts"]] == [1, 5]
    assert [part["number"] for part in last["parts"]] == [9]
    assert last["next_cursor"] is None
    assert first["key"] == "big file.txt"
    assert (first["completed_at"], first["version_id"]) == (None, None)
    part = last["parts"][0]
    assert part.pop("created_at").endswith("Z")
    sha256 = digest(b"9")
    assert part == {"number": 9, "size": 1, "sha256": sha256, "etag": sha256}


def test_a_completed_upload_tells_what_it_became(data_plane: DataPlane) -> None:
    path = begin(data_plane)
    complete(data_plane, path, send(data_plane, path, *PARTS))

    told = data_plane.get(path).json()

    assert told["completed_at"].endswith("Z")
    assert told["version_id"] == "null"
    assert told["parts"] == []


def test_unfinished_uploads_are_listed_by_key_page_by_page(
    data_plane: DataPlane,
) -> None:
    paths = {begin(data_plane, key=f"in/{name}") for name in ("b", "a", "ü", "a")}
    begin(data_plane, key="out")
    done = begin(data_plane, key="in/done")
    complete(data_plane, done, send(data_plane, done, b"content"))

    listed: list[dict[str, Any]] = []
    target: str | None = "/multipart/?bucket=test&prefix=in/&limit=1"
    asked = target
    while target:
        page = data_plane.get(target).json()
        listed += page["uploads"]
        cursor = page["next_cursor"]
        target = cursor and f"{asked}&cursor={cursor}"

    assert [upload["key"] for upload in listed] == ["in/a", "in/a", "in/b", "in/ü"]
    assert {f"/multipart/{upload['upload_id']}" for upload in listed} == paths


@pytest.mark.parametrize("cursor", ["x", "eA", "%FF", "A" * 10, "é"])
def test_a_foreign_cursor_is_refused(data_plane: DataPlane, cursor: str) -> None:
    path = begin(data_plane)
    for target in ("/multipart/?bucket=test&", f"{path}?"):
        answer = data_plane.get(f"{target}cursor={cursor}")
        assert_problem(answer, 400, "invalid_argument")


def test_a_listing_is_of_one_bucket(data_plane: DataPlane) -> None:
    assert_problem(data_plane.get("/multipart/"), 400, "bucket_required")


def test_an_abort_forgets_it(data_plane: DataPlane) -> None:
    path = begin(data_plane)
    parts = send(data_plane, path, *PARTS)

    assert data_plane.delete(path).status == 204

    assert_problem(data_plane.delete(path), 404, "no_such_upload")
    assert_problem(data_plane.put(f"{path}/1", b"x"), 404, "no_such_upload")
    assert_problem(complete(data_plane, path, parts), 404, "no_such_upload")
    assert not StoredObject.objects.exists()


def test_what_is_complete_is_neither_changed_nor_aborted(
    data_plane: DataPlane,
) -> None:
    path = begin(data_plane)
    parts = send(data_plane, path, *PARTS)
    complete(data_plane, path, parts)

    assert_problem(complete(data_plane, path, parts), 409, "upload_completed")
    assert_problem(data_plane.put(f"{path}/1", b"x"), 409, "upload_completed")
    assert_problem(data_plane.delete(path), 409, "upload_completed")
    assert data_plane.get(PATH).body == WHOLE


def test_what_has_expired_is_not_there(data_plane: DataPlane) -> None:
    path = begin(data_plane)
    Upload.objects.update(expires_at=Now())

    assert_problem(data_plane.get(path), 404, "no_such_upload")
    assert data_plane.get("/multipart/?bucket=test").json()["uploads"] == []
    assert uploads.expire_uploads() == 1


def test_the_object_is_served_as_any_other(data_plane: DataPlane) -> None:
    etag = upload_whole(data_plane).headers["ETag"]

    head = data_plane.head(PATH).headers
    assert head["ETag"] == etag
    assert head["Content-Length"] == str(len(WHOLE))
    assert "Repr-Digest" not in head
    same = data_plane.get(PATH, headers={"If-None-Match": etag})
    assert same.status == 304
    for name, value in (("If-Range", etag), ("If-Match", etag)):
        asked = {name: value, "Range": "bytes=10-20"}
        part = data_plane.get(PATH, headers=asked)
        assert (part.status, part.body) == (206, WHOLE[10:21])
        assert part.headers["Content-Range"] == f"bytes 10-20/{len(WHOLE)}"
    tail = data_plane.get(PATH, headers={"Range": "bytes=-6"})
    assert tail.body == WHOLE[-6:]
    whole = data_plane.get(PATH, headers={"Range": "bytes=0-1", "If-Range": '"other"'})
    assert (whole.status, whole.body) == (200, WHOLE)


def test_a_large_object_is_sent_in_blocks(data_plane: DataPlane) -> None:
    path = begin(data_plane)
    bodies = [bytes([number]) * 100_000 for number in range(3)]
    complete(data_plane, path, send(data_plane, path, *bodies))

    answer = data_plane.get(PATH)

    assert answer.body == b"".join(bodies)
    assert answer.headers["Content-Length"] == "300000"


def test_listings_and_headers_tell_the_digest_once_it_is_known(
    data_plane: DataPlane,
) -> None:
    etag = upload_whole(data_plane).headers["ETag"]
    [listed] = data_plane.get("/objects?bucket=test").json()["objects"]
    assert listed["sha256"] is None

    digests.compute_digests()

    [listed] = data_plane.get("/objects?bucket=test").json()["objects"]
    assert listed["sha256"] == digest(WHOLE)
    head = data_plane.head(PATH).headers
    assert head["ETag"] == etag
    value = base64.b64encode(hashlib.sha256(WHOLE).digest()).decode()
    assert head["Repr-Digest"] == f"sha-256=:{value}:"


def test_lost_bytes_of_a_segment_are_told_and_repaired_by_their_part(
    data_plane: DataPlane,
) -> None:
    upload_whole(data_plane)
    lose(digest(PARTS[0]))
    assert_problem(data_plane.get(PATH), 500, "bytes_missing")

    data_plane.put("/buckets/test/objects/other", PARTS[0])

    assert data_plane.get(PATH).body == WHOLE


def test_an_overwrite_between_look_up_and_open_is_read_as_it_is_then(
    data_plane: DataPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_whole(data_plane)
    overwrites = [b"after"]

    def late(**options: Any) -> Any:
        if overwrites:
            data_plane.put(PATH, overwrites.pop())
        return open_bytes(**options)

    monkeypatch.setattr(objects, "open_bytes", late)
    answer = data_plane.get(PATH)

    assert (answer.status, answer.body) == (200, b"after")
    assert answer.headers["Content-Length"] == "5"


@pytest.mark.parametrize("versioning", ["off", "enabled", "suspended"])
def test_it_is_the_latest_version_in_every_mode(
    data_plane: DataPlane, versioning: str
) -> None:
    data_plane.put(PATH, b"before")
    Bucket.objects.update(versioning=versioning)

    told = upload_whole(data_plane).json()

    assert (told["version_id"] == "null") == (versioning != "enabled")
    assert data_plane.get(PATH).body == WHOLE


def test_the_bytes_of_parts_are_stored_once(data_plane: DataPlane) -> None:
    data_plane.put(PATH, PARTS[0])
    upload_whole(data_plane)
    assert sorted(stored.sha256 for stored in backend().walk()) == sorted(
        map(digest, PARTS)
    )
