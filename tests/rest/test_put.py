"""PUT of an object: what it answers, what it keeps, what it refuses."""

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from objects_app.blobs.backend import backend
from objects_app.models import Blob, Bucket, JournalEntry, StoredObject
from objects_app.queries import reads
from objects_app.queries.rows import ANYTHING, Actor, Scope
from objects_app.services import objects
from tests.blobs.bodies import MIB, Failing, Generated, digest, received
from tests.client import Answer, DataPlane
from tests.rest.problem import assert_problem
from tests.stored import stored_bytes, stored_digests

pytestmark = pytest.mark.django_db

PATH = "/buckets/test/objects/hello.txt"
HELLO = b"Hello World"
SHA256 = "a591a6d40bf420404a011733cfb7b190d62c65bf0bcda32b57b277d9ad9f146e"


def assert_nothing_stored(data_dir: Path) -> None:
    assert not StoredObject.objects.exists()
    assert not Blob.objects.exists()
    assert not JournalEntry.objects.filter(operation="put").exists()
    assert stored_digests() == []
    assert [path for path in data_dir.rglob("*") if path.is_file()] == []


def test_the_answer_describes_the_object(data_plane: DataPlane) -> None:
    answer = data_plane.put(PATH, HELLO)
    assert answer.status == 201
    assert answer.headers["ETag"] == f'"{SHA256}"'
    told = answer.json()
    created_at = told.pop("created_at")
    assert created_at.endswith("Z")
    assert told == {
        "message": "Upload successful",
        "path": PATH,
        "etag": SHA256,
        "storage": backend().name,
        "bucket": "test",
        "key": "hello.txt",
        "size": 11,
        "sha256": SHA256,
        "content_type": "text/plain",
        "metadata": {},
        "tags": {},
        "version_id": "null",
        "node_id": "test-node",
        "deduplicated": False,
    }


def test_a_second_put_of_a_key_replaces_the_whole_object(data_plane: DataPlane) -> None:
    first = data_plane.put(
        PATH,
        b"old",
        headers={
            "Content-Type": "text/css",
            "Cache-Control": "no-cache",
            "X-Object-Meta-Colour": "red",
        },
    )
    second = data_plane.put(PATH, HELLO)
    assert (first.status, second.status) == (201, 200)
    assert second.json()["created_at"] > first.json()["created_at"]
    served = data_plane.get(PATH)
    assert served.body == HELLO
    assert served.headers["Content-Type"] == "text/plain"
    assert "Cache-Control" not in served.headers
    assert "X-Object-Meta-Colour" not in served.headers
    assert StoredObject.objects.count() == 1


def test_the_bytes_lie_once_under_their_digest(
    data_plane: DataPlane,
) -> None:
    for key in ("a", "b", "c"):
        data_plane.put(f"/buckets/test/objects/{key}", HELLO)
    assert stored_digests() == [SHA256]
    assert stored_bytes(SHA256) == HELLO


@pytest.mark.parametrize(
    ("sent", "key", "kept"),
    [
        (None, "a.png", "image/png"),
        (None, "a", "application/octet-stream"),
        (None, "backup.tar.gz", "application/gzip"),
        ("application/x-www-form-urlencoded", "a.json", "application/json"),
        ("text/plain; charset=utf-8", "a.png", "text/plain; charset=utf-8"),
    ],
)
def test_the_type_is_the_one_sent_or_guessed_from_the_key(
    data_plane: DataPlane, sent: str | None, key: str, kept: str
) -> None:
    headers = {"Content-Type": sent} if sent else {}
    path = f"/buckets/test/objects/{key}"
    told = data_plane.put(path, b"x", headers=headers).json()
    assert told["content_type"] == kept
    assert data_plane.get(path).headers["Content-Type"] == kept


@pytest.mark.parametrize("sent", ["nonsense", "text/", "a/b\x7f", "a/" + "b" * 254])
def test_a_type_that_is_none_is_refused(data_plane: DataPlane, sent: str) -> None:
    answer = data_plane.put(PATH, HELLO, headers={"Content-Type": sent})
    assert_problem(answer, 400, "invalid_argument")
    assert data_plane.get(PATH).status == 404


def test_the_stored_headers_come_back(data_plane: DataPlane) -> None:
    headers = {
        "Cache-Control": "max-age=60, public",
        "Content-Disposition": 'inline; filename="a b.txt"',
        "Content-Encoding": "gzip",
        "Content-Language": "de, en",
        "Expires": "Wed, 21 Oct 2026 07:28:00 GMT",
        "X-Object-Meta-Author": "alice",
        "X-Object-Meta-Title": "UTF-8''%E2%82%AC%20rates",
    }
    data_plane.put(PATH, HELLO, headers=headers)
    for served in (data_plane.get(PATH), data_plane.head(PATH)):
        assert {name: served.headers[name] for name in headers} == headers


def test_metadata_beyond_two_kilobytes_is_refused(data_plane: DataPlane) -> None:
    at_most = {"X-Object-Meta-A": "x" * 1024, "X-Object-Meta-B": "y" * 1022}
    assert data_plane.put(PATH, HELLO, headers=at_most).status == 201
    more = {**at_most, "X-Object-Meta-C": "z"}
    answer = data_plane.put(PATH, b"other", headers=more)
    assert_problem(answer, 400, "invalid_metadata")
    assert data_plane.get(PATH).body == HELLO


def test_metadata_that_is_not_ascii_needs_the_extended_form(
    data_plane: DataPlane,
) -> None:
    answer = data_plane.put(PATH, HELLO, headers={"X-Object-Meta-A": "€"})
    assert_problem(answer, 400, "invalid_metadata")


def _sha256(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def _md5(body: bytes) -> str:
    md5 = hashlib.md5(body, usedforsecurity=False)
    return base64.b64encode(md5.digest()).decode()


def digest_headers(body: bytes) -> list[Mapping[str, str]]:
    return [
        {"Content-MD5": _md5(body)},
        {"Content-Digest": _sha256(body)},
        {"Repr-Digest": _sha256(body)},
        {"X-Content-SHA256": digest(body)},
        {"X-Content-SHA256": digest(body).upper()},
    ]


@pytest.mark.parametrize("headers", digest_headers(HELLO))
def test_a_body_that_is_what_its_digest_says_is_stored(
    data_plane: DataPlane, headers: Mapping[str, str]
) -> None:
    assert data_plane.put(PATH, HELLO, headers=headers).status == 201
    assert data_plane.get(PATH).body == HELLO


@pytest.mark.parametrize("headers", digest_headers(b"something else"))
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_not_what_its_digest_says_leaves_nothing(
    data_plane: DataPlane, data_dir: Path, headers: Mapping[str, str], chunked: bool
) -> None:
    answer = data_plane.put(PATH, HELLO, headers=headers, chunked=chunked)
    assert_problem(answer, 400, "digest_mismatch")
    assert_nothing_stored(data_dir)


def test_digests_that_contradict_each_other_are_refused(data_plane: DataPlane) -> None:
    headers = {"Content-Digest": _sha256(HELLO), "X-Content-SHA256": digest(b"x")}
    answer = data_plane.put(PATH, HELLO, headers=headers)
    assert_problem(answer, 400, "digest_mismatch")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-MD5": "short"},
        {"Content-Digest": "sha-256=abc"},
        {"Repr-Digest": "sha-256=:YWJj:"},
        {"X-Content-SHA256": "abc"},
    ],
)
def test_a_digest_that_cannot_be_understood_is_refused(
    data_plane: DataPlane, headers: Mapping[str, str]
) -> None:
    answer = data_plane.put(PATH, HELLO, headers=headers)
    assert_problem(answer, 400, "invalid_argument")
    assert data_plane.get(PATH).status == 404


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 17])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_any_size_comes_back_as_it_was(
    data_plane: DataPlane, size: int, chunked: bool
) -> None:
    body = Generated(size).read(size)
    told = data_plane.put(PATH, body, chunked=chunked).json()
    assert (told["size"], told["sha256"]) == (size, digest(body))
    served = data_plane.get(PATH)
    assert served.body == body
    assert served.headers["Content-Length"] == str(size)


def test_no_body_at_all_is_an_empty_object(data_plane: DataPlane) -> None:
    assert data_plane.request("PUT", PATH).json()["size"] == 0
    assert data_plane.get(PATH).body == b""


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_may_have_the_limit_and_not_a_byte_more(
    data_plane: DataPlane, data_dir: Path, settings: Settings, chunked: bool
) -> None:
    settings.MAX_UPLOAD_BYTES = 2 * MIB
    answer = data_plane.put(PATH, bytes(2 * MIB + 1), chunked=chunked)
    assert_problem(answer, 413, "body_too_large")
    assert_nothing_stored(data_dir)
    assert data_plane.put(PATH, bytes(2 * MIB), chunked=chunked).status == 201


def test_a_declared_length_over_the_limit_is_refused_before_the_body_is_read(
    data_plane: DataPlane, settings: Settings
) -> None:
    settings.MAX_UPLOAD_BYTES = 10
    body = Generated(11)
    answer = data_plane.put(PATH, body, headers={"Content-Length": "11"})
    assert_problem(answer, 413, "body_too_large")
    assert body.reads == []


@pytest.mark.parametrize("size", [5, 3 * MIB])
def test_a_body_shorter_than_declared_leaves_nothing(
    data_plane: DataPlane, data_dir: Path, size: int
) -> None:
    headers = {"Content-Length": str(size + 1)}
    answer = data_plane.put(PATH, bytes(size), headers=headers)
    assert_problem(answer, 400, "incomplete_body")
    assert_nothing_stored(data_dir)
    assert not Bucket.objects.exists()


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (TimeoutError("timed out"), 408, "body_stalled"),
        (ConnectionResetError(), 400, "incomplete_body"),
    ],
)
@pytest.mark.parametrize("good", [0, 2 * MIB])
def test_a_body_that_breaks_off_leaves_nothing(
    data_plane: DataPlane,
    data_dir: Path,
    error: Exception,
    status: int,
    code: str,
    good: int,
) -> None:
    body = Failing(good=good, error=error)
    answer = data_plane.put(PATH, body, headers={"Content-Length": str(3 * MIB)})
    assert_problem(answer, status, code)
    assert_nothing_stored(data_dir)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": "eleven"},
        {"Content-Length": "-1"},
        {"Content-Length": "+11"},
        {"Content-Range": "bytes 0-10/20"},
        {"Transfer-Encoding": "gzip"},
    ],
)
def test_framing_that_could_lose_bytes_is_refused(
    data_plane: DataPlane, headers: Mapping[str, str]
) -> None:
    answer = data_plane.put(PATH, HELLO, headers=headers)
    assert_problem(answer, 400, "invalid_argument")
    assert not StoredObject.objects.exists()


def test_an_unknown_parameter_is_refused_on_put_and_delete(
    data_plane: DataPlane,
) -> None:
    answer = data_plane.put(f"{PATH}?versionId=3", HELLO)
    assert_problem(answer, 400, "invalid_argument")
    data_plane.put(PATH, HELLO)
    answer = data_plane.delete(f"{PATH}?versionId=3")
    assert_problem(answer, 400, "invalid_argument")
    assert data_plane.get(PATH).body == HELLO


def test_the_bucket_is_made_on_the_way_and_only_once(data_plane: DataPlane) -> None:
    data_plane.put(PATH, HELLO)
    data_plane.put("/buckets/test/objects/b", HELLO)
    assert Bucket.objects.get().name == "test"
    operations = JournalEntry.objects.order_by("id").values_list("operation", flat=True)
    assert list(operations) == ["create_bucket", "put", "put"]


def test_deduplicated_says_that_the_caller_had_this_content_already(
    data_plane: DataPlane,
) -> None:
    def put(key: str, body: bytes) -> bool:
        path = f"/buckets/test/objects/{key}"
        answer: bool = data_plane.put(path, body).json()["deduplicated"]
        return answer

    assert put("a", HELLO) is False
    assert put("b", HELLO) is True
    assert put("c", b"other") is False


def test_deduplicated_tells_nothing_about_what_others_store(
    data_plane: DataPlane, alice: User, tmp_path: Path
) -> None:
    Bucket.objects.create(name="hers", owner=alice)
    hers = reads.find_bucket("hers")
    assert hers is not None
    with received(HELLO, tmp_path) as whole:
        objects.store_received(
            store=backend(),
            received=whole,
            bucket=hers,
            key="secret",
            description=objects.Description("text/plain", {}, {}),
            conditions=ANYTHING,
            readable=Scope.of_owner(alice.pk),
            by=Actor("alice", "test-node", "r"),
        )
    assert data_plane.put(PATH, HELLO).json()["deduplicated"] is False
    assert Blob.objects.count() == 1
    second = data_plane.put("/buckets/test/objects/again", HELLO)
    assert second.json()["deduplicated"] is True


def test_deduplicated_is_false_for_content_that_the_caller_deleted(
    data_plane: DataPlane,
) -> None:
    data_plane.put(PATH, HELLO)
    data_plane.delete(PATH)
    assert data_plane.put(PATH, HELLO).json()["deduplicated"] is False


def test_delete_answers_with_the_path_and_only_once(data_plane: DataPlane) -> None:
    data_plane.put(PATH, HELLO)
    gone = data_plane.delete(PATH)
    assert gone.status == 200
    assert gone.json() == {"message": "Delete successful", "path": PATH}
    assert_problem(data_plane.delete(PATH), 404, "no_such_key")
    assert_problem(data_plane.get(PATH), 404, "no_such_key")


def test_delete_in_a_bucket_that_is_not_there_is_404(data_plane: DataPlane) -> None:
    assert_problem(data_plane.delete(PATH), 404, "no_such_bucket")
    assert not Bucket.objects.exists()


def test_the_path_of_the_answer_leads_to_the_object(data_plane: DataPlane) -> None:
    for key in ("a b+c%d?e#f", "../x", "/", "ключ\n"):
        put: Answer = data_plane.put(f"/buckets/test/objects?key={quote(key)}", HELLO)
        assert data_plane.get(json.loads(put.body)["path"]).body == HELLO
