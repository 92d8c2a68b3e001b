"""Receiving a body: spooled, hashed and checked before anybody may store it."""

import ctypes
import errno
import io
import logging
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

from django.utils.translation import gettext_noop

from objects_app.blobs.hashing import HashingReader, Readable
from objects_app.errors import DigestMismatch, StorageUnavailable

MEMORY_BYTES = 1024 * 1024
WRITE_BACK_BYTES = 8 * 1024 * 1024

_FULL = (errno.ENOSPC, errno.EDQUOT)

logger = logging.getLogger(__name__)


class Expected(NamedTuple):
    """What the client says its body hashes to: hexadecimal SHA-256, raw MD5."""

    sha256: str | None = None
    md5: bytes | None = None


@contextmanager
def storage_failures() -> Iterator[None]:
    """Turn an OSError of the block into StorageUnavailable, and log what it was.

    The client is told what to do, never a path of the server.
    """
    try:
        yield
    except OSError as error:
        logger.error("The storage failed: %s", error)
        raise StorageUnavailable(_advice(error)) from error


def _advice(error: OSError) -> str:
    if error.errno in _FULL:
        return gettext_noop(
            "The storage is full: the operator has to make room. Nothing was changed."
        )
    return gettext_noop(
        "The storage does not work just now: try again. Nothing was changed."
    )


class Spool:
    """A body on its way to the backend: memory up to 1 MiB, beyond a temporary file.

    A backend reads it from `content` (None once there is a file) or from the file at
    `path` (None while there is not), or through `open()` either way, as often as it
    likes: a commit that lost a race writes the bytes again. Leaving the context removes
    the file. `part_digests` are there if `receive` was asked for them.
    """

    def __init__(self, folder: Path) -> None:
        self.path: Path | None = None
        self.size = 0
        self.part_digests: list[bytes] = []
        self._folder = folder
        self._memory: io.BytesIO | None = io.BytesIO()
        self._descriptor = -1
        self._written_back = 0
        self._durable: bool | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close and remove; a failure is only logged, for the body may be stored."""
        try:
            if self._descriptor >= 0:
                os.close(self._descriptor)
        except OSError as error:
            logger.warning("Closing a spool failed: %s", error)
        try:
            if self.path is not None:
                self.path.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("Removing a spool failed, clear_spool will: %s", error)

    @property
    def content(self) -> bytes | None:
        return None if self._memory is None else self._memory.getvalue()

    def write(self, chunk: bytes) -> None:
        """Append. Raises StorageUnavailable when the disk refuses."""
        self.size += len(chunk)
        if self._memory is not None and self.size <= MEMORY_BYTES:
            self._memory.write(chunk)
            return
        with storage_failures():
            if self._memory is not None:
                self._move_to_file(self._memory.getvalue())
            write_all(self._descriptor, chunk)
            self._start_write_back()

    def open(self) -> BinaryIO:
        """Return a reader of the whole body with a position of its own."""
        if self._memory is not None:
            return io.BytesIO(self._memory.getvalue())
        assert self.path is not None  # noqa: S101  # one of the two holds the bytes
        return self.path.open("rb", buffering=0)

    def sync(self) -> None:
        """Make the file durable. Raises OSError; in memory there is nothing to do.

        It is asked of the descriptor that wrote, which is told of every write-back that
        failed, and never a second time after a failure: Linux drops the pages it could
        not write, and the next fsync of them succeeds.
        """
        if self._memory is not None or self._durable:
            return
        if self._durable is False:
            raise OSError(errno.EIO, "an earlier fsync of this spool failed")
        self._durable = False
        os.fsync(self._descriptor)
        self._durable = True

    def _move_to_file(self, content: bytes) -> None:
        self.path = self._folder / random_name()
        self._descriptor = create(self.path)
        self._memory = None
        write_all(self._descriptor, content)

    def _start_write_back(self) -> None:
        """Let the disk begin while the body still arrives, so the fsync finds less."""
        waiting = self.size - self._written_back
        if waiting >= WRITE_BACK_BYTES:
            start_write_back(self._descriptor, self._written_back, waiting)
            self._written_back = self.size


class Received(NamedTuple):
    """A whole body that is what the client said; hexadecimal SHA-256, size in bytes."""

    sha256: str
    size: int
    spool: Spool


@contextmanager
def receive(
    stream: Readable,
    *,
    length: int | None,
    limit: int,
    expected: Expected,
    spool_dir: Path,
    part_bytes: int | None = None,
) -> Iterator[Received]:
    """Read a body to its end and hand it over; its spool is gone after the block.

    `length` is the declared one, None for a body that ends with its stream (chunked).
    `part_bytes` asks for the digests of its parts (HashingReader).
    Raises BodyTooLarge (before reading, where the length tells), IncompleteBody,
    DigestMismatch, StorageUnavailable; what `stream.read` raises passes through.
    """
    with Spool(spool_dir) as spool:
        with HashingReader(
            stream,
            limit=limit,
            length=length,
            with_md5=expected.md5 is not None,
            part_bytes=part_bytes,
        ) as body:
            for chunk in body:
                spool.write(chunk)
        spool.part_digests = body.part_digests
        _compare(expected, body)
        yield Received(body.sha256, body.size, spool)


def _compare(expected: Expected, body: HashingReader) -> None:
    if expected.sha256 is not None and expected.sha256.lower() != body.sha256:
        raise DigestMismatch(
            gettext_noop(
                "The body's SHA-256 is %(sha256)s, not %(expected)s: send it "
                "again. Nothing was stored."
            ),
            sha256=body.sha256,
            expected=expected.sha256.lower(),
        )
    if body.md5 is not None and expected.md5 != body.md5:
        raise DigestMismatch(
            gettext_noop(
                "The body's MD5 is %(md5)s (hexadecimal), not what was declared: "
                "send it again. Nothing was stored."
            ),
            md5=body.md5.hex(),
        )


def clear_spool(folder: Path, *, before: float) -> int:
    """Remove files last written before this POSIX time; return how many there were.

    Meant for what crashes left: an upload whose spool goes away under it fails.
    """
    removed = 0
    with storage_failures(), os.scandir(folder) as entries:
        for entry in entries:
            try:
                if (
                    entry.is_file(follow_symlinks=False)
                    and entry.stat(follow_symlinks=False).st_mtime < before
                ):
                    Path(entry.path).unlink()
                    removed += 1
            except FileNotFoundError:  # its upload ended meanwhile
                continue
    return removed


def random_name() -> str:
    """Return a file name that nobody else has and that is no digest."""
    return secrets.token_hex(16)


def create(path: Path) -> int:
    """Create a file for its owner only and return its descriptor; never an old file."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)


def write_all(descriptor: int, content: bytes) -> None:
    """Write every byte: near a limit the system takes a part and says how much."""
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def _load_sync_file_range() -> Callable[[int, int, int, int], int] | None:
    if sys.platform != "linux":
        return None
    try:
        function = ctypes.CDLL(None).sync_file_range
    except (OSError, AttributeError):
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    function.restype = ctypes.c_int
    return function


_sync_file_range = _load_sync_file_range()
_SYNC_FILE_RANGE_WRITE = 2


def start_write_back(descriptor: int, offset: int, count: int) -> None:
    """Ask Linux to start writing this range, without waiting; elsewhere do nothing.

    A hint, so a refusal is ignored. With this flag alone the call does not take note of
    earlier failures, which the fsync that follows must still be told.
    """
    if _sync_file_range is not None:
        _sync_file_range(descriptor, offset, count, _SYNC_FILE_RANGE_WRITE)
