"""GET and HEAD of an object: headers, body, and what a browser may do with them."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from objects_app.http.streaming import IN_MEMORY_BYTES
from tests.blobs.bodies import random_body
from tests.client import DataPlane
from tests.rest.problem import assert_problem
from tests.stored import lose, replace

pytestmark = pytest.mark.django_db

PATH = "/buckets/test/objects/hello.txt"
HELLO = b"Hello World"
SHA256 = "a591a6d40bf420404a011733cfb7b190d62c65bf0bcda32b57b277d9ad9f146e"
BASE64 = "pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4="


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_headers_say_all_there_is_to_know(
    data_plane: DataPlane, method: str
) -> None:
    data_plane.put(PATH, HELLO)
    served = data_plane.request(method, PATH)
    assert served.status == 200
    headers = dict(served.headers)
    modified = parsedate_to_datetime(headers.pop("Last-Modified"))
    assert abs(datetime.now(UTC) - modified) < timedelta(minutes=1)
    assert len(headers.pop("X-Request-Id")) == 32
    headers.pop("Vary", None)
    assert headers == {
        "Content-Type": "text/plain",
        "Content-Length": "11",
        "ETag": f'"{SHA256}"',
        "Accept-Ranges": "bytes",
        "X-Version-Id": "null",
        "Repr-Digest": f"sha-256=:{BASE64}:",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Node-Id": "test-node",
    }
    assert served.body == (HELLO if method == "GET" else b"")


def test_every_request_has_an_id_of_its_own(data_plane: DataPlane) -> None:
    ids = {data_plane.get("/healthz").headers["X-Request-Id"] for _ in range(5)}
    assert len(ids) == 5


@pytest.mark.parametrize(
    "size", [0, IN_MEMORY_BYTES, IN_MEMORY_BYTES + 1, 1_000_000, 3_000_001]
)
def test_head_declares_the_length_that_get_sends(
    data_plane: DataPlane, size: int
) -> None:
    body = random_body(size)
    data_plane.put(PATH, body)
    served, described = data_plane.get(PATH), data_plane.head(PATH)
    assert served.body == body
    assert described.headers["Content-Length"] == str(size)
    assert set(served.headers) == set(described.headers)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_not_there_is_404(data_plane: DataPlane, method: str) -> None:
    assert data_plane.request(method, PATH).status == 404
    data_plane.put("/buckets/test")
    answer = data_plane.request(method, PATH)
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_missing_bucket_and_a_missing_key_have_codes_of_their_own(
    data_plane: DataPlane,
) -> None:
    assert_problem(data_plane.get(PATH), 404, "no_such_bucket")
    data_plane.put("/buckets/test")
    assert_problem(data_plane.get(PATH), 404, "no_such_key")


ACTIVE = [
    "text/html",
    "TEXT/HTML; charset=utf-8",
    "application/xhtml+xml",
    "image/svg+xml",
    "text/xml",
    "application/xml",
    "application/rss+xml",
    "text/javascript",
    "application/javascript",
    "multipart/x-mixed-replace; boundary=a",
    "text/xsl",
]


@pytest.mark.parametrize("media_type", ACTIVE)
@pytest.mark.parametrize("disposition", [None, "inline", 'inline; filename="a.html"'])
def test_what_could_act_on_our_origin_is_only_ever_downloaded(
    data_plane: DataPlane, media_type: str, disposition: str | None
) -> None:
    headers = {"Content-Type": media_type}
    if disposition:
        headers["Content-Disposition"] = disposition
    data_plane.put(PATH, b"<script>alert(1)</script>", headers=headers)
    for served in (
        data_plane.get(PATH),
        data_plane.head(PATH),
        data_plane.get(PATH, headers={"Range": "bytes=0-4"}),
    ):
        assert served.headers["Content-Disposition"].startswith("attachment")
        assert served.headers["Content-Security-Policy"].startswith("sandbox")
        assert served.headers["X-Content-Type-Options"] == "nosniff"
        assert served.headers["Content-Type"] == media_type


@pytest.mark.parametrize("key", ["page.html", "logo.svg", "feed.xml", "app.js"])
def test_a_guessed_type_is_watched_like_a_sent_one(
    data_plane: DataPlane, key: str
) -> None:
    data_plane.put(f"/buckets/test/objects/{key}", b"<svg onload='alert(1)'/>")
    served = data_plane.get(f"/buckets/test/objects/{key}")
    assert served.headers["Content-Disposition"] == "attachment"


@pytest.mark.parametrize("media_type", ["image/png", "text/plain", "application/pdf"])
def test_harmless_types_are_shown_as_they_are_sandboxed(
    data_plane: DataPlane, media_type: str
) -> None:
    data_plane.put(PATH, b"x", headers={"Content-Type": media_type})
    served = data_plane.get(PATH)
    assert "Content-Disposition" not in served.headers
    assert served.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


def test_bytes_that_are_gone_are_an_error_of_ours(
    data_plane: DataPlane,
) -> None:
    data_plane.put(PATH, HELLO)
    lose(SHA256)
    assert_problem(data_plane.get(PATH), 500, "bytes_missing")
    assert data_plane.head(PATH).status == 200


@pytest.mark.parametrize("size", [100, 1_000_000])
def test_bytes_that_are_cut_short_are_never_served_as_whole(
    data_plane: DataPlane, size: int
) -> None:
    body = random_body(size)
    sha256 = data_plane.put(PATH, body).json()["sha256"]
    replace(sha256, body[:-1])
    assert_problem(data_plane.get(PATH), 500, "bytes_missing")


@pytest.mark.parametrize("left", [b"", b"Hello"])
def test_an_upload_after_bytes_were_found_lost_puts_them_back_under_every_key(
    data_plane: DataPlane, left: bytes
) -> None:
    data_plane.put(PATH, HELLO)
    replace(SHA256, left or None)
    assert data_plane.get(PATH).status == 500
    data_plane.put("/buckets/test/objects/another", HELLO)
    assert data_plane.get(PATH).body == HELLO


def test_a_browser_that_comes_to_the_root_is_sent_to_the_console(
    data_plane: DataPlane,
) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    sent = data_plane.get("/", headers=browser)
    assert (sent.status, sent.headers["Location"]) == (302, "/ui/")
    assert sent.headers["Content-Length"] == "0"
    told = data_plane.get("/", headers={"Accept": "*/*"})
    assert told.status == 200
    assert told.json()["objects"] == "/objects"
