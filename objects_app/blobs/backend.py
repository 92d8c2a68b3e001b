"""What a place for bytes must do, and which one this process uses."""

import functools
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from django.conf import settings
from django.utils.module_loading import import_string

from objects_app.blobs.filesystem import FilesystemBackend
from objects_app.blobs.ingest import Spool
from objects_app.blobs.layout import StoredBlob

if TYPE_CHECKING:
    from objects_app.blobs.s3 import S3Backend


class BlobReader(Protocol):
    """Bytes on their way out; the caller closes it, and may do so before their end.

    Where they lie in a file it also has a `fileno()`, positioned at their first byte.
    """

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, all that are left for -1, b"" only at the end."""

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None: ...


class BlobBackend(Protocol):
    """Bytes by digest. Every method may raise StorageUnavailable.

    A digest is 64 lowercase hexadecimal digits; anything else is a ValueError.
    """

    @property
    def name(self) -> str:
        """What clients are told, as in `"storage": "filesystem"`."""

    @property
    def spool_dir(self) -> Path:
        """Where `receive` shall spool bodies meant for this backend."""

    def write(self, sha256: str, spool: Spool) -> None:
        """Store the spool's bytes; durable when it returns, replacing what was there.

        Until then a reader sees the bytes that were there before, or none. The spool
        stays as it was. Writers of one digest may come at the same time.
        """

    @property
    def part_bytes(self) -> int | None:
        """How long the parts are whose digests `write` wants (`receive` takes it)."""

    def open(
        self, sha256: str, *, start: int = 0, length: int | None = None
    ) -> BlobReader:
        """Return a reader of `length` bytes from `start` on, or of all that follow.

        Raises BytesMissing when there are none, or fewer than these. A `delete` does
        not disturb a reader that is open.
        """

    def url(self, sha256: str, *, size: int, headers: Mapping[str, str]) -> str | None:
        """Return a short-lived URL of another server that gives these bytes.

        Its answer has those of `headers` that describe the bytes (Content-*,
        Cache-Control). None where they are better sent by this process; raises
        BytesMissing where the URL would lead to nothing.
        """

    def stat(self, sha256: str) -> int | None:
        """Return the size in bytes, None when nothing is stored."""

    def delete(self, sha256: str) -> None:
        """Remove the bytes if they are there. Only the sweep may ask for it."""

    def walk(self) -> Iterator[StoredBlob]:
        """Yield all that is stored, by digest, reading on as the caller does.

        What came or went since the walk began may be told or not.
        """

    def clock(self) -> datetime:
        """Return the time by the clock that sets `StoredBlob.modified`."""

    def clear_spool(self, older_than_seconds: float) -> int:
        """Remove spools that nobody wrote to for so long; return how many."""

    def check(self) -> None:
        """Return when the storage answers as it should, or raise."""


@functools.cache
def backend() -> BlobBackend:
    """Return this process's backend, the one the settings name."""
    if settings.S3_BUCKET_NAME:
        return _s3()()
    return FilesystemBackend(Path(settings.DATA_DIR))


def preload() -> None:
    """Import what the backend needs, for all processes that fork from this one."""
    if settings.S3_BUCKET_NAME:
        _s3()


def _s3() -> "type[S3Backend]":
    """Import it; who keeps files does not wait for boto3, nor give it the memory."""
    found: type[S3Backend] = import_string("objects_app.blobs.s3.S3Backend")
    return found
