"""Small blobs are kept near: in memory, in a real Redis, and never in the way."""

import contextlib
import signal
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from objects_app import metrics
from objects_app.blobs.cache import MAX_BLOB_BYTES, BlobCache
from objects_app.blobs.s3 import S3Backend
from objects_app.errors import BytesMissing
from objects_app.services import verify
from tests.blobs.backend_contract import get, put
from tests.blobs.bodies import digest, random_body
from tests.servers.ports import free_port
from tests.servers.redis import Redis, find_redis, redis_server
from tests.services.store import Store
from tests.stored import replace

MIB = 1024 * 1024
SMALL = random_body(4000)
NAME = digest(SMALL)


@pytest.fixture(scope="module")
def redis_process() -> Iterator[Redis]:
    if find_redis() is None:
        pytest.skip("there is no Redis for this platform")
    with redis_server() as server:
        yield server


@pytest.fixture
def redis(redis_process: Redis) -> Redis:
    redis_process.client.flushall()
    return redis_process


def shared(server: Redis) -> BlobCache:
    """Return a cache of a node without memory for it."""
    return BlobCache(max_bytes=0, redis_url=server.url)


def lookups(outcome: str) -> float:
    return float(metrics.CACHE_LOOKUPS.labels(outcome)._value.get())


def read(store: S3Backend, sha256: str, length: int, start: int = 0) -> bytes:
    with store.open(sha256, start=start, length=length) as reader:
        return reader.read()


# In memory


def test_what_was_put_is_found_until_it_is_forgotten() -> None:
    cache = BlobCache(max_bytes=MIB, redis_url=None)
    assert cache.get(NAME) is None
    cache.put(NAME, SMALL)
    assert cache.get(NAME) == SMALL
    cache.forget(NAME)
    assert cache.get(NAME) is None


def test_memory_is_bounded_and_the_least_used_goes_first() -> None:
    cache = BlobCache(max_bytes=100_000, redis_url=None)
    bodies = {digest(body): body for n in range(30) if (body := random_body(9000 + n))}
    first, *rest = bodies
    cache.put(first, bodies[first])
    for name in rest:
        cache.put(name, bodies[name])
        assert cache.get(first) == bodies[first]

    kept = [name for name in bodies if cache.get(name) is not None]
    assert kept[0] == first
    assert len(kept) * 9000 < 100_000
    assert kept[-1] == rest[-1]


def test_without_memory_or_redis_nothing_is_kept() -> None:
    cache = BlobCache(max_bytes=0, redis_url=None)
    cache.put(NAME, SMALL)
    assert cache.enabled is False
    assert cache.get(NAME) is None


def test_threads_may_use_it_at_once() -> None:
    cache = BlobCache(max_bytes=50_000, redis_url=None)
    bodies = {digest(body): body for n in range(40) if (body := random_body(3000 + n))}
    wrong: list[str] = []

    def use() -> None:
        for name, body in bodies.items():
            cache.put(name, body)
            if cache.get(name) not in {body, None}:
                wrong.append(name)

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# In Redis


def test_nodes_share_what_one_of_them_put(redis: Redis) -> None:
    shared(redis).put(NAME, SMALL)
    before = lookups("redis")

    another = BlobCache(max_bytes=MIB, redis_url=redis.url)

    assert another.get(NAME) == SMALL
    assert lookups("redis") == before + 1
    redis.client.flushall()
    assert another.get(NAME) == SMALL, "and keeps it in memory from then on"


def test_bytes_in_redis_that_are_not_their_digest_are_a_miss(redis: Redis) -> None:
    cache = shared(redis)
    cache.put(NAME, SMALL)
    [key] = redis.client.keys()
    redis.client.set(key, SMALL[:-1])

    assert cache.get(NAME) is None
    cache.put(NAME, SMALL)
    assert cache.get(NAME) == SMALL


def test_what_is_in_redis_goes_by_itself_and_when_forgotten(redis: Redis) -> None:
    cache = shared(redis)
    cache.put(NAME, SMALL)
    [key] = redis.client.keys()
    assert 0 < redis.client.ttl(key) <= 86_400

    cache.forget(NAME)

    assert redis.client.keys() == []


@pytest.mark.parametrize("how", ["refused", "silent"])
def test_a_redis_that_is_away_is_a_miss_and_soon_not_asked(
    redis: Redis, how: str
) -> None:
    url = redis.url
    if how == "refused":
        url = f"redis://127.0.0.1:{free_port()}/0"
    cache = BlobCache(max_bytes=0, redis_url=url)
    if how == "silent":
        redis.process.send_signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        for _ in range(50):
            assert cache.get(NAME) is None
            cache.put(NAME, SMALL)
            cache.forget(NAME)
        assert time.monotonic() - started < 2
    finally:
        redis.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize(
    "answer", [b"+OK\r\n", b"$x\r\n", b":x\r\n", b"_\r\n", b"HTTP/1.1 400 Bad\r\n\r\n"]
)
def test_what_is_no_answer_of_redis_is_a_miss(answer: bytes) -> None:
    with _answering(answer) as port:
        cache = BlobCache(max_bytes=0, redis_url=f"redis://127.0.0.1:{port}/0")

        assert cache.get(NAME) is None
        cache.put(NAME, SMALL)
        cache.forget(NAME)


@contextlib.contextmanager
def _answering(answer: bytes) -> Iterator[int]:
    """Yield the port of a server that says the same to everything."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                while self.request.recv(65536):
                    self.request.sendall(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield server.server_address[1]
        server.shutdown()
        serving.join()


# Before S3


@pytest.fixture
def store(on_s3: Settings) -> S3Backend:
    return S3Backend()


def test_a_small_blob_is_asked_of_s3_once(
    store: S3Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = put(store, SMALL)
    misses, hits = lookups("miss"), lookups("memory")
    assert read(store, sha256, 4000) == SMALL
    monkeypatch.delattr(type(store), "_reader")

    assert read(store, sha256, 4000) == SMALL
    assert read(store, sha256, 10) == SMALL[:10]
    assert (lookups("miss"), lookups("memory")) == (misses + 1, hits + 2)


@pytest.mark.parametrize(
    ("size", "kept"), [(MAX_BLOB_BYTES, 1), (MAX_BLOB_BYTES + 1, 0)]
)
def test_only_small_blobs_are_kept(store: S3Backend, size: int, kept: int) -> None:
    body = random_body(size)
    sha256 = put(store, body)

    assert read(store, sha256, size) == body

    assert len(store._cache._memory) == kept


def test_a_part_of_a_larger_blob_is_not_taken_for_the_whole(store: S3Backend) -> None:
    body = random_body(200_000)
    sha256 = put(store, body)

    assert read(store, sha256, 1000) == body[:1000]
    assert read(store, sha256, 2000) == body[:2000]
    assert len(store._cache._memory) == 0


def test_a_write_keeps_nothing_so_an_import_does_not_turn_the_cache_over(
    store: S3Backend,
) -> None:
    put(store, SMALL)
    assert len(store._cache._memory) == 0


def test_deleted_bytes_are_forgotten(on_s3: Settings, redis: Redis) -> None:
    on_s3.REDIS_URL = redis.url
    store = S3Backend()
    sha256 = put(store, SMALL)
    read(store, sha256, 4000)
    assert len(redis.client.keys()) == 1

    store.delete(sha256)

    assert redis.client.keys() == []
    with pytest.raises(BytesMissing):
        read(store, sha256, 4000)


def test_what_is_read_without_a_length_never_comes_from_the_cache(
    store: S3Backend,
) -> None:
    sha256 = put(store, SMALL)
    read(store, sha256, 4000)
    store._client.put_object(
        Bucket=store._bucket, Key=store._key(sha256), Body=b"damaged"
    )

    assert get(store, sha256) == b"damaged"


@pytest.mark.django_db
def test_verify_sees_damage_behind_a_warm_cache(
    on_s3: Settings, data_dir: object
) -> None:
    store = Store()
    store.put("a", SMALL)
    assert store.read("a") == SMALL
    kept: S3Backend = store.backend  # type: ignore[assignment]
    replace(NAME, SMALL[:-1])
    kept._cache.put(NAME, SMALL)

    assert verify.verify().damaged == [NAME]
