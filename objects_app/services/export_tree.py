"""Exporting objects into a folder: each a file, its key the path."""

import errno
import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, NamedTuple

from objects_app.blobs.backend import backend
from objects_app.errors import BytesMissing, StorageBusy, StorageUnavailable, StoreError
from objects_app.models import StoredObject
from objects_app.names import prefix_end
from objects_app.queries import reads
from objects_app.queries.rows import ObjectRow
from objects_app.services import files, segments, transfer
from objects_app.services.transfer import Kind, Moved, Outcome, Place, Watch, shown

_CHUNK = 1024 * 1024
_PAGE = 1000
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class Refused(Exception):
    """An object that cannot be a file there; `str()` says why."""


def export_tree(
    *,
    place: Place,
    folder: Path,
    threads: int,
    overwrite: bool = False,
    watch: Watch,
) -> Moved:
    """Write every object of a bucket, or of a folder in it, as a file below `folder`.

    Files appear whole, their digests checked, with the time that their metadata has.
    What is there already and equal is skipped; a file that differs is an outcome unless
    `overwrite`. So are keys that no file can have. Raises NoSuchBucket; and
    StorageUnavailable, DatabaseError, OSError (of `folder` itself, or a full disk): the
    rest would fail, too.
    """
    bucket = transfer.source_bucket(place.bucket)
    folder.mkdir(parents=True, exist_ok=True)
    task = _Export(place, bucket.id, folder, overwrite, watch)
    keys = _keys(bucket.id, place.prefix)
    return transfer.together(transfer.each(keys, task.run, threads=threads), watch)


class _Export(NamedTuple):
    """What all threads of one export need."""

    place: Place
    bucket_id: int
    folder: Path
    overwrite: bool
    watch: Watch

    def run(self, key: str, stop: threading.Event) -> Outcome:
        """Export one object; when its bytes are not there, look whether it still is."""
        try:
            try:
                return self._export(key, stop)
            except (BytesMissing, StorageBusy):
                return self._export(key, stop)
        except StorageUnavailable:
            raise
        except (StoreError, Refused) as error:
            return Outcome(Kind.FAILED, shown(key), reason=str(error))
        except OSError as error:
            if error.errno in _FULL:
                raise OSError(error.errno, error.strerror, str(self.folder)) from error
            reason = error.strerror or str(error)
            return Outcome(Kind.FAILED, shown(key), reason=reason)

    def _export(self, key: str, stop: threading.Event) -> Outcome:
        name = shown(key)
        found = reads.find_object(self.place.bucket, key)
        if found is None or found[1] is None:
            return Outcome(Kind.PASSED_BY, name)
        row = found[1]
        path = self._path(key.removeprefix(self.place.prefix), row)
        if path.is_dir() and key.endswith("/"):
            return Outcome(Kind.MOVED, name)
        self._refuse_folder(key)
        mtime = transfer.mtime_of(row.metadata.get(transfer.MTIME))
        if os.path.lexists(path) and self._is_equal(path, row, mtime):
            return Outcome(Kind.SKIPPED, name, row.size)
        self._write(path, row, mtime, stop)
        return Outcome(Kind.MOVED, name, row.size)

    def _path(self, below: str, row: ObjectRow) -> Path:
        """Return the file's path, its folder made. A link there could lead anywhere."""
        if row.size == 0 and (below.endswith("/") or not below):
            # How S3 consoles make a folder.
            return self._folder_at(below[:-1].split("/") if below else [])
        *folders, last = below.split("/")
        _refuse_segments([*folders, last])
        return self._folder_at(folders) / last

    def _folder_at(self, folders: list[str]) -> Path:
        _refuse_segments(folders)
        path = self.folder
        for segment in folders:
            path /= segment
            if path.is_symlink():
                raise Refused("A link is in its way: remove it.")
            if os.path.lexists(path) and not path.is_dir():
                raise Refused("A file is where its folder has to be: remove it.")
            path.mkdir(exist_ok=True)
        return path

    def _refuse_folder(self, key: str) -> None:
        """Of `a` and `a/b` only the second can be a file."""
        below = StoredObject.objects.filter(
            bucket_id=self.bucket_id,
            is_latest=True,
            is_delete_marker=False,
            key__gte=f"{key}/",
            key__lt=f"{key}0",
        )
        if below.exists():
            raise Refused("Other keys begin with it and a slash: it is a folder here.")

    def _is_equal(self, path: Path, row: ObjectRow, mtime: int | None) -> bool:
        """Whether the file is what it would become. Raises Refused if it must stay."""
        if path.is_dir() and not path.is_symlink():
            raise Refused("A folder is in its place: remove it.")
        there = path.lstat()
        if (
            S_ISREG(there.st_mode)
            and there.st_size == row.size
            and (there.st_mtime_ns == mtime or _has_content(path, row))
        ):
            return True
        if not self.overwrite:
            raise Refused("Another file is in its place: remove it, or --overwrite.")
        return False

    def _write(
        self, path: Path, row: ObjectRow, mtime: int | None, stop: threading.Event
    ) -> None:
        with files.draft(path, mode=0o666) as file:
            for chunk in segments.checked_chunks(store=backend(), row=row):
                if stop.is_set():
                    raise transfer.Stopped
                self.watch.bytes(len(chunk))
                file.write(chunk)
            file.flush()
            if mtime is not None:
                os.utime(file.fileno(), ns=(mtime, mtime))


def _keys(bucket_id: int, prefix: str) -> Iterator[str]:
    """Yield the keys with that prefix in their order, a page at a time."""
    latest = StoredObject.objects.filter(
        bucket_id=bucket_id, is_latest=True, is_delete_marker=False, key__gte=prefix
    ).order_by("key")
    end = prefix_end(prefix)
    if end is not None:
        latest = latest.filter(key__lt=end)
    page = list(latest.values_list("key", flat=True)[:_PAGE])
    while page:
        yield from page
        after = latest.filter(key__gt=page[-1])
        page = list(after.values_list("key", flat=True)[:_PAGE])


def _refuse_segments(segments: list[str]) -> None:
    for segment in segments:
        if segment in {"", ".", ".."} or "\0" in segment:
            raise Refused(
                "It has an empty part, `.` or `..` between slashes: no file can have "
                "that path. Copy it to another key."
            )


def _has_content(path: Path, row: ObjectRow) -> bool:
    """Whether a file of the object's size has its bytes, by the digests that are known:
    the whole's, or each segment's."""
    with path.open("rb") as file:
        if row.sha256:
            return hashlib.file_digest(file, "sha256").hexdigest() == row.sha256
        return all(
            _digest(file, blob.length) == blob.sha256
            for blob in segments.blobs_of(row=row)
        )


def _digest(file: BinaryIO, left: int) -> str:
    hasher = hashlib.sha256()
    while chunk := file.read(min(left, _CHUNK)):
        hasher.update(chunk)
        left -= len(chunk)
    return hasher.hexdigest()
