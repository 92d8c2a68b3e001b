"""Importing a folder: each file an object, its path below the folder the key."""

import os
import threading
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

from objects_app.blobs.ingest import Expected
from objects_app.errors import StorageUnavailable, StoreError
from objects_app.names import decode_key
from objects_app.queries import reads
from objects_app.queries.rows import Actor, BucketRow, Scope
from objects_app.services import objects, transfer
from objects_app.services.transfer import Kind, Moved, Outcome, Place, Watch, shown

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class _Entry(NamedTuple):
    """Something in the folder: its path there, and what keeps it from being read."""

    path: bytes
    refusal: Outcome | None = None


class FileChanged(Exception):
    """A file is not what it was when its import began."""


def import_tree(
    *,
    folder: Path,
    place: Place,
    owner_id: int | None,
    guess: Callable[[str], str],
    threads: int,
    dry_run: bool = False,
    watch: Watch,
) -> Moved:
    """Put every file below `folder` into a bucket, which is made if it is missing.

    `guess` gives the content type of a key. A file whose object has its size and its
    time already is skipped unread, so a second run is quick and goes on where the first
    one stopped. Links are passed by. Names that are no keys, and files that cannot be
    read, are outcomes. Raises StorageUnavailable, BucketTaken, DatabaseError, OSError
    (of `folder` itself): the rest would fail, too.
    """
    by = transfer.operator("import_tree")
    bucket = (
        reads.find_bucket(place.bucket)
        if dry_run
        else transfer.target_bucket(name=place.bucket, owner_id=owner_id, by=by)
    )
    root = os.fsencode(folder)
    task = _Import(root, place, bucket, guess, by, dry_run, watch)
    return transfer.together(
        transfer.each(_walk(root), task.run, threads=threads), watch
    )


class _Import(NamedTuple):
    """What all threads of one import need."""

    folder: bytes
    place: Place
    bucket: BucketRow | None
    guess: Callable[[str], str]
    by: Actor
    dry_run: bool
    watch: Watch

    def run(self, entry: _Entry, stop: threading.Event) -> Outcome:
        """Import one file."""
        if entry.refusal is not None:
            return entry.refusal
        name = shown_path(entry.path)
        try:
            key = decode_key(self.place.prefix.encode() + entry.path)
            descriptor = os.open(_join(self.folder, entry.path), _FLAGS)
            with FileIO(descriptor, "rb") as file:
                return self._put(name, key, _Unchanging(file), stop)
        except StorageUnavailable:
            raise
        except (StoreError, FileChanged) as error:
            return Outcome(Kind.FAILED, name, reason=str(error))
        except OSError as error:
            return Outcome(Kind.FAILED, name, reason=error.strerror or str(error))

    def _put(
        self, name: str, key: str, file: "_Unchanging", stop: threading.Event
    ) -> Outcome:
        if not S_ISREG(file.status.st_mode):
            return Outcome(Kind.PASSED_BY, name)
        mtime = transfer.mtime_text(file.status.st_mtime_ns)
        size = file.status.st_size
        if self._is_there(key, size, mtime):
            return Outcome(Kind.SKIPPED, name, size)
        if self.dry_run or self.bucket is None:
            return Outcome(Kind.MOVED, name, size)
        metadata = {transfer.MTIME: mtime}
        stored = objects.put_object(
            bucket=self.bucket,
            key=key,
            stream=transfer.Counted(file, tell=self.watch.bytes, stop=stop),
            length=size,
            expected=Expected(),
            description=objects.Description(self.guess(key), {}, metadata),
            readable=Scope.of_owner(self.bucket.owner_id),
            by=self.by,
        )
        return Outcome(Kind.MOVED, name, size, size if stored.deduplicated else 0)

    def _is_there(self, key: str, size: int, mtime: str) -> bool:
        found = reads.find_object(self.place.bucket, key)
        if found is None or found[1] is None:
            return False
        row = found[1]
        return row.size == size and row.metadata.get(transfer.MTIME) == mtime


class _Unchanging:
    """A file that must be at its end what it was at its beginning.

    It is compared once its last byte was read, which is before anything is committed.
    """

    def __init__(self, file: FileIO) -> None:
        self.status = os.fstat(file.fileno())
        self._file = file
        self._left = self.status.st_size

    def read(self, size: int, /) -> bytes:
        """Raises FileChanged."""
        chunk = self._file.read(size) or b""
        self._left -= len(chunk)
        if not chunk or self._left <= 0:
            now, before = os.fstat(self._file.fileno()), self.status
            if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                raise FileChanged("It changed while it was read: run again.")
        return chunk


def _walk(folder: bytes) -> Iterator[_Entry]:
    """Yield all that is below a folder, reading on as the caller does."""
    folders = [b""]
    with os.scandir(folder):  # a folder that cannot be read at all is an error
        pass
    while folders:
        path = folders.pop()
        try:
            with os.scandir(_join(folder, path)) as entries:
                for entry in entries:
                    below = _join(path, entry.name)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(below)
                    elif entry.is_file(follow_symlinks=False):
                        yield _Entry(below)
                    else:  # to open a device can do things
                        yield _Entry(below, Outcome(Kind.PASSED_BY, shown_path(below)))
        except OSError as error:
            reason = error.strerror or str(error)
            yield _Entry(path, Outcome(Kind.FAILED, shown_path(path), reason=reason))


def _join(folder: bytes, name: bytes) -> bytes:
    return b"/".join(filter(None, (folder, name)))


def shown_path(path: bytes) -> str:
    """Return a file's name for people, whatever bytes it has."""
    return shown(path.decode("utf-8", "backslashreplace"))
