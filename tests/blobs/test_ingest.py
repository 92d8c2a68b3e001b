"""A body is handed over whole and checked, or not at all; its spool always goes."""

import errno
import hashlib
import io
import logging
import os
import stat
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from objects_app.blobs import ingest
from objects_app.blobs.ingest import Expected, receive
from objects_app.errors import (
    BodyStalled,
    BodyTooLarge,
    DigestMismatch,
    IncompleteBody,
    StorageUnavailable,
)
from tests.blobs.bodies import (
    MIB,
    Dripping,
    Failing,
    Generated,
    digest,
    random_body,
    received,
)

REPOSITORY = Path(__file__).parents[2]

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("size", [0, 1, MIB, MIB + 1, 20 * MIB + 3])
def test_a_body_is_received_whole(spool_dir: Path, size: int, declared: bool) -> None:
    body = random_body(size)
    with receive(
        io.BytesIO(body),
        length=size if declared else None,
        limit=size,
        expected=Expected(),
        spool_dir=spool_dir,
    ) as whole:
        assert (whole.sha256, whole.size) == (digest(body), size)
        with whole.spool.open() as first, whole.spool.open() as second:
            assert first.read() == body
            assert second.read() == body


@pytest.mark.parametrize("drop", [1000, MIB])
def test_a_body_up_to_one_mebibyte_never_touches_the_disk(
    spool_dir: Path, drop: int
) -> None:
    body = random_body(MIB)
    with received(Dripping(body, drop=drop), spool_dir) as whole:
        assert list(spool_dir.iterdir()) == []
        assert whole.spool.path is None
        assert whole.spool.content == body


def test_a_larger_body_is_in_a_file_that_only_its_owner_may_read(
    spool_dir: Path,
) -> None:
    with received(Generated(MIB + 1), spool_dir) as whole:
        (path,) = spool_dir.iterdir()
        assert whole.spool.path == path
        assert whole.spool.content is None
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_follows_the_declared_length_is_left_in_the_stream(
    spool_dir: Path,
) -> None:
    stream = io.BytesIO(b"the body, then the next request")
    with receive(
        stream, length=8, limit=100, expected=Expected(), spool_dir=spool_dir
    ) as whole:
        assert whole.spool.content == b"the body"
    assert stream.read() == b", then the next request"


@pytest.mark.parametrize("sent", [0, 5, 3 * MIB])
def test_a_short_body_is_not_handed_over(spool_dir: Path, sent: int) -> None:
    with (
        pytest.raises(IncompleteBody),
        receive(
            Generated(sent),
            length=sent + 1,
            limit=2**40,
            expected=Expected(),
            spool_dir=spool_dir,
        ),
    ):
        pytest.fail("half a body was handed over")


def test_a_declared_length_beyond_the_limit_is_refused_unread(spool_dir: Path) -> None:
    stream = Generated(11)
    with (
        pytest.raises(BodyTooLarge),
        receive(stream, length=11, limit=10, expected=Expected(), spool_dir=spool_dir),
    ):
        pytest.fail("too large a body was handed over")
    assert stream.reads == []


@pytest.mark.parametrize("limit", [10, 3 * MIB])
def test_a_chunked_body_beyond_the_limit_is_refused(
    spool_dir: Path, limit: int
) -> None:
    with (
        pytest.raises(BodyTooLarge),
        receive(
            Generated(limit + 1),
            length=None,
            limit=limit,
            expected=Expected(),
            spool_dir=spool_dir,
        ),
    ):
        pytest.fail("too large a body was handed over")


@pytest.mark.parametrize("size", [3, 2 * MIB])
def test_the_right_digests_are_accepted_in_either_case(
    spool_dir: Path, size: int
) -> None:
    body = random_body(size)
    expected = Expected(
        sha256=digest(body).upper(),
        md5=hashlib.md5(body, usedforsecurity=False).digest(),
    )
    with receive(
        io.BytesIO(body),
        length=size,
        limit=size,
        expected=expected,
        spool_dir=spool_dir,
    ) as whole:
        assert whole.size == size


@pytest.mark.parametrize("size", [3, 2 * MIB])
@pytest.mark.parametrize(
    "expected",
    [Expected(sha256=digest(b"other")), Expected(md5=bytes(16)), Expected(md5=b"")],
    ids=["sha256", "md5", "no md5 at all"],
)
def test_another_digest_than_declared_is_refused(
    spool_dir: Path, size: int, expected: Expected
) -> None:
    with (
        pytest.raises(DigestMismatch, match=r"Nothing was stored\."),
        receive(
            io.BytesIO(random_body(size)),
            length=size,
            limit=size,
            expected=expected,
            spool_dir=spool_dir,
        ),
    ):
        pytest.fail("a changed body was handed over")


@pytest.mark.parametrize("good", [0, 5, 5 * MIB])
@pytest.mark.parametrize(
    "error",
    [BodyStalled("silent"), IncompleteBody("broken framing"), OSError("the socket's")],
)
def test_the_streams_own_error_passes_through_untouched(
    spool_dir: Path, good: int, error: Exception
) -> None:
    with (
        pytest.raises(type(error)) as caught,
        received(Failing(good=good, error=error), spool_dir),
    ):
        pytest.fail("a broken body was handed over")
    assert caught.value is error


@pytest.mark.parametrize("size", [5, 5 * MIB])
@pytest.mark.parametrize("error", [OSError("the caller's"), KeyboardInterrupt()])
def test_an_error_of_the_block_passes_through_untouched(
    spool_dir: Path, size: int, error: BaseException
) -> None:
    with pytest.raises(type(error)) as caught, received(Generated(size), spool_dir):
        raise error
    assert caught.value is error


def test_a_spool_that_somebody_removed_already_is_no_error(spool_dir: Path) -> None:
    with received(Generated(2 * MIB), spool_dir) as whole:
        assert whole.spool.path is not None
        whole.spool.path.unlink()
    assert not whole.spool.path.exists()


def test_failing_to_remove_a_spool_is_logged_and_not_the_uploads_failure(
    spool_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patched:
        with received(Generated(2 * MIB), spool_dir) as whole:

            def refuse(*_: object, **__: object) -> None:
                raise OSError(errno.EROFS, "Read-only file system")

            patched.setattr(os, "unlink", refuse)
        assert "Removing a spool failed" in caplog.text
    assert whole.spool.path is not None
    whole.spool.path.unlink()


def test_failing_to_close_a_spool_is_logged_and_its_file_removed(
    spool_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    close = os.close

    def close_and_complain(descriptor: int) -> None:
        close(descriptor)
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched, received(Generated(2 * MIB), spool_dir):
        patched.setattr(os, "close", close_and_complain)
    assert "Closing a spool failed" in caplog.text


def test_a_missing_spool_folder_is_unavailable_storage(spool_dir: Path) -> None:
    with (
        pytest.raises(StorageUnavailable) as caught,
        received(Generated(2 * MIB), spool_dir / "gone"),
    ):
        pytest.fail("the body was spooled nowhere")
    assert str(spool_dir) not in str(caught.value)


def test_a_full_disk_is_unavailable_storage_that_says_so(
    spool_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def create_on_a_full_disk(path: Path) -> int:
        return os.open("/dev/full", os.O_RDWR)

    monkeypatch.setattr(ingest, "create", create_on_a_full_disk)
    with (
        caplog.at_level(logging.ERROR),
        pytest.raises(StorageUnavailable, match="storage is full"),
        received(Generated(5 * MIB), spool_dir),
    ):
        pytest.fail("the body was spooled on a full disk")
    assert "No space left" in caplog.text


@pytest.mark.parametrize("size", [500, 2 * MIB, 40 * MIB])
def test_a_real_limit_of_the_system_is_unavailable_storage(
    tmp_path: Path, size: int
) -> None:
    """500 bytes fail in the backend's write, the others while they are spooled."""
    answer = subprocess.run(
        [sys.executable, "-m", "tests.blobs.limited_writer", tmp_path, str(size)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout

    assert answer == "StorageUnavailable\n"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_every_byte_is_written_when_the_system_takes_only_a_part(
    spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:100_003]))
    body = random_body(3 * MIB)

    with received(body, spool_dir) as whole, whole.spool.open() as file:
        assert file.read() == body


def test_an_fsync_that_failed_is_never_believed_the_second_time(
    spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with received(Generated(2 * MIB), spool_dir) as whole:
        with monkeypatch.context() as patched:

            def fail(descriptor: int) -> None:
                raise OSError(errno.EIO, "Input/output error")

            patched.setattr(os, "fsync", fail)
            with pytest.raises(OSError, match="Input/output"):
                whole.spool.sync()
        with pytest.raises(OSError, match="an earlier fsync"):
            whole.spool.sync()


def test_a_durable_spool_is_not_synced_again(
    spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with received(Generated(2 * MIB), spool_dir) as whole:
        whole.spool.sync()
        synced: list[int] = []
        monkeypatch.setattr(os, "fsync", synced.append)
        whole.spool.sync()
    assert synced == []


def test_write_back_starts_every_eight_mebibytes_without_gaps(
    spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges: list[tuple[int, int]] = []
    monkeypatch.setattr(
        ingest,
        "start_write_back",
        lambda _, offset, count: ranges.append((offset, count)),
    )
    with received(Generated(27 * MIB), spool_dir):
        assert ranges == [(0, 8 * MIB), (8 * MIB, 8 * MIB), (16 * MIB, 8 * MIB)]


def test_write_back_is_a_hint_and_may_be_refused() -> None:
    not_a_descriptor = -1
    ingest.start_write_back(not_a_descriptor, 0, MIB)
    assert (ingest._sync_file_range is not None) == (sys.platform == "linux")


def test_memory_stays_flat_while_64_mebibytes_are_spooled(spool_dir: Path) -> None:
    tracemalloc.start()
    try:
        with received(Generated(64 * MIB), spool_dir) as whole:
            peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert whole.size == 64 * MIB
    assert peak < 10 * MIB


def test_clearing_leaves_folders_and_new_files_alone(spool_dir: Path) -> None:
    (spool_dir / "folder").mkdir()
    (spool_dir / "new").write_bytes(b"")
    (spool_dir / "old").write_bytes(b"")
    os.utime(spool_dir / "old", (100, 100))
    os.utime(spool_dir / "folder", (100, 100))

    assert ingest.clear_spool(spool_dir, before=200) == 1

    assert sorted(path.name for path in spool_dir.iterdir()) == ["folder", "new"]
    (spool_dir / "new").unlink()
    (spool_dir / "folder").rmdir()


def test_a_spool_that_ends_while_it_is_cleared_is_not_counted(
    spool_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (spool_dir / "old").write_bytes(b"")
    unlink = os.unlink

    def too_late(path: Path) -> None:
        unlink(path)
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr(os, "unlink", too_late)
    assert ingest.clear_spool(spool_dir, before=2**40) == 0


def test_clearing_a_folder_that_is_gone_is_unavailable_storage(
    spool_dir: Path,
) -> None:
    with pytest.raises(StorageUnavailable):
        ingest.clear_spool(spool_dir / "gone", before=0)
