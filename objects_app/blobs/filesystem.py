"""Bytes in files below one folder; the tree is drawn in layout.py."""

import errno
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, Self

from django.utils.translation import gettext_noop

from objects_app.blobs import ingest
from objects_app.blobs.hashing import CHUNK_BYTES
from objects_app.blobs.ingest import Spool, storage_failures
from objects_app.blobs.layout import FOLDER, StoredBlob, digest_of, storage_key
from objects_app.errors import BytesMissing, StorageUnavailable

_HARD_LINK_REFUSED = (
    errno.EPERM,  # what Linux says of filesystems without hard links
    errno.EOPNOTSUPP,
    errno.ENOSYS,
    errno.EMLINK,
    errno.EXDEV,
)
_TWO_LETTERS = re.compile(r"[0-9a-f]{2}")


class FileReader:
    """A part of a file, read to its end and no further.

    gunicorn's sendfile takes the file's position and Content-Length; its loop without
    sendfile reads on to the end, which is why the end is kept here.
    """

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        self._file = file
        self._left = length
        file.seek(start)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        return self._file.fileno()

    def read(self, size: int = -1, /) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._file.close()


class FilesystemBackend:
    """The backend of `root`, a folder on one filesystem; safe to share among threads.

    `root/tmp` is made here, once. When it is gone later, so is the volume, and every
    answer is StorageUnavailable: an empty mount point is not a store without bytes.
    """

    name = "filesystem"
    part_bytes = None

    def __init__(self, root: Path) -> None:
        self.spool_dir = root / "tmp"
        self._root = root
        self._durable: set[str] = set()
        with storage_failures():
            self.spool_dir.mkdir(parents=True, exist_ok=True)

    def write(self, sha256: str, spool: Spool) -> None:
        """Make the bytes durable under a random name, then show them whole.

        The order is file, name, folders: a crash before the rename leaves a draft in
        `tmp`, one after it a whole file that its row does not promise yet.
        """
        final = self._root / storage_key(sha256)
        with storage_failures():
            if sha256[:4] not in self._durable:
                self._make_folder(final.parent, sha256[:4])
            with self._draft(spool) as draft:
                self._rename(draft, final)
            self._sync_folders(final)

    def open(
        self, sha256: str, *, start: int = 0, length: int | None = None
    ) -> FileReader:
        path = self._root / storage_key(sha256)
        with storage_failures():
            try:
                file = path.open("rb", buffering=0)
            except FileNotFoundError:
                self._require_volume()
                raise BytesMissing(sha256) from None
            present = os.fstat(file.fileno()).st_size - start
            if present < (length or 0):
                file.close()
                raise BytesMissing(sha256)
            return FileReader(file, start, present if length is None else length)

    def url(self, sha256: str, *, size: int, headers: Mapping[str, str]) -> None:
        return None

    def stat(self, sha256: str) -> int | None:
        path = self._root / storage_key(sha256)
        with storage_failures():
            try:
                return path.stat().st_size
            except FileNotFoundError:
                self._require_volume()
                return None

    def delete(self, sha256: str) -> None:
        path = self._root / storage_key(sha256)
        with storage_failures():
            try:
                path.unlink()
            except FileNotFoundError:
                self._require_volume()

    def walk(self) -> Iterator[StoredBlob]:
        with storage_failures():
            self._require_volume()
        for first in self._subfolders(FOLDER):
            for second in self._subfolders(first):
                yield from self._files(second)

    def clock(self) -> datetime:
        """Ask the filesystem, which may be another machine's, by making a file."""
        with storage_failures(), self._scratch_file() as (descriptor, _):
            return _time(os.fstat(descriptor).st_mtime)

    def clear_spool(self, older_than_seconds: float) -> int:
        before = self.clock().timestamp() - older_than_seconds
        return ingest.clear_spool(self.spool_dir, before=before)

    def check(self) -> None:
        with storage_failures(), self._scratch_file() as (descriptor, path):
            content = path.name.encode()
            ingest.write_all(descriptor, content)
            os.fsync(descriptor)
            if path.read_bytes() != content:
                raise StorageUnavailable(
                    gettext_noop("The storage does not give back what it took.")
                )

    @contextmanager
    def _draft(self, spool: Spool) -> Iterator[Path]:
        """Give the spool's bytes, durable, a second name in `tmp` that may be taken.

        A spool's file keeps its own name, for its bytes may be written again. When they
        are, both names are one file, and renaming a file onto itself does nothing and
        leaves both: hence the removal also when all went well.
        """
        draft = self.spool_dir / ingest.random_name()
        left = True
        try:
            if spool.path is None:
                _copy(spool, draft)
            else:
                spool.sync()
                try:
                    draft.hardlink_to(spool.path)
                except OSError as error:
                    if error.errno not in _HARD_LINK_REFUSED:
                        raise
                    _copy(spool, draft)
            yield draft
            left = spool.path is not None
        finally:
            if left:
                draft.unlink(missing_ok=True)

    def _rename(self, draft: Path, final: Path) -> None:
        try:
            draft.replace(final)
        except FileNotFoundError:  # somebody removed what this process knew
            self._make_folder(final.parent, final.name[:4])
            draft.replace(final)

    def _make_folder(self, folder: Path, prefix: str) -> None:
        """Make a folder unless it is there, and those above it where they are missing.

        It is no longer taken for durable *before* it is made: afterwards, another
        thread could already use it and believe the old entry.
        """
        if not folder.is_dir():
            self._durable.discard(prefix)
            try:
                folder.mkdir(exist_ok=True)
            except FileNotFoundError:
                if not prefix:
                    raise
                self._make_folder(folder.parent, prefix[:-2])
                folder.mkdir(exist_ok=True)

    def _sync_folders(self, final: Path) -> None:
        """Make the new name durable, and each folder above it not yet known to be.

        Having made a folder is not the question: another process may have made it a
        moment ago and not have come to its fsync. A folder is known to be durable once
        this process has seen it and then synced the one that names it.
        """
        folder = final.parent
        sync_folder(folder)
        for prefix in _prefixes(final.name):
            folder = folder.parent
            if prefix not in self._durable:
                sync_folder(folder)
                self._durable.add(prefix)

    def _require_volume(self) -> None:
        self.spool_dir.stat()

    @contextmanager
    def _scratch_file(self) -> Iterator[tuple[int, Path]]:
        path = self.spool_dir / ingest.random_name()
        descriptor = ingest.create(path)
        try:
            yield descriptor, path
        finally:
            os.close(descriptor)
            path.unlink(missing_ok=True)

    def _subfolders(self, key: str) -> list[str]:
        return [
            f"{key}/{entry.name}"
            for entry in self._entries(key)
            if _TWO_LETTERS.fullmatch(entry.name)
        ]

    def _files(self, key: str) -> Iterator[StoredBlob]:
        for entry in self._entries(key):
            sha256 = digest_of(f"{key}/{entry.name}")
            if sha256 is None:
                continue
            with storage_failures():
                try:
                    found = entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # deleted since the folder was read
                    continue
            if S_ISREG(found.st_mode):
                yield StoredBlob(sha256, found.st_size, _time(found.st_mtime))

    def _entries(self, key: str) -> list[os.DirEntry[str]]:
        """Return a folder's entries by name; none for what is missing or no folder."""
        with storage_failures():
            try:
                with os.scandir(self._root / key) as entries:
                    return sorted(entries, key=lambda entry: entry.name)
            except (FileNotFoundError, NotADirectoryError):
                return []


def _prefixes(sha256: str) -> tuple[str, str, str]:
    """Name the folders of a digest, the deepest first: `9a61`, `9a` and `` for all."""
    return sha256[:4], sha256[:2], ""


def _copy(spool: Spool, target: Path) -> None:
    descriptor = ingest.create(target)
    try:
        if spool.content is not None:
            ingest.write_all(descriptor, spool.content)
        else:
            with spool.open() as source:
                while chunk := source.read(CHUNK_BYTES):
                    ingest.write_all(descriptor, chunk)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Sync a folder; a filesystem that has no such thing says EINVAL, and need not."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def _time(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, tz=UTC)
