"""GET /archive: what a client sees of it."""

import io
import zipfile

import pytest

from tests.blobs.bodies import random_body
from tests.client import DataPlane
from tests.histories import passed_moment
from tests.rest.problem import assert_problem
from tests.stored import lose

pytestmark = pytest.mark.django_db

URL = "/archive?bucket=test&prefix=in/"


def put(data_plane: DataPlane, key: str, body: bytes = b"content") -> str:
    """Store an object and return its digest."""
    sha256: str = data_plane.put(f"/buckets/test/objects/{key}", body).json()["sha256"]
    return sha256


def test_an_archive_is_a_download_named_after_its_folder(data_plane: DataPlane) -> None:
    put(data_plane, "in/a")
    put(data_plane, "out")
    answer = data_plane.get(URL)
    assert answer.status == 200
    headers = {**answer.headers}
    del headers["X-Node-Id"], headers["X-Request-Id"]
    assert headers == {
        "Content-Type": "application/zip",
        "Content-Length": str(len(answer.body)),
        "Content-Disposition": 'attachment; filename="in.zip"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert archive.namelist() == ["a"]
        assert archive.read("a") == b"content"


def test_head_tells_the_length_and_reads_no_bytes(data_plane: DataPlane) -> None:
    sha256 = put(data_plane, "in/a")
    length = data_plane.get(URL).headers["Content-Length"]
    lose(sha256)
    answer = data_plane.head(URL)
    assert (answer.status, answer.headers["Content-Length"]) == (200, length)


@pytest.mark.parametrize(
    ("prefix", "disposition"),
    [
        ("", 'attachment; filename="test.zip"'),
        ("in/", 'attachment; filename="in.zip"'),
        ("in/%0A%22x", 'attachment; filename="_\\"x.zip"'),
        ("in/%C3%A9", "attachment; filename*=utf-8''%C3%A9.zip"),
    ],
)
def test_any_prefix_makes_a_file_name(
    data_plane: DataPlane, prefix: str, disposition: str
) -> None:
    put(data_plane, f"{prefix}a")
    answer = data_plane.get(f"/archive?bucket=test&prefix={prefix}")
    assert answer.headers["Content-Disposition"] == disposition


def test_an_archive_of_nothing_is_not_found(data_plane: DataPlane) -> None:
    put(data_plane, "out")
    assert_problem(data_plane.get(URL), 404, "no_such_key")


def test_an_archive_is_of_one_bucket(data_plane: DataPlane) -> None:
    assert_problem(data_plane.get("/archive"), 400, "bucket_required")


def test_bytes_that_are_missing_at_once_are_told(data_plane: DataPlane) -> None:
    lose(put(data_plane, "in/a"))
    assert_problem(data_plane.get(URL), 500, "bytes_missing")


def test_an_archive_of_any_size_is_sent_as_it_is_read(data_plane: DataPlane) -> None:
    body = random_body(3 * 1024 * 1024)
    for key in ("in/a", "in/b"):
        put(data_plane, key, body)
    answer = data_plane.get(URL)
    assert int(answer.headers["Content-Length"]) == len(answer.body) > 2 * len(body)


def test_an_archive_can_be_of_a_moment(data_plane: DataPlane) -> None:
    data_plane.put("/buckets/test")
    change = b'{"versioning": "enabled"}'
    assert data_plane.request("PATCH", "/buckets/test", body=change).status == 200
    put(data_plane, "in/a", b"old")
    then = passed_moment().isoformat().replace("+00:00", "Z")
    put(data_plane, "in/a", b"newer")
    answer = data_plane.get(f"{URL}&at={then}")
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        assert archive.read("a") == b"old"


def test_a_bucket_without_versions_has_no_archive_of_a_moment(
    data_plane: DataPlane,
) -> None:
    put(data_plane, "in/a")
    answer = data_plane.get(f"{URL}&at=2026-01-01T00:00:00Z")
    assert_problem(answer, 409, "not_versioned")
