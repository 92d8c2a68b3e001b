"""Resumable uploads: what the door of tus 1.0 does with each request."""

import hashlib
import io
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from objects_app.models import Bucket, StoredObject, Upload
from objects_app.services import tus
from tests.blobs.bodies import Failing, digest
from tests.client import DataPlane
from tests.rest.problem import assert_problem
from tests.rest.tus_client import (
    BYTES,
    VERSION,
    begin,
    checksum,
    create,
    head,
    offset,
    pairs,
    patch,
    pieces,
)

pytestmark = pytest.mark.django_db

OBJECT = "/buckets/test/objects/a"
TEXT = b"resumable"


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tus, "PIECE_BYTES", 4)


# Creation


def test_an_upload_begins_empty_at_its_own_path(data_plane: DataPlane) -> None:
    answer = create(data_plane, 9)

    assert answer.status == 201
    assert answer.headers["Location"].startswith("/tus/")
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert answer.headers["Upload-Offset"] == "0"
    assert answer.headers["Upload-Expires"].endswith(" GMT")
    assert data_plane.get(OBJECT).status == 404


def test_head_tells_what_was_said_at_the_creation(data_plane: DataPlane) -> None:
    said = pairs(bucket="test", key="a", filetype="text/plain", Author="Zoë", flag="")
    path = begin(data_plane, 9, Upload_Metadata=said)

    told = head(data_plane, path)

    assert told.status == 200
    assert told.headers["Upload-Length"] == "9"
    assert told.headers["Cache-Control"] == "no-store"
    assert told.headers["Upload-Metadata"] == said


def test_a_creation_may_carry_bytes(data_plane: DataPlane) -> None:
    answer = create(data_plane, 9, b"resum")

    assert answer.status == 201
    assert answer.headers["Upload-Offset"] == "5"
    patch(data_plane, answer.headers["Location"], 5, b"able")
    assert data_plane.get(OBJECT).body == TEXT


def test_a_part_of_a_concatenation_is_refused(data_plane: DataPlane) -> None:
    answer = create(data_plane, 9, Upload_Concat="partial")
    assert_problem(answer, 400, "invalid_argument")
    assert not Upload.objects.exists()


def test_an_upload_of_nothing_is_an_object_at_once(data_plane: DataPlane) -> None:
    path = begin(data_plane, 0)

    assert data_plane.get(OBJECT).body == b""
    assert offset(data_plane, path) == 0


def test_filename_is_the_key_where_there_is_none(data_plane: DataPlane) -> None:
    said = pairs(bucket="test", filename="in/b.txt", note="x")
    assert create(data_plane, 1, b"b", Upload_Metadata=said).status == 201

    found = data_plane.get("/buckets/test/objects/in/b.txt")

    assert found.body == b"b"
    assert found.headers["Content-Type"] == "text/plain"
    assert found.headers["X-Object-Meta-note"] == "x"
    assert "X-Object-Meta-filename" not in found.headers


def test_what_else_is_said_becomes_metadata(data_plane: DataPlane) -> None:
    said = pairs(
        bucket="test", key="a", filetype="image/png", filename="b", Author="Zoë"
    )
    create(data_plane, 1, b"b", Upload_Metadata=said)

    found = data_plane.get(OBJECT)

    assert found.headers["Content-Type"] == "image/png"
    assert found.headers["X-Object-Meta-filename"] == "b"
    assert found.headers["X-Object-Meta-author"] == "UTF-8''Zo%C3%AB"
    assert StoredObject.objects.get().metadata == {"filename": "b", "author": "Zoë"}


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Upload_Length": "-1"}, 400, "invalid_argument"),
        ({"Upload_Length": "1e3"}, 400, "invalid_argument"),
        ({"Upload_Length": "9" * 19}, 400, "invalid_argument"),
        ({"Upload_Length": "9" * 30}, 400, "invalid_argument"),
        ({"Upload_Length": str(6 * 1024**4)}, 413, "body_too_large"),
        ({"Upload_Defer_Length": "1"}, 400, "invalid_argument"),
        ({"Upload_Metadata": ""}, 400, "invalid_argument"),
        ({"Upload_Metadata": pairs(bucket="test")}, 400, "invalid_argument"),
        ({"Upload_Metadata": pairs(key="a")}, 400, "invalid_argument"),
        ({"Upload_Metadata": "bucket !,key YQ=="}, 400, "invalid_metadata"),
        ({"Upload_Metadata": "bucket dGVzdA==,key /w=="}, 400, "invalid_metadata"),
        ({"Upload_Metadata": pairs(bucket="A", key="a")}, 400, "invalid_bucket_name"),
        (
            {"Upload_Metadata": pairs(bucket="test", key="a" * 1025)},
            400,
            "invalid_key",
        ),
        (
            {"Upload_Metadata": pairs(bucket="test", key="a", Key="b")},
            400,
            "invalid_argument",
        ),
        (
            {"Upload_Metadata": pairs(bucket="test", key="a", filetype="x")},
            400,
            "invalid_argument",
        ),
        (
            {"Upload_Metadata": pairs(bucket="test", key="a", note="x" * 2048)},
            400,
            "invalid_metadata",
        ),
    ],
)
def test_a_creation_that_makes_no_sense_is_refused(
    data_plane: DataPlane, headers: dict[str, str], status: int, code: str
) -> None:
    assert_problem(create(data_plane, 9, **headers), status, code)
    assert not Upload.objects.exists()


def test_a_creation_without_any_length_is_refused(data_plane: DataPlane) -> None:
    assert_problem(create(data_plane, None), 400, "invalid_argument")


def test_what_does_not_fit_the_quota_is_refused_before_it_is_sent(
    data_plane: DataPlane,
) -> None:
    data_plane.put("/buckets/test")
    Bucket.objects.update(quota_bytes=8)

    assert_problem(create(data_plane, 9), 507, "quota_exceeded")


# Bytes


def test_bytes_follow_each_other_until_they_are_an_object(
    data_plane: DataPlane,
) -> None:
    path = begin(data_plane, 9)

    first = patch(data_plane, path, 0, b"resum")
    last = patch(data_plane, path, 5, b"able")

    assert (first.status, first.headers["Upload-Offset"]) == (204, "5")
    assert (last.status, last.headers["Upload-Offset"]) == (204, "9")
    assert last.headers["Upload-Expires"].endswith(" GMT")
    assert data_plane.get(OBJECT).body == TEXT


def test_an_object_of_one_piece_is_as_if_it_had_been_put(
    data_plane: DataPlane,
) -> None:
    patch(data_plane, begin(data_plane, 9), 0, TEXT)

    stored = StoredObject.objects.get()

    assert stored.blob is not None
    assert (stored.etag, stored.sha256) == (digest(TEXT), digest(TEXT))
    assert Upload.objects.get().version_id == "null"


@pytest.mark.usefixtures("small_pieces")
def test_a_long_body_is_stored_in_pieces(data_plane: DataPlane) -> None:
    path = begin(data_plane, 10)

    patch(data_plane, path, 0, TEXT)
    assert pieces(path) == [4, 4, 1]
    patch(data_plane, path, 9, b"!")

    parts = [b"resu", b"mabl", b"e", b"!"]
    together = b"".join(hashlib.sha256(part).digest() for part in parts)
    assert data_plane.get(OBJECT).body == TEXT + b"!"
    assert StoredObject.objects.get().etag == f"{digest(together)}-4"
    assert pieces(path) == []


@pytest.mark.usefixtures("small_pieces")
def test_what_arrived_of_a_broken_body_is_kept(data_plane: DataPlane) -> None:
    path = begin(data_plane, 9)

    broken = patch(data_plane, path, 0, b"resuma", Content_Length="9")

    assert_problem(broken, 400, "incomplete_body")
    assert "6 bytes" in broken.json()["detail"]
    assert offset(data_plane, path) == 6
    patch(data_plane, path, 6, b"ble")
    assert data_plane.get(OBJECT).body == TEXT


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (TimeoutError(), 408, "body_stalled"),
        (ConnectionResetError(), 400, "incomplete_body"),
    ],
)
def test_what_arrived_before_a_failure_is_kept(
    data_plane: DataPlane, error: Exception, status: int, code: str
) -> None:
    path = begin(data_plane, 9)

    body = Failing(good=6, error=error)
    answer = patch(data_plane, path, 0, body, Content_Length="9")

    assert_problem(answer, status, code)
    assert offset(data_plane, path) == 6


def test_bytes_that_break_off_at_their_end_are_an_object(
    data_plane: DataPlane,
) -> None:
    path = begin(data_plane, 6)
    body = Failing(good=6, error=ConnectionResetError())

    patch(data_plane, path, 0, body, chunked=True)

    assert data_plane.get(OBJECT).status == 200


def test_other_bytes_than_the_next_are_refused(data_plane: DataPlane) -> None:
    path = begin(data_plane, 9)
    patch(data_plane, path, 0, b"resum")

    for elsewhere in (0, 4, 6, 9):
        answer = patch(data_plane, path, elsewhere, b"able")
        assert_problem(answer, 409, "offset_mismatch")
    assert offset(data_plane, path) == 5


def test_of_two_bodies_at_once_the_first_committed_wins(data_plane: DataPlane) -> None:
    path = begin(data_plane, 9)

    class Overtaken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if offset(data_plane, path) == 0:
                assert patch(data_plane, path, 0, b"resum").status == 204
            return super().read(size)

    answer = patch(data_plane, path, 0, Overtaken(b"other"), Content_Length="5")

    assert_problem(answer, 409, "offset_mismatch")
    patch(data_plane, path, 5, b"able")
    assert data_plane.get(OBJECT).body == TEXT


def test_of_two_last_bodies_at_once_the_first_committed_wins(
    data_plane: DataPlane,
) -> None:
    path = begin(data_plane, 9)

    class Overtaken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if offset(data_plane, path) == 0:
                assert patch(data_plane, path, 0, TEXT).status == 204
            return super().read(size)

    answer = patch(data_plane, path, 0, Overtaken(b"different"), Content_Length="9")

    assert_problem(answer, 409, "upload_completed")
    assert data_plane.get(OBJECT).body == TEXT


@pytest.mark.parametrize("chunked", [False, True])
def test_more_than_the_length_is_refused(data_plane: DataPlane, chunked: bool) -> None:
    path = begin(data_plane, 9)

    answer = patch(data_plane, path, 0, TEXT + b"!", chunked=chunked)

    assert_problem(answer, 413, "body_too_large")
    assert offset(data_plane, path) == 0
    assert data_plane.get(OBJECT).status == 404


def test_a_chunked_body_is_taken(data_plane: DataPlane) -> None:
    path = begin(data_plane, 9)

    assert patch(data_plane, path, 0, TEXT, chunked=True).status == 204
    assert data_plane.get(OBJECT).body == TEXT


@pytest.mark.parametrize("sent", ["text/plain", ""])
def test_another_type_of_body_is_refused(data_plane: DataPlane, sent: str) -> None:
    path = begin(data_plane, 9)

    answer = patch(data_plane, path, 0, TEXT, Content_Type=sent)

    assert_problem(answer, 415, "unsupported_content_type")


@pytest.mark.parametrize("sent", ["", "-1", "x"])
def test_an_offset_that_is_none_is_refused(data_plane: DataPlane, sent: str) -> None:
    answer = patch(data_plane, begin(data_plane, 9), 0, TEXT, Upload_Offset=sent)
    assert_problem(answer, 400, "invalid_argument")


# A length that comes later


def test_the_length_may_come_with_the_last_bytes(data_plane: DataPlane) -> None:
    path = begin(data_plane, None, Upload_Defer_Length="1")
    patch(data_plane, path, 0, b"resum")
    assert head(data_plane, path).headers["Upload-Defer-Length"] == "1"
    assert "Upload-Length" not in head(data_plane, path).headers

    patch(data_plane, path, 5, b"able", Upload_Length="9")

    assert head(data_plane, path).headers["Upload-Length"] == "9"
    assert data_plane.get(OBJECT).body == TEXT


def test_the_length_may_come_after_the_last_bytes(data_plane: DataPlane) -> None:
    path = begin(data_plane, None, Upload_Defer_Length="1")
    patch(data_plane, path, 0, TEXT)
    assert data_plane.get(OBJECT).status == 404

    patch(data_plane, path, 9, b"", Upload_Length="9")

    assert data_plane.get(OBJECT).body == TEXT


def test_nothing_at_all_may_turn_out_to_be_the_length(data_plane: DataPlane) -> None:
    path = begin(data_plane, None, Upload_Defer_Length="1")

    patch(data_plane, path, 0, b"", Upload_Length="0")

    assert data_plane.get(OBJECT).body == b""


@pytest.mark.parametrize("length", ["4", "9"])
def test_a_length_that_cannot_be_is_refused(data_plane: DataPlane, length: str) -> None:
    path = begin(data_plane, None, Upload_Defer_Length="1")
    patch(data_plane, path, 0, b"resum", Upload_Length="10")

    answer = patch(data_plane, path, 5, b"able", Upload_Length=length)

    assert_problem(answer, 400, "invalid_argument")


# Checksums


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_a_body_with_the_right_checksum_is_kept(
    data_plane: DataPlane, algorithm: str
) -> None:
    path = begin(data_plane, 9)
    right = checksum(algorithm, TEXT)

    assert patch(data_plane, path, 0, TEXT, Upload_Checksum=right).status == 204
    assert data_plane.get(OBJECT).body == TEXT


@pytest.mark.usefixtures("small_pieces")
def test_nothing_is_kept_of_a_body_with_another_checksum(
    data_plane: DataPlane,
) -> None:
    path = begin(data_plane, 9)
    wrong = checksum("sha1", b"other")

    answer = patch(data_plane, path, 0, TEXT, Upload_Checksum=wrong)

    assert_problem(answer, 460, "checksum_mismatch")
    assert offset(data_plane, path) == 0
    assert pieces(path) == []


@pytest.mark.usefixtures("small_pieces")
def test_a_body_with_a_checksum_is_one_piece(data_plane: DataPlane) -> None:
    path = begin(data_plane, 10)
    right = checksum("sha1", TEXT)

    patch(data_plane, path, 0, TEXT, Upload_Checksum=right)

    assert pieces(path) == [9]


@pytest.mark.usefixtures("small_pieces")
def test_nothing_is_kept_of_a_broken_body_with_a_checksum(
    data_plane: DataPlane,
) -> None:
    path = begin(data_plane, 9)
    right = checksum("sha1", TEXT)

    answer = patch(
        data_plane, path, 0, b"resuma", Upload_Checksum=right, Content_Length="9"
    )

    assert_problem(answer, 400, "incomplete_body")
    assert offset(data_plane, path) == 0


def test_a_body_with_a_checksum_is_limited_as_a_put_is(
    data_plane: DataPlane, settings: Settings
) -> None:
    settings.MAX_UPLOAD_BYTES = 5
    path = begin(data_plane, 9)
    right = checksum("sha1", TEXT)

    answer = patch(data_plane, path, 0, TEXT, Upload_Checksum=right)

    assert_problem(answer, 413, "body_too_large")


@pytest.mark.parametrize("value", ["crc32 AAAA", "sha1", "sha1 !", "sha1 AAAA"])
def test_a_checksum_that_is_none_is_refused(data_plane: DataPlane, value: str) -> None:
    answer = patch(data_plane, begin(data_plane, 9), 0, TEXT, Upload_Checksum=value)
    assert_problem(answer, 400, "invalid_argument")


# The end


def test_a_client_that_lost_the_last_answer_is_told_that_all_is_there(
    data_plane: DataPlane,
) -> None:
    path = begin(data_plane, 9)
    patch(data_plane, path, 0, TEXT)

    assert offset(data_plane, path) == 9
    assert patch(data_plane, path, 9, b"").status == 204
    assert_problem(patch(data_plane, path, 0, TEXT), 409, "offset_mismatch")


def test_a_terminated_upload_is_gone(data_plane: DataPlane) -> None:
    path = begin(data_plane, 9)
    patch(data_plane, path, 0, b"resum")

    answer = data_plane.delete(path, headers=VERSION)

    assert answer.status == 204
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert head(data_plane, path).status == 404
    assert_problem(patch(data_plane, path, 5, b"able"), 404, "no_such_upload")
    assert not Upload.objects.exists()


def test_terminating_a_completed_upload_leaves_its_object(
    data_plane: DataPlane,
) -> None:
    path = begin(data_plane, 9)
    patch(data_plane, path, 0, TEXT)

    assert data_plane.delete(path, headers=VERSION).status == 204
    assert head(data_plane, path).status == 404
    assert data_plane.get(OBJECT).body == TEXT


def test_an_expired_upload_is_gone(data_plane: DataPlane) -> None:
    path = begin(data_plane, 9)
    Upload.objects.update(expires_at=Now() - timedelta(seconds=1))

    answer = head(data_plane, path)

    assert answer.status == 404
    assert "Upload-Offset" not in answer.headers


@pytest.mark.usefixtures("small_pieces")
def test_what_the_quota_refuses_stays_unfinished(data_plane: DataPlane) -> None:
    path = begin(data_plane, 9)
    Bucket.objects.update(quota_bytes=8)

    answer = patch(data_plane, path, 0, TEXT)

    assert_problem(answer, 507, "quota_exceeded")
    assert offset(data_plane, path) == 8
    Bucket.objects.update(quota_bytes=9)
    assert patch(data_plane, path, 8, b"e").status == 204
    assert data_plane.get(OBJECT).body == TEXT


def test_a_condition_that_fails_at_once_spares_the_bytes(
    data_plane: DataPlane,
) -> None:
    data_plane.put(OBJECT, b"before")

    answer = create(data_plane, 9, If_None_Match="*")

    assert_problem(answer, 412, "precondition_failed")


def test_a_condition_that_fails_at_the_end_ends_the_upload(
    data_plane: DataPlane,
) -> None:
    path = begin(data_plane, 9, If_None_Match="*")
    data_plane.put(OBJECT, b"before")

    answer = patch(data_plane, path, 0, TEXT)

    assert_problem(answer, 412, "precondition_failed")
    assert head(data_plane, path).status == 404
    assert data_plane.get(OBJECT).body == b"before"


def test_a_condition_may_name_the_object_to_be_replaced(data_plane: DataPlane) -> None:
    etag = data_plane.put(OBJECT, b"before").headers["ETag"]

    path = begin(data_plane, 9, If_Match=etag)

    assert patch(data_plane, path, 0, TEXT).status == 204
    assert data_plane.get(OBJECT).body == TEXT


# The protocol


@pytest.mark.parametrize("path", ["/tus/", "/tus/any"])
def test_options_tells_what_the_server_can(data_plane: DataPlane, path: str) -> None:
    answer = data_plane.request("OPTIONS", path)

    assert answer.status == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert "creation-with-upload" in answer.headers["Tus-Extension"].split(",")
    assert answer.headers["Tus-Max-Size"] == str(5 * 1024**4)
    assert answer.headers["Tus-Checksum-Algorithm"] == "sha256,sha1,md5"


@pytest.mark.parametrize("version", ["", "0.2.2", "2.0.0"])
def test_another_version_is_told_the_one_there_is(
    data_plane: DataPlane, version: str
) -> None:
    answer = create(data_plane, 9, Tus_Resumable=version)

    assert_problem(answer, 412, "unsupported_tus_version")
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert not Upload.objects.exists()


def test_errors_speak_tus_too(data_plane: DataPlane) -> None:
    for answer in (
        head(data_plane, "/tus/none"),
        data_plane.get("/tus/", headers=VERSION),
        create(data_plane, -1),
    ):
        assert answer.status >= 400
        assert answer.headers["Tus-Resumable"] == "1.0.0"


def test_a_post_may_stand_for_a_patch(data_plane: DataPlane) -> None:
    path = begin(data_plane, 9)

    answer = patch(
        data_plane, path, 0, TEXT, method="POST", X_HTTP_Method_Override="PATCH"
    )

    assert answer.status == 204
    assert data_plane.get(OBJECT).body == TEXT


@pytest.mark.parametrize(
    ("path", "method"),
    [("/tus/", "PUT"), ("/tus/x", "HEAD"), ("/tus/x", "GET"), (OBJECT, "DELETE")],
)
def test_a_post_stands_for_nothing_else(
    data_plane: DataPlane, path: str, method: str
) -> None:
    data_plane.put(OBJECT, b"before")
    headers = {**VERSION, "X-HTTP-Method-Override": method, "Content-Type": BYTES}

    answer = data_plane.request("POST", path, headers=headers)

    assert_problem(answer, 400, "invalid_argument")
    assert data_plane.get(OBJECT).body == b"before"
