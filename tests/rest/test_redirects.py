"""DOWNLOAD_MODE=redirect: large downloads come from S3 itself, all others from here."""

import base64
import json
import logging
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pytest_django import Settings

from objects_app.blobs.backend import backend
from objects_app.blobs.s3_client import connect, own_server
from tests.blobs.bodies import random_body
from tests.client import Answer, DataPlane
from tests.rest.problem import assert_problem
from tests.stored import lose

pytestmark = pytest.mark.django_db

PATH = "/buckets/test/objects/report.pdf"
LARGE = random_body(200_000)
STORED = {
    "Content-Type": "text/plain; charset=utf-8",
    "Cache-Control": "max-age=3600, immutable",
    "Content-Disposition": 'inline; filename="a b;c.txt"',
    "Content-Encoding": "x-own",
    "Content-Language": "de, en",
}


@pytest.fixture(autouse=True)
def redirecting(on_s3: Settings) -> Iterator[Settings]:
    """Send what has 100,000 bytes or more to S3."""
    on_s3.ANONYMOUS_ACCESS = "write"
    on_s3.DOWNLOAD_MODE = "redirect"
    on_s3.REDIRECT_MIN_BYTES = 100_000
    backend.cache_clear()
    yield on_s3
    backend.cache_clear()


def location(answer: Answer) -> str:
    assert answer.status == 307, answer
    assert answer.body == b""
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Content-Type" not in answer.headers
    return answer.headers["Location"]


def curl(url: str, *options: str) -> tuple[int, dict[str, str], bytes]:
    """Follow a URL; return the status, the headers in lower case and the body."""
    done = subprocess.run(
        ["curl", "-sg", "--noproxy", "*", "-D", "-", *options, url],
        capture_output=True,
        timeout=30,
        check=True,
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(first.split()[1]), headers, body


def test_a_large_download_comes_from_s3_with_all_that_was_stored_with_it(
    data_plane: DataPlane, redirecting: Settings
) -> None:
    data_plane.put(PATH, LARGE, headers=STORED)

    url = location(data_plane.get(PATH))

    assert url.startswith(f"{redirecting.S3_ENDPOINT_URL}/")
    status, headers, body = curl(url)
    assert (status, body) == (200, LARGE)
    assert {name: headers[name.lower()] for name in STORED} == {
        name: value.lower() for name, value in STORED.items()
    }


@pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml"])
def test_what_could_act_is_only_ever_downloaded(
    data_plane: DataPlane, media_type: str
) -> None:
    sent = {"Content-Type": media_type, "Content-Disposition": "inline; filename=a"}
    data_plane.put(PATH, LARGE, headers=sent)

    _, headers, _ = curl(location(data_plane.get(PATH)))

    assert headers["content-disposition"] == "attachment; filename=a"
    assert headers["content-type"] == media_type


@pytest.mark.parametrize(
    ("key", "stored", "sent"),
    [
        ("a/b.bin", None, 'inline; filename="b.bin"'),
        ('a"\\b;c.txt', None, r'inline; filename="a\"\\b;c.txt"'),
        (
            "gr\xfcn \u2603.txt",
            None,
            "inline; filename*=utf-8''gr%C3%BCn%20%E2%98%83.txt",
        ),
        ("a\r\nb: c", None, "inline; filename*=utf-8''a%0D%0Ab%3A%20c"),
        ("a.txt", "attachment;", 'attachment; filename="a.txt"'),
        ("a.txt", "inline; FileName*=utf-8''b", "inline; FileName*=utf-8''b"),
        ("a.txt", "a b", "a b"),
    ],
)
def test_a_download_is_called_as_its_key_for_the_url_ends_in_a_digest(
    data_plane: DataPlane, key: str, stored: str | None, sent: str
) -> None:
    path = f"/buckets/test/objects/{quote(key)}"
    headers = {"Content-Disposition": stored} if stored else {}
    data_plane.put(path, LARGE, headers=headers | {"Content-Type": "application/zip"})

    _, received, body = curl(location(data_plane.get(path)))

    assert received["content-disposition"] == sent.lower()
    assert body == LARGE
    assert data_plane.head(path).headers.get("Content-Disposition") == stored


def test_a_key_that_ends_in_a_slash_names_no_file(data_plane: DataPlane) -> None:
    data_plane.put(f"{PATH}/", LARGE, headers={"Content-Type": "application/zip"})

    _, received, _ = curl(location(data_plane.get(f"{PATH}/")))

    assert "content-disposition" not in received


def test_smaller_downloads_come_from_here(data_plane: DataPlane) -> None:
    for size, status in ((99_999, 200), (100_000, 307), (0, 200)):
        data_plane.put(PATH, random_body(size))
        assert data_plane.get(PATH).status == status


def test_nothing_is_redirected_unless_asked(
    data_plane: DataPlane, redirecting: Settings
) -> None:
    redirecting.DOWNLOAD_MODE = "proxy"
    data_plane.put(PATH, LARGE)

    answer = data_plane.get(PATH)

    assert (answer.status, answer.body) == (200, LARGE)


def test_who_asks_for_no_redirect_gets_the_bytes_from_here(
    data_plane: DataPlane,
) -> None:
    data_plane.put(PATH, LARGE)

    answer = data_plane.get(f"{PATH}?redirect=0")

    assert (answer.status, answer.body) == (200, LARGE)
    assert_problem(data_plane.get(f"{PATH}?redirect=1"), 400, "invalid_argument")


def test_head_is_answered_here(data_plane: DataPlane) -> None:
    data_plane.put(PATH, LARGE)

    answer = data_plane.head(PATH)

    assert answer.status == 200
    assert answer.headers["Content-Length"] == str(len(LARGE))


def test_a_part_comes_from_here_for_its_etag_is_ours(data_plane: DataPlane) -> None:
    data_plane.put(PATH, LARGE)

    answer = data_plane.get(PATH, headers={"Range": "bytes=5-150004"})

    assert (answer.status, answer.body) == (206, LARGE[5:150_005])
    assert answer.headers["ETag"] == data_plane.head(PATH).headers["ETag"]


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({"If-None-Match": '"other"'}, 200),
        ({"If-None-Match": "*"}, 304),
        ({"If-Match": "*"}, 200),
        ({"If-Match": '"other"'}, 412),
        ({"If-Modified-Since": "Thu, 01 Jan 2009 00:00:00 GMT"}, 200),
        ({"If-Unmodified-Since": "Thu, 01 Jan 2099 00:00:00 GMT"}, 200),
        ({"If-Range": '"other"', "Range": "bytes=0-1"}, 200),
    ],
    ids=str,
)
def test_conditions_are_decided_here_where_the_object_is_known(
    data_plane: DataPlane, header: dict[str, str], status: int
) -> None:
    data_plane.put(PATH, LARGE)

    assert data_plane.get(PATH, headers=header).status == status


@pytest.mark.parametrize(
    "stored",
    [
        {"Expires": "0"},
        {"Content-Disposition": 'attachment; filename="\xe4"'},
        {"Cache-Control": "x" * 2001},
    ],
    ids=["expires", "not ascii", "long"],
)
def test_headers_that_a_url_cannot_carry_keep_the_download_here(
    data_plane: DataPlane, stored: dict[str, str]
) -> None:
    data_plane.put(PATH, LARGE, headers=stored)

    answer = data_plane.get(PATH)

    assert answer.status == 200
    assert all(name in answer.headers for name in stored)


def test_lost_bytes_are_our_error_and_not_a_redirect_to_nothing(
    data_plane: DataPlane,
) -> None:
    sha256 = data_plane.put(PATH, LARGE).json()["sha256"]
    lose(sha256)

    assert_problem(data_plane.get(PATH), 500, "bytes_missing")
    data_plane.put("/buckets/test/objects/again", LARGE)
    assert curl(location(data_plane.get(PATH)))[2] == LARGE


@pytest.mark.parametrize(
    ("public", "host"),
    [
        ("http://testserver", "testserver"),
        ("https://testserver:443/", "TestServer"),
        ("http://testserver:8080", "testserver:8080"),
    ],
)
def test_content_is_never_sent_to_this_very_origin(
    data_plane: DataPlane, redirecting: Settings, public: str, host: str
) -> None:
    redirecting.S3_PUBLIC_ENDPOINT_URL = public
    data_plane.put(PATH, LARGE)

    answer = data_plane.get(PATH, headers={"Host": host})

    assert (answer.status, answer.body) == (200, LARGE)


def test_clients_are_sent_to_the_public_address(
    data_plane: DataPlane, redirecting: Settings
) -> None:
    server = urlsplit(str(redirecting.S3_ENDPOINT_URL))
    public = f"http://files.example:{server.port}"
    redirecting.S3_PUBLIC_ENDPOINT_URL = public
    data_plane.put(PATH, LARGE)

    url = location(data_plane.get(PATH))

    assert url.startswith(f"{public}/")
    resolve = f"files.example:{server.port}:{server.hostname}"
    assert curl(url, "--resolve", resolve)[2] == LARGE


def test_a_url_works_as_long_as_the_setting_says(
    data_plane: DataPlane, redirecting: Settings
) -> None:
    data_plane.put(PATH, LARGE)
    redirecting.REDIRECT_URL_SECONDS = 90
    url = location(data_plane.get(PATH))
    assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == ["90"]

    clock = connect(own_server(), timeout_seconds=redirecting.S3_TIMEOUT_SECONDS).clock
    clock.offset = timedelta(seconds=-100)  # signed a hundred seconds ago
    try:
        old = location(data_plane.get(PATH))
    finally:
        clock.offset = timedelta(0)

    assert curl(url)[0] == 200
    assert curl(old)[0] == 403


def test_signed_urls_are_never_logged(
    data_plane: DataPlane, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    data_plane.put(PATH, LARGE)

    signature = parse_qs(urlsplit(location(data_plane.get(PATH))).query)

    assert signature["X-Amz-Signature"][0] not in caplog.text
    assert "Signature" not in caplog.text


# CloudFront


@pytest.fixture
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.mark.parametrize("line_end", ["\n", "\\n"])
def test_cloudfront_gets_a_url_that_its_key_has_signed(
    data_plane: DataPlane,
    redirecting: Settings,
    key: rsa.RSAPrivateKey,
    line_end: str,
) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    redirecting.CLOUDFRONT_DOMAIN = "d111.cloudfront.net"
    redirecting.CLOUDFRONT_KEY_ID = "K123"
    redirecting.CLOUDFRONT_KEY = pem.replace("\n", line_end)
    data_plane.put(PATH, LARGE, headers=STORED)

    url = location(data_plane.get(PATH))

    query = parse_qs(urlsplit(url).query)
    assert url.startswith(f"https://d111.cloudfront.net/{redirecting.S3_PREFIX}/")
    assert query["Key-Pair-Id"] == ["K123"]
    assert {name: query[f"response-{name.lower()}"] for name in STORED} == {
        name: [value] for name, value in STORED.items()
    }
    expires = int(query["Expires"][0])
    assert 0 < expires - time.time() <= redirecting.REDIRECT_URL_SECONDS
    resource = url.partition("&Expires=")[0]
    limit = {"DateLessThan": {"AWS:EpochTime": expires}}
    policy = {"Statement": [{"Resource": resource, "Condition": limit}]}
    signed = query["Signature"][0].translate(str.maketrans("-_~", "+=/"))
    key.public_key().verify(
        base64.b64decode(signed),
        json.dumps(policy, separators=(",", ":")).encode(),
        padding.PKCS1v15(),
        hashes.SHA1(),  # noqa: S303 - CloudFront's own
    )
