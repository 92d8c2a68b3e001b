"""One pass: digests, size and limit, with nothing left running afterwards."""

import hashlib
import io
import threading
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objects_app.blobs.hashing import HashingReader
from objects_app.errors import BodyTooLarge, IncompleteBody
from tests.blobs.bodies import (
    MIB,
    Dripping,
    Failing,
    Generated,
    digest,
    random_body,
)

ENOUGH = 2**40


class WatchedHash:
    """SHA-256 that tells `watch` before each update, in the thread that hashes."""

    def __init__(self) -> None:
        self._hash = hashlib.new("sha256")
        self.updates = 0

    def update(self, chunk: bytes) -> None:
        self.updates += 1
        self.watch()
        self._hash.update(chunk)

    def watch(self) -> None: ...

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def read_all(reader: HashingReader) -> bytes:
    with reader:
        return b"".join(reader)


@given(body=st.binary(max_size=300), drop=st.integers(1, 100))
def test_however_a_body_drips_its_digests_are_those_of_the_whole(
    body: bytes, drop: int
) -> None:
    reader = HashingReader(Dripping(body, drop=drop), limit=ENOUGH, with_md5=True)

    assert read_all(reader) == body

    assert reader.size == len(body)
    assert reader.sha256 == hashlib.sha256(body).hexdigest()
    assert reader.md5 == hashlib.md5(body, usedforsecurity=False).digest()


@pytest.mark.parametrize("drop", [MIB, 300_001])
@pytest.mark.parametrize("size", [MIB - 1, MIB, MIB + 1, 9 * MIB + 5])
def test_a_body_hashed_beside_the_reading_has_the_digests_of_the_whole(
    size: int, drop: int
) -> None:
    body = random_body(size)
    reader = HashingReader(Dripping(body, drop=drop), limit=ENOUGH, with_md5=True)

    assert read_all(reader) == body

    assert reader.sha256 == hashlib.sha256(body).hexdigest()
    assert reader.md5 == hashlib.md5(body, usedforsecurity=False).digest()


def test_md5_is_computed_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("nobody asked for an MD5")

    monkeypatch.setattr(hashlib, "md5", refuse)
    reader = HashingReader(io.BytesIO(b"body"), limit=ENOUGH)

    assert read_all(reader) == b"body"
    assert reader.md5 is None
    with pytest.raises(AssertionError, match="nobody asked"):
        HashingReader(io.BytesIO(b"body"), limit=ENOUGH, with_md5=True)


def test_it_reads_one_mebibyte_at_a_time_and_never_past_the_length() -> None:
    stream = Generated(10 * MIB)

    read_all(HashingReader(stream, limit=ENOUGH, length=2 * MIB + 10))

    assert stream.reads == [MIB, MIB, 10]


def test_a_body_of_no_bytes_is_not_read_at_all() -> None:
    stream = Generated(10)
    reader = HashingReader(stream, limit=ENOUGH, length=0)

    assert read_all(reader) == b""
    assert stream.reads == []
    assert reader.sha256 == hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize("sent", [0, 9, 3 * MIB])
def test_a_body_that_ends_early_is_incomplete(sent: int) -> None:
    reader = HashingReader(Generated(sent), limit=ENOUGH, length=sent + 1)

    with pytest.raises(IncompleteBody, match=f"after {sent} of {sent + 1} bytes"):
        read_all(reader)


def test_a_declared_length_beyond_the_limit_is_refused_unread() -> None:
    stream = Generated(11)
    with pytest.raises(BodyTooLarge, match="10 bytes"):
        HashingReader(stream, limit=10, length=11)
    assert stream.reads == []


@pytest.mark.parametrize("limit", [10, MIB, 3 * MIB])
def test_a_body_may_have_as_many_bytes_as_the_limit_and_no_more(limit: int) -> None:
    assert len(read_all(HashingReader(Generated(limit), limit=limit))) == limit
    with pytest.raises(BodyTooLarge):
        read_all(HashingReader(Generated(limit + 1), limit=limit))


def test_the_chunk_that_passes_the_limit_is_not_handed_out() -> None:
    handed: list[int] = []
    with (
        HashingReader(Generated(5 * MIB), limit=2 * MIB + 1) as reader,
        pytest.raises(BodyTooLarge),
    ):
        handed.extend(len(chunk) for chunk in reader)
    assert handed == [MIB, MIB]


@pytest.mark.parametrize(
    "error", [TimeoutError("stalled"), ConnectionResetError(), KeyboardInterrupt()]
)
def test_the_streams_own_error_passes_through_and_no_thread_stays(
    error: BaseException,
) -> None:
    before = threading.active_count()
    with pytest.raises(type(error)) as caught:
        read_all(HashingReader(Failing(good=5 * MIB, error=error), limit=ENOUGH))
    assert caught.value is error
    assert threading.active_count() == before


def test_no_thread_stays_when_the_caller_gives_up_in_the_middle() -> None:
    before = threading.active_count()
    with HashingReader(Generated(9 * MIB), limit=ENOUGH) as reader:
        chunks = iter(reader)
        for _ in range(4):
            next(chunks)
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


@pytest.mark.parametrize("broken_at", [1, 2, 3, 8])
def test_a_failure_in_the_hashing_thread_is_raised_where_the_body_is_read(
    monkeypatch: pytest.MonkeyPatch, broken_at: int
) -> None:
    class Broken(WatchedHash):
        def watch(self) -> None:
            if self.updates == broken_at:
                raise MemoryError("in the thread")

    monkeypatch.setattr(hashlib, "sha256", Broken)
    before = threading.active_count()

    with pytest.raises(MemoryError, match="in the thread"):
        read_all(HashingReader(Generated(8 * MIB), limit=ENOUGH))

    assert threading.active_count() == before


def test_without_a_thread_to_have_a_body_is_hashed_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    body = random_body(7 * MIB)
    reader = HashingReader(io.BytesIO(body), limit=ENOUGH)

    assert read_all(reader) == body
    assert reader.sha256 == hashlib.sha256(body).hexdigest()


def test_an_upload_that_outlives_the_process_shutdown_is_hashed_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = random_body(9 * MIB)
    with HashingReader(io.BytesIO(body), limit=ENOUGH) as reader:
        chunks = iter(reader)
        for _ in range(5):
            next(chunks)
        monkeypatch.setattr("concurrent.futures.thread._shutdown", True)
        for _ in chunks:
            pass
    assert reader.size == 9 * MIB
    assert reader.sha256 == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 3 * MIB, 3 * MIB + 7])
@pytest.mark.parametrize("part_bytes", [1000, MIB - 1, MIB, 2 * MIB, 4 * MIB])
def test_each_part_has_the_digest_of_its_bytes(size: int, part_bytes: int) -> None:
    body = random_body(size)

    with HashingReader(
        Dripping(body, drop=700_001), limit=size, part_bytes=part_bytes
    ) as reader:
        assert b"".join(reader) == body

    starts = range(0, size, part_bytes)
    parts = [body[start : start + part_bytes] for start in starts]
    assert [part.hex() for part in reader.part_digests] == list(map(digest, parts))
    assert reader.sha256 == digest(body)


def test_a_slow_hash_holds_the_reading_back(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Generated(32 * MIB)
    ahead: list[int] = []
    ballast = bytes(8 * MIB)

    class Slow(WatchedHash):
        def watch(self) -> None:
            hashlib.new("sha256", ballast)
            ahead.append(len(stream.reads) - self.updates)

    monkeypatch.setattr(hashlib, "sha256", Slow)
    with HashingReader(stream, limit=ENOUGH) as reader:
        for _ in reader:
            pass

    assert len(ahead) == 32
    assert 1 <= max(ahead) <= 6


def test_memory_stays_flat_while_64_mebibytes_pass() -> None:
    tracemalloc.start()
    try:
        with HashingReader(Generated(64 * MIB), limit=ENOUGH) as reader:
            for _ in reader:
                pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert reader.size == 64 * MIB
    assert peak < 10 * MIB
