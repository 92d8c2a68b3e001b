"""S3: the contract on a real server, and what each write and the clock ask of it."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from objects_app.blobs import s3_clock, s3_multipart
from objects_app.blobs.backend import BlobBackend
from objects_app.blobs.backend import backend as chosen_backend
from objects_app.blobs.s3 import S3Backend
from objects_app.blobs.s3_client import PART_THREADS, connect, own_server
from objects_app.errors import StorageUnavailable
from tests.blobs.backend_contract import BackendContract, get, put
from tests.blobs.bodies import MIB, digest, random_body, received
from tests.e2e.store import environment
from tests.servers.faulty import Fault, FaultyS3, faulty_s3


class TestS3Backend(BackendContract):
    """The contract, in a bucket."""

    @pytest.fixture
    def backend(self, on_s3: Settings) -> BlobBackend:
        return S3Backend()


@pytest.fixture
def store(on_s3: Settings) -> S3Backend:
    return S3Backend()


@pytest.fixture
def proxy(on_s3: Settings) -> Iterator[FaultyS3]:
    """A proxy that sees each request."""
    with faulty_s3(str(on_s3.S3_ENDPOINT_URL)) as (url, proxy):
        on_s3.S3_ENDPOINT_URL = url
        yield proxy


def test_a_bucket_in_the_settings_chooses_s3(on_s3: Settings) -> None:
    chosen_backend.cache_clear()
    try:
        chosen = chosen_backend()
        assert chosen is chosen_backend()
        assert chosen.name == "s3"
        assert chosen.spool_dir == on_s3.DATA_DIR / "tmp"
    finally:
        chosen_backend.cache_clear()


def test_a_store_on_files_does_not_import_boto3() -> None:
    script = (
        "import sys, django; django.setup()\n"
        "from objects_app.blobs.backend import backend, preload\n"
        "preload(); backend(); print('boto3' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(DJANGO_SETTINGS_MODULE="tests.settings"),
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("prefix", ["", "/", "a", "/a/b/", "a/b"])
def test_the_prefix_stands_before_each_key_and_separates_stores(
    on_s3: Settings, prefix: str
) -> None:
    outer = str(on_s3.S3_PREFIX)
    on_s3.S3_PREFIX = f"{outer}/{prefix}"
    one = S3Backend()
    on_s3.S3_PREFIX = f"{outer}x"
    other = S3Backend()

    sha256 = put(one, b"body")

    assert [stored.sha256 for stored in one.walk()] == [sha256]
    assert list(other.walk()) == []
    wanted = f"{outer}/{prefix}".replace("//", "/").strip("/")
    key = f"{wanted}/objects/{sha256[:2]}/{sha256[2:4]}/{sha256}"
    assert one._client.get_object(Bucket=one._bucket, Key=key)["Body"].read() == b"body"


def test_strangers_beside_our_keys_are_not_walked(store: S3Backend) -> None:
    sha256 = put(store, b"ours")
    for key in ("objects/README", f"objects/{sha256}", f"tmp/{sha256}"):
        store._client.put_object(
            Bucket=store._bucket, Key=f"{store._prefix}{key}", Body=b"x"
        )

    assert [stored.sha256 for stored in store.walk()] == [sha256]


def test_a_walk_goes_over_as_many_pages_as_there_are(
    store: S3Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = sorted(put(store, random_body(n, seed=21)) for n in range(7))
    ask = store._client.list_objects_v2
    monkeypatch.setattr(
        store._client, "list_objects_v2", lambda **asked: ask(**asked, MaxKeys=3)
    )

    assert [stored.sha256 for stored in store.walk()] == names


@pytest.mark.parametrize("size", [700, 2 * MIB, 11 * MIB])
def test_encryption_and_digest_go_with_every_write(
    on_s3: Settings, proxy: FaultyS3, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(s3_multipart, "_LEAST_PART_BYTES", 5 * MIB)
    on_s3.S3_SSE = "aws:kms"
    on_s3.S3_SSE_KMS_KEY_ID = "a-key"
    store = S3Backend()
    proxy.always(Fault(status=400, code="Seen"))
    if size > store.part_bytes:  # the parts follow the encryption of the upload
        proxy.choose = lambda request: (
            Fault(status=400, code="Seen") if "uploads" in request.target else None
        )

    with pytest.raises(Exception, match="refuses"):
        put(store, random_body(size))

    [write] = proxy.requests
    assert write.headers["x-amz-server-side-encryption"] == "aws:kms"
    assert write.headers["x-amz-server-side-encryption-aws-kms-key-id"] == "a-key"
    assert ("x-amz-checksum-sha256" in write.headers) == (write.method == "PUT")


_ENCRYPTION = "x-amz-server-side-encryption"


@pytest.mark.parametrize("size", [700, 11 * MIB])
@pytest.mark.parametrize(
    ("sse", "key", "expected"),
    [
        (None, None, {}),
        ("AES256", None, {_ENCRYPTION: "AES256"}),
        ("aws:kms", None, {_ENCRYPTION: "aws:kms"}),
        (
            "aws:kms:dsse",
            "a-key",
            {
                _ENCRYPTION: "aws:kms:dsse",
                f"{_ENCRYPTION}-aws-kms-key-id": "a-key",
            },
        ),
    ],
)
def test_the_encryption_that_is_asked_for_is_the_one_that_is_set(
    on_s3: Settings,
    proxy: FaultyS3,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
    sse: str | None,
    key: str | None,
    expected: dict[str, str],
) -> None:
    monkeypatch.setattr(s3_multipart, "_LEAST_PART_BYTES", 5 * MIB)
    on_s3.S3_SSE, on_s3.S3_SSE_KMS_KEY_ID = sse, key
    store = S3Backend()
    proxy.always(Fault(status=400, code="Seen"))

    with pytest.raises(StorageUnavailable):
        put(store, random_body(size))

    asked = {
        name.lower(): value
        for name, value in proxy.requests[0].headers.items()
        if name.lower().startswith(_ENCRYPTION)
    }
    assert asked == expected


@pytest.mark.parametrize("size", [700, 2 * MIB])
def test_what_was_stored_encrypted_is_read_like_all_else(
    on_s3: Settings, size: int
) -> None:
    """Reading asks for nothing: S3 knows how it encrypted what it has."""
    on_s3.S3_SSE = "AES256"
    store = S3Backend()
    body = random_body(size, seed=33)
    sha256 = put(store, body)

    assert get(store, sha256) == body
    assert store.stat(sha256) == size
    with store.open(sha256, start=100, length=50) as reader:
        assert reader.read() == body[100:150]


def test_the_body_is_neither_hashed_again_nor_chunked(
    on_s3: Settings, proxy: FaultyS3
) -> None:
    put(S3Backend(), random_body(2 * MIB))

    [write] = proxy.requests
    assert write.headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
    assert write.headers["content-length"] == str(2 * MIB)
    assert "aws-chunked" not in write.headers.get("content-encoding", "")


def test_all_backends_of_a_process_share_one_client(on_s3: Settings) -> None:
    assert S3Backend()._client is S3Backend()._client


def test_every_thread_has_a_connection_and_none_waits_for_ever(
    store: S3Backend, settings: Settings
) -> None:
    configured: Any = store._client.meta.config
    assert configured.max_pool_connections > settings.WEB_THREADS + PART_THREADS
    assert configured.read_timeout == settings.S3_TIMEOUT_SECONDS
    assert configured.connect_timeout < configured.read_timeout


# Parts


@pytest.mark.parametrize(
    ("largest", "expected"),
    [(1, 64 * MIB), (5 * 1024**3, 64 * MIB), (640_000 * MIB, 64 * MIB)],
)
def test_parts_are_of_64_mib(largest: int, expected: int) -> None:
    assert s3_multipart.part_bytes(largest) == expected


@pytest.mark.parametrize("largest", [640_000 * MIB + 1, 5 * 1024**4])
def test_larger_parts_keep_the_largest_body_within_ten_thousand(largest: int) -> None:
    size = s3_multipart.part_bytes(largest)

    assert size % MIB == 0
    assert -(-largest // size) <= 10_000


def test_digests_that_do_not_fit_the_parts_store_nothing(
    store: S3Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.part_bytes = 5 * MIB
    body = random_body(11 * MIB)
    with (
        received(body, store.spool_dir) as whole,
        pytest.raises(ValueError, match="zip"),
    ):
        store.write(whole.sha256, whole.spool)

    assert store.stat(digest(body)) is None


# A clock that is wrong


@pytest.fixture(params=[timedelta(days=1), timedelta(days=-1)], ids=str)
def wrong_clock(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> timedelta:
    """This node's clock as signatures see it; the server's is right."""
    off: timedelta = request.param

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) + off

    monkeypatch.setattr(s3_clock, "datetime", Wrong)
    return off


def test_a_node_whose_clock_is_wrong_by_a_day_works(
    on_s3: Settings, wrong_clock: timedelta, proxy: FaultyS3
) -> None:
    store = S3Backend()

    sha256 = put(store, random_body(2 * MIB))

    assert [request.method for request in proxy.requests] == ["PUT", "PUT"]
    assert get(store, sha256) == random_body(2 * MIB)
    assert len(proxy.requests) == 3, "the clock is learnt once"
    assert abs(store.clock() - datetime.now(UTC)) < timedelta(seconds=10)
    store.delete(sha256)
    assert store.stat(sha256) is None


def test_a_clock_that_is_set_right_later_is_followed(
    on_s3: Settings, proxy: FaultyS3
) -> None:
    store = S3Backend()
    sha256 = put(store, b"body")
    clock = connect(own_server(), timeout_seconds=on_s3.S3_TIMEOUT_SECONDS).clock
    clock.offset = timedelta(hours=5)

    assert get(store, sha256) == b"body"
    assert abs(clock.offset) < timedelta(seconds=10)


def test_wrong_credentials_are_not_taken_for_a_wrong_clock(
    on_s3: Settings, proxy: FaultyS3
) -> None:
    on_s3.AWS_SECRET_ACCESS_KEY = "wrong"
    with pytest.raises(Exception, match="operator"):
        S3Backend().check()

    assert len(proxy.requests) == 1


def test_an_upload_under_way_keeps_its_spool_whatever_time_s3_has(
    store: S3Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    tomorrow = store.clock() + timedelta(days=2)
    monkeypatch.setattr(store, "clock", lambda: tomorrow)

    with received(random_body(2 * MIB), spool_dir=store.spool_dir) as body:
        assert store.clear_spool(older_than_seconds=86_400) == 0
        store.write(body.sha256, body.spool)

    assert store.stat(body.sha256) == 2 * MIB
