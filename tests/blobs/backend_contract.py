"""What every backend promises. A test module subclasses it and gives `backend`."""

import os
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from objects_app.blobs.backend import BlobBackend
from objects_app.blobs.hashing import HashingReader
from objects_app.errors import BytesMissing
from tests.blobs.bodies import MIB, digest, random_body, received
from tests.stored import replace

NOT_DIGESTS = [
    "",
    "../" * 8 + "etc/passwd",
    "/etc/passwd",
    "9a/61",
    "9" * 63,
    "9" * 65,
    "9" * 64 + "\n",
    "A" * 64,
    "\u0660" * 64,
    "../../" + "9" * 58,
]


def put(backend: BlobBackend, body: bytes) -> str:
    with received(body, backend.spool_dir) as whole:
        backend.write(whole.sha256, whole.spool)
        return whole.sha256


def get(backend: BlobBackend, sha256: str) -> bytes:
    with backend.open(sha256) as file:
        return file.read()


class BackendContract:
    """Any number of these may run on one backend: each writes bodies of its own."""

    @pytest.mark.parametrize("size", [0, 1, 4096, MIB - 1, MIB, MIB + 1, 3 * MIB + 7])
    def test_what_was_written_is_read_back_equal(
        self, backend: BlobBackend, size: int
    ) -> None:
        body = random_body(size, seed=1)

        sha256 = put(backend, body)

        assert sha256 == digest(body)
        assert get(backend, sha256) == body

    def test_a_digest_read_back_is_the_name_it_is_kept_under(
        self, backend: BlobBackend
    ) -> None:
        sha256 = put(backend, random_body(2 * MIB, seed=2))

        with backend.open(sha256) as file, HashingReader(file, limit=2**40) as body:
            assert sum(len(chunk) for chunk in body) == 2 * MIB
            assert body.sha256 == sha256

    @pytest.mark.parametrize(
        ("start", "length"),
        [
            (0, None),
            (0, 3 * MIB),
            (0, 10),
            (17, None),
            (MIB, 2 * MIB),
            (3 * MIB - 1, 1),
        ],
    )
    def test_exactly_the_part_that_was_asked_for_is_read(
        self, backend: BlobBackend, start: int, length: int | None
    ) -> None:
        body = random_body(3 * MIB, seed=3)
        end = None if length is None else start + length

        with backend.open(put(backend, body), start=start, length=length) as reader:
            parts = list(iter(lambda: reader.read(700_000), b""))

        assert b"".join(parts) == body[start:end]

    @pytest.mark.parametrize(("start", "length"), [(0, 5001), (4999, 2), (5001, 1)])
    def test_a_part_that_is_not_whole_is_missing_bytes(
        self, backend: BlobBackend, start: int, length: int
    ) -> None:
        sha256 = put(backend, random_body(5000, seed=3))

        with pytest.raises(BytesMissing):
            backend.open(sha256, start=start, length=length)

    def test_an_empty_part_of_nothing_is_empty(self, backend: BlobBackend) -> None:
        with backend.open(put(backend, b""), start=0, length=0) as reader:
            assert reader.read(10) == b""

    def test_a_reader_may_be_closed_before_its_end(self, backend: BlobBackend) -> None:
        body = random_body(3 * MIB, seed=3)
        sha256 = put(backend, body)

        for _ in range(30):
            with backend.open(sha256) as reader:
                assert reader.read(10) == body[:10]

    @pytest.mark.parametrize("size", [700, 2 * MIB])
    def test_a_lost_commit_writes_the_same_spool_again(
        self, backend: BlobBackend, size: int
    ) -> None:
        body = random_body(size, seed=4)
        with received(body, backend.spool_dir) as whole:
            backend.write(whole.sha256, whole.spool)
            backend.write(whole.sha256, whole.spool)
            backend.delete(whole.sha256)
            backend.write(whole.sha256, whole.spool)

        assert get(backend, whole.sha256) == body

    @pytest.mark.parametrize("size", [700, 2 * MIB])
    def test_writing_leaves_nothing_in_the_spool_folder(
        self, backend: BlobBackend, size: int
    ) -> None:
        before = set(backend.spool_dir.iterdir())

        put(backend, random_body(size, seed=5))

        assert set(backend.spool_dir.iterdir()) == before

    @pytest.mark.parametrize("size", [700, 2 * MIB])
    def test_a_write_replaces_damaged_bytes(
        self, backend: BlobBackend, size: int
    ) -> None:
        body = random_body(size, seed=6)
        replace(digest(body), body[:-1], store=backend)

        put(backend, body)

        assert get(backend, digest(body)) == body

    def test_a_reader_is_not_disturbed_by_a_delete(self, backend: BlobBackend) -> None:
        body = random_body(2 * MIB, seed=7)
        sha256 = put(backend, body)
        with backend.open(sha256) as file:
            start = file.read(MIB)
            backend.delete(sha256)
            assert start + file.read() == body

    def test_a_reader_is_not_disturbed_by_a_write(self, backend: BlobBackend) -> None:
        body = random_body(2 * MIB, seed=8)
        with backend.open(put(backend, body)) as file:
            start = file.read(MIB)
            put(backend, body)
            assert start + file.read() == body

    def test_opening_what_is_not_there_is_missing_bytes(
        self, backend: BlobBackend
    ) -> None:
        with pytest.raises(BytesMissing, match="missing"):
            backend.open(digest(b"never written"))

    def test_stat_tells_the_size_or_none(self, backend: BlobBackend) -> None:
        assert backend.stat(digest(b"not written either")) is None
        assert backend.stat(put(backend, b"twelve bytes")) == 12
        assert backend.stat(put(backend, b"")) == 0

    def test_deleted_bytes_are_gone_and_deleting_again_is_fine(
        self, backend: BlobBackend
    ) -> None:
        sha256 = put(backend, b"soon gone")

        backend.delete(sha256)
        backend.delete(sha256)

        assert backend.stat(sha256) is None
        assert sha256 not in [stored.sha256 for stored in backend.walk()]

    def test_a_walk_tells_digests_in_order_with_their_sizes(
        self, backend: BlobBackend
    ) -> None:
        sizes = {put(backend, random_body(n, seed=9)): n for n in range(40)}

        walked = [stored for stored in backend.walk() if stored.sha256 in sizes]

        assert [stored.sha256 for stored in walked] == sorted(sizes)
        assert {stored.sha256: stored.size for stored in walked} == sizes

    def test_a_walk_goes_on_when_what_is_ahead_is_deleted(
        self, backend: BlobBackend
    ) -> None:
        ours = sorted(put(backend, random_body(n, seed=10)) for n in range(1, 20))
        walk = backend.walk()
        assert next(walk).sha256 == ours[0]
        for sha256 in ours[1:-1]:
            backend.delete(sha256)

        assert ours[-1] in [stored.sha256 for stored in walk]

    @pytest.mark.parametrize("size", [700, 2 * MIB])
    def test_modified_is_told_by_the_clock_of_the_backend(
        self, backend: BlobBackend, size: int
    ) -> None:
        before = backend.clock()
        sha256 = put(backend, random_body(size, seed=11))
        after = backend.clock()

        (stored,) = [one for one in backend.walk() if one.sha256 == sha256]
        assert before <= stored.modified <= after

    @pytest.mark.parametrize("name", NOT_DIGESTS)
    def test_a_name_that_is_no_digest_reaches_nothing(
        self, backend: BlobBackend, name: str
    ) -> None:
        with received(b"x", backend.spool_dir) as whole:
            calls: list[Callable[[], object]] = [
                lambda: backend.write(name, whole.spool),
                lambda: backend.open(name),
                lambda: backend.stat(name),
                lambda: backend.delete(name),
            ]
            for call in calls:
                with pytest.raises(ValueError, match="not a SHA-256"):
                    call()

    @pytest.mark.parametrize("size", [3000, 2 * MIB])
    def test_a_reader_beside_many_writers_sees_whole_bytes_only(
        self, backend: BlobBackend, size: int
    ) -> None:
        body = random_body(size, seed=12)
        sha256 = put(backend, body)
        start = threading.Barrier(5)

        def write() -> None:
            start.wait()
            for _ in range(5):
                assert put(backend, body) == sha256

        def read() -> None:
            start.wait()
            for _ in range(10):
                assert get(backend, sha256) == body

        with ThreadPoolExecutor(5) as pool:
            jobs = [pool.submit(write) for _ in range(3)]
            jobs += [pool.submit(read) for _ in range(2)]
        for job in jobs:
            job.result()

    def test_threads_may_write_different_bodies_at_once(
        self, backend: BlobBackend
    ) -> None:
        bodies = [random_body(n * 300, seed=13) for n in range(60)]
        random.Random(13).shuffle(bodies)  # noqa: S311

        with ThreadPoolExecutor(6) as pool:
            names = list(pool.map(lambda body: put(backend, body), bodies))

        for name, body in zip(names, bodies, strict=True):
            assert get(backend, name) == body

    def test_old_spools_are_cleared_and_live_ones_kept(
        self, backend: BlobBackend
    ) -> None:
        with received(random_body(2 * MIB), backend.spool_dir) as live:
            left = backend.spool_dir / "left-by-a-crash"
            left.write_bytes(b"half a body")
            two_hours_ago = left.stat().st_mtime - 7200
            os.utime(left, (two_hours_ago, two_hours_ago))

            assert backend.clear_spool(older_than_seconds=3600) == 1

            assert not left.exists()
            assert live.spool.path is not None
            assert live.spool.path.exists()

    def test_a_check_of_a_healthy_backend_leaves_nothing_behind(
        self, backend: BlobBackend
    ) -> None:
        spools, stored = set(backend.spool_dir.iterdir()), list(backend.walk())

        backend.check()

        assert set(backend.spool_dir.iterdir()) == spools
        assert list(backend.walk()) == stored
