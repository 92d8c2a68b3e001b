"""A backend in a dict: it keeps the protocol honest, and snapshots cost nothing."""

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from objects_app.blobs import ingest
from objects_app.blobs.ingest import Spool
from objects_app.blobs.layout import StoredBlob, storage_key
from objects_app.errors import BytesMissing


class Content(NamedTuple):
    """What lies under one storage key; never changed, only replaced."""

    data: bytes
    modified: datetime


def _now() -> datetime:
    return datetime.now(UTC)


class MemoryBackend:
    """Keeps bytes in `files`, by storage key.

    `snapshot()` is a value to compare, to hash and to `restore()`; `now` may be
    replaced so that equal histories are equal states.
    """

    name = "memory"
    part_bytes = None

    def __init__(self, spool_dir: Path, *, now: Callable[[], datetime] = _now) -> None:
        self.spool_dir = spool_dir
        self.files: dict[str, Content] = {}
        self._now = now

    def snapshot(self) -> frozenset[tuple[str, Content]]:
        return frozenset(self.files.items())

    def restore(self, snapshot: frozenset[tuple[str, Content]]) -> None:
        self.files = dict(snapshot)

    def write(self, sha256: str, spool: Spool) -> None:
        key = storage_key(sha256)
        with ingest.storage_failures(), spool.open() as source:
            self.files[key] = Content(source.read(), self._now())

    def open(
        self, sha256: str, *, start: int = 0, length: int | None = None
    ) -> BinaryIO:
        content = self.files.get(storage_key(sha256))
        if content is None or len(content.data) < start + (length or 0):
            raise BytesMissing(sha256)
        end = None if length is None else start + length
        return io.BytesIO(content.data[start:end])

    def url(self, sha256: str, *, size: int, headers: Mapping[str, str]) -> None:
        return None

    def stat(self, sha256: str) -> int | None:
        content = self.files.get(storage_key(sha256))
        return None if content is None else len(content.data)

    def delete(self, sha256: str) -> None:
        self.files.pop(storage_key(sha256), None)

    def walk(self) -> Iterator[StoredBlob]:
        for key in sorted(self.files):
            content = self.files.get(key)
            if content is not None:
                sha256 = key.rpartition("/")[2]
                yield StoredBlob(sha256, len(content.data), content.modified)

    def clock(self) -> datetime:
        return self._now()

    def clear_spool(self, older_than_seconds: float) -> int:
        before = _now().timestamp() - older_than_seconds
        return ingest.clear_spool(self.spool_dir, before=before)

    def check(self) -> None:
        probe = hashlib.sha256(b"").hexdigest()
        self.files.get(storage_key(probe))
