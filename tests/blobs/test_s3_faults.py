"""S3 going wrong in every way a network and a server can, and what the store does."""

import hashlib
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pytest_django import Settings

from objects_app.blobs import s3, s3_multipart
from objects_app.blobs.ingest import Expected, receive
from objects_app.blobs.s3 import S3Backend
from objects_app.errors import BytesMissing, StorageUnavailable
from tests.blobs.backend_contract import get, put
from tests.blobs.bodies import MIB, digest, random_body
from tests.servers.faulty import Fault, FaultyS3, Request, faulty_s3
from tests.servers.ports import free_port

BODY = random_body(300_000)
PART = 5 * MIB


@pytest.fixture
def proxy(on_s3: Settings) -> Iterator[FaultyS3]:
    """A proxy that the settings name instead of the server."""
    with faulty_s3(str(on_s3.S3_ENDPOINT_URL)) as (url, proxy):
        on_s3.S3_ENDPOINT_URL = url
        yield proxy


@pytest.fixture
def impatient(settings: Settings) -> None:
    """Wait half a second for S3; ask for it before `store`."""
    settings.S3_TIMEOUT_SECONDS = 0.5


@pytest.fixture
def store(proxy: FaultyS3, monkeypatch: pytest.MonkeyPatch) -> S3Backend:
    monkeypatch.setattr(s3_multipart, "_LEAST_PART_BYTES", PART)
    monkeypatch.setattr(s3, "_RESET_SECONDS", 0.2)
    return S3Backend()


def put_in_parts(store: S3Backend, body: bytes) -> str:
    with receive(
        _Stream(body),
        length=len(body),
        limit=2**40,
        expected=Expected(),
        spool_dir=store.spool_dir,
        part_bytes=store.part_bytes,
    ) as received:
        store.write(received.sha256, received.spool)
        return received.sha256


class _Stream:
    def __init__(self, body: bytes) -> None:
        self._left = memoryview(body)

    def read(self, size: int, /) -> bytes:
        chunk, self._left = self._left[:size], self._left[size:]
        return bytes(chunk)


def idle_connections(store: S3Backend) -> tuple[int, int]:
    """Return how many connections were ever made, and how many wait in the pool."""
    client: Any = store._client
    [pool] = client._endpoint.http_session._manager.pools._container.values()
    waiting = [one for one in list(pool.pool.queue) if one is not None]
    return pool.num_connections, len(waiting)


def parts_left(store: S3Backend) -> list[Any]:
    found = store._client.list_multipart_uploads(
        Bucket=store._bucket, Prefix=store._prefix
    )
    return list(found.get("Uploads", []))


# No answer


def test_a_refused_connection_is_unavailable_and_says_nothing_of_where(
    on_s3: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    on_s3.S3_ENDPOINT_URL = f"http://127.0.0.1:{port}"
    store = S3Backend()

    with pytest.raises(StorageUnavailable, match="try again") as refused:
        put(store, BODY)

    for told in (str(refused.value), caplog.text):
        assert str(port) not in told
        assert str(on_s3.S3_BUCKET_NAME) not in told
        assert digest(BODY) not in told


def test_a_server_that_is_silent_is_given_up_at_the_limit(
    impatient: None, store: S3Backend, proxy: FaultyS3
) -> None:
    proxy.always(Fault(silent=True))

    started = time.monotonic()
    with pytest.raises(StorageUnavailable):
        store.stat(digest(BODY))

    assert 0.5 <= time.monotonic() - started < 2
    assert len(proxy.requests) == 1


def test_a_delete_is_asked_once_and_has_a_short_limit(
    store: S3Backend, proxy: FaultyS3, settings: Settings
) -> None:
    settings.S3_TIMEOUT_SECONDS = 60
    settings.SWEEP_LEASE_SECONDS = 4
    proxy.always(Fault(silent=True))

    started = time.monotonic()
    with pytest.raises(StorageUnavailable):
        store.delete(digest(BODY))

    assert time.monotonic() - started < settings.SWEEP_LEASE_SECONDS / 2
    assert len(proxy.asked("DELETE")) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500, code="InternalError"),
        Fault(status=503, code="SlowDown"),
        Fault(status=502),
        Fault(hang_up=True),
    ],
    ids=str,
)
def test_what_fails_once_is_repeated_and_succeeds(
    store: S3Backend, proxy: FaultyS3, fault: Fault
) -> None:
    proxy.next(fault)
    sha256 = put(store, BODY)
    proxy.next(fault)

    assert get(store, sha256) == BODY
    assert [len(proxy.asked("PUT")), len(proxy.asked("GET"))] == [2, 2]


def test_a_server_that_stays_overloaded_is_unavailable(
    store: S3Backend, proxy: FaultyS3
) -> None:
    proxy.always(Fault(status=503, code="SlowDown"))

    with pytest.raises(StorageUnavailable, match="overloaded"):
        store.open(digest(BODY))

    assert len(proxy.requests) == 3


def test_a_server_that_refuses_us_is_the_operators_business_and_asked_once(
    store: S3Backend, proxy: FaultyS3
) -> None:
    proxy.always(Fault(status=403, code="AccessDenied"))

    with pytest.raises(StorageUnavailable, match="operator"):
        store.open(digest(BODY))

    assert len(proxy.requests) == 1


def test_a_bucket_that_is_not_there_is_not_a_store_without_bytes(
    store: S3Backend,
) -> None:
    store._bucket = "never-made"

    for ask in (store.stat, store.open, store.delete):
        with pytest.raises(StorageUnavailable):
            ask(digest(BODY))
    with pytest.raises(StorageUnavailable):
        store.check()


# Damage


def test_bytes_damaged_on_the_way_are_refused_by_the_server(
    store: S3Backend, proxy: FaultyS3
) -> None:
    proxy.next(Fault(flip_body=True))

    with pytest.raises(StorageUnavailable, match="damaged"):
        put(store, BODY)

    assert store.stat(digest(BODY)) is None


def test_a_part_damaged_on_the_way_is_refused_and_leaves_nothing(
    store: S3Backend, proxy: FaultyS3
) -> None:
    body = random_body(3 * PART + 1)
    proxy.choose = lambda request: Fault(flip_body="partNumber=3" in request.target)

    with pytest.raises(StorageUnavailable, match="damaged"):
        put_in_parts(store, body)

    assert store.stat(digest(body)) is None
    assert parts_left(store) == []


def test_a_body_that_ends_early_is_never_taken_for_the_whole(
    store: S3Backend, proxy: FaultyS3
) -> None:
    sha256 = put(store, BODY)
    proxy.next(Fault(truncate_to=1000))

    with store.open(sha256) as reader, pytest.raises(StorageUnavailable):
        reader.read()


def test_an_answer_that_does_not_say_how_long_it_is_is_no_answer_of_s3(
    store: S3Backend, proxy: FaultyS3
) -> None:
    sha256 = put(store, BODY)
    proxy.always(Fault(no_length=True))

    for ask in (store.stat, store.open):
        with pytest.raises(StorageUnavailable, match="no answer of S3"):
            ask(sha256)


def test_small_bytes_that_are_not_their_digest_are_missing_bytes(
    store: S3Backend,
) -> None:
    sha256 = digest(b"small")
    store._client.put_object(
        Bucket=store._bucket, Key=store._key(sha256), Body=b"smell"
    )

    with pytest.raises(BytesMissing):
        store.open(sha256, start=0, length=5)


@pytest.mark.parametrize("body", [b"", b"<html>Welcome</html>"], ids=["none", "html"])
@pytest.mark.parametrize(
    "asked", ["PUT", "POST uploads", "PUT partNumber", "POST uploadId"]
)
def test_a_success_that_is_not_s3s_stores_nothing(
    store: S3Backend, proxy: FaultyS3, asked: str, body: bytes
) -> None:
    method, _, query = asked.partition(" ")
    proxy.choose = lambda request: (
        Fault(status=200, body=body)
        if request.method == method and query in request.target.partition("?")[2]
        else None
    )

    write, content = (put_in_parts, random_body(PART + 1)) if query else (put, BODY)
    with pytest.raises(StorageUnavailable, match="no answer of S3"):
        write(store, content)


@pytest.mark.parametrize("code", ["InternalError", "SlowDown"])
def test_a_failure_that_comes_as_a_success_is_a_failure(
    store: S3Backend, proxy: FaultyS3, code: str
) -> None:
    proxy.choose = lambda request: (
        Fault(status=200, code=code)
        if request.method == "POST" and "uploadId" in request.target
        else None
    )

    with pytest.raises(StorageUnavailable):
        put_in_parts(store, random_body(PART + 1))

    assert store.stat(digest(random_body(PART + 1))) is None


# Parts


@pytest.mark.parametrize("size", [PART + 1, 2 * PART, 6 * PART + 12_345])
def test_a_large_body_goes_in_parts_and_comes_back_equal(
    store: S3Backend, proxy: FaultyS3, size: int
) -> None:
    body = random_body(size)

    sha256 = put_in_parts(store, body)

    assert len(proxy.asked("PUT")) == -(-size // PART)
    assert all("x-amz-checksum-sha256" in put.headers for put in proxy.asked("PUT"))
    assert get(store, sha256) == body
    assert store.stat(sha256) == size
    with store.open(sha256, start=PART - 1, length=2) as reader:
        assert reader.read() == body[PART - 1 : PART + 1]


def test_a_body_of_one_part_goes_in_one_request(
    store: S3Backend, proxy: FaultyS3
) -> None:
    put_in_parts(store, random_body(PART))

    assert [request.method for request in proxy.requests] == ["PUT"]


def test_parts_that_fail_once_are_sent_again(store: S3Backend, proxy: FaultyS3) -> None:
    body = random_body(4 * PART)
    failed: set[str] = set()

    def once(request: Request) -> Fault | None:
        if request.target in failed:
            return None
        failed.add(request.target)
        return Fault(status=500)

    proxy.choose = once

    assert get(store, put_in_parts(store, body)) == body


def test_a_failed_upload_waits_for_its_parts_and_leaves_none(
    store: S3Backend, proxy: FaultyS3
) -> None:
    proxy.choose = lambda request: (
        Fault(status=403, code="AccessDenied")
        if "partNumber=2" in request.target
        else None
    )

    with pytest.raises(StorageUnavailable):
        put_in_parts(store, random_body(6 * PART))

    assert proxy.requests[-1].method == "DELETE"
    assert parts_left(store) == []


def test_a_lost_answer_to_the_last_request_is_no_failure(
    store: S3Backend, proxy: FaultyS3
) -> None:
    body = random_body(2 * PART)
    completed: list[Request] = []

    def lose_the_answer(request: Request) -> Fault | None:
        if request.method != "POST" or "uploads" in request.target:
            return None
        completed.append(request)
        return Fault(lose_answer=len(completed) == 1)

    proxy.choose = lose_the_answer

    assert get(store, put_in_parts(store, body)) == body
    assert len(completed) >= 2


def test_parts_of_a_killed_upload_are_cleared_once_old(store: S3Backend) -> None:
    strange = f"{store._prefix}not-ours"
    for key in (store._key(digest(BODY)), strange):
        store._client.create_multipart_upload(Bucket=store._bucket, Key=key)

    store.clear_spool(older_than_seconds=3600)
    assert len(parts_left(store)) == 2
    store.clear_spool(older_than_seconds=-60)

    assert [one["Key"] for one in parts_left(store)] == [strange]


def test_uploads_in_parts_share_a_few_threads(store: S3Backend) -> None:
    bodies = [random_body(3 * PART, seed=seed) for seed in range(3)]

    with ThreadPoolExecutor(3) as pool:
        names = list(pool.map(lambda body: put_in_parts(store, body), bodies))

    for name, body in zip(names, bodies, strict=True):
        assert hashlib.sha256(get(store, name)).hexdigest() == digest(body)
    named = [t.name for t in threading.enumerate() if t.name.startswith("s3-part")]
    assert len(named) <= 4


# Connections


def test_a_reader_closed_in_mid_stream_gives_its_connection_back(
    store: S3Backend,
) -> None:
    sha256 = put(store, random_body(3 * MIB))
    for _ in range(5):
        with store.open(sha256) as reader:
            reader.read(10)

    assert idle_connections(store)[1] == 1
    assert store.stat(sha256) == 3 * MIB


def test_a_reader_read_to_its_end_leaves_one_connection_for_all(
    store: S3Backend,
) -> None:
    sha256 = put(store, BODY)
    made, _ = idle_connections(store)
    for _ in range(5):
        get(store, sha256)
        with store.open(sha256, start=5, length=10) as reader:
            assert reader.read() == BODY[5:15]

    assert idle_connections(store) == (made, 1)


# The breaker


def test_a_dead_server_is_refused_at_once_until_it_answers_again(
    store: S3Backend, proxy: FaultyS3, caplog: pytest.LogCaptureFixture
) -> None:
    sha256 = put(store, BODY)
    proxy.always(Fault(status=500))
    for _ in range(5):
        with pytest.raises(StorageUnavailable):
            store.stat(sha256)
    asked = len(proxy.requests)
    with pytest.raises(StorageUnavailable):
        store.stat(sha256)
    assert len(proxy.requests) == asked, "it was not even asked"

    proxy.choose = lambda _: None
    _wait_until_open_again(store, sha256)

    assert get(store, sha256) == BODY
    told = [r for r in caplog.records if r.name == "objects_app.blobs.breaker"]
    assert [record.levelno for record in told] == [logging.ERROR, logging.WARNING]


def _wait_until_open_again(store: S3Backend, sha256: str) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            assert store.stat(sha256) == len(BODY)
        except StorageUnavailable:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            return


def test_while_it_is_open_one_thread_tries_and_the_others_do_not_wait(
    impatient: None, store: S3Backend, proxy: FaultyS3
) -> None:
    proxy.always(Fault(status=500))
    for _ in range(5):
        with pytest.raises(StorageUnavailable):
            store.stat(digest(BODY))
    proxy.always(Fault(silent=True))
    time.sleep(0.25)  # the pause after which it is tried again
    asked = len(proxy.requests)

    def waited(_: int) -> float:
        started = time.monotonic()
        with pytest.raises(StorageUnavailable):
            store.stat(digest(BODY))
        return time.monotonic() - started

    with ThreadPoolExecutor(8) as pool:
        times = sorted(pool.map(waited, range(8)))

    assert times[-1] >= 0.5
    assert times[-2] < 0.4
    assert len(proxy.requests) - asked == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=403, code="AccessDenied"),
        Fault(status=404, code="NoSuchKey"),
        Fault(status=400, code="BadDigest"),
    ],
    ids=str,
)
def test_an_answer_one_may_not_like_is_no_failure_of_the_server(
    store: S3Backend, proxy: FaultyS3, fault: Fault
) -> None:
    proxy.always(fault)
    for _ in range(8):
        with pytest.raises((StorageUnavailable, BytesMissing)):
            store.open(digest(BODY))

    assert len(proxy.requests) == 8
