"""Reading objects that are made of segments: one blob after another."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Self

from django.utils.translation import gettext_noop

from objects_app.blobs.backend import BlobBackend, BlobReader
from objects_app.blobs.filesystem import FileReader
from objects_app.errors import BytesMissing, StorageBusy
from objects_app.queries.segments import Piece, Version, pieces

_CHUNK = 1024 * 1024

Missing = Callable[[str], object]


class SegmentReader:
    """A BlobReader over pieces of blobs, each opened when the one before it ends.

    The first is open already, so that an object which has lost all is not begun.
    `missing` is told the digest of any later one that cannot be opened, for by then
    whoever reads can only break off.
    """

    def __init__(
        self,
        store: BlobBackend,
        listed: Sequence[Piece],
        first: BlobReader,
        missing: Missing,
    ) -> None:
        self._store = store
        self._left = deque(listed[1:])
        self._missing = missing
        self._current = first
        self._sha256, _, self._due = listed[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, size: int = -1, /) -> bytes:
        """See BlobReader.read. Raises BytesMissing, StorageUnavailable."""
        if size < 0:
            return b"".join(iter(lambda: self.read(_CHUNK), b""))
        data = self._current.read(size)
        while not data and size and self._left:
            self._next()
            data = self._current.read(size)
        self._due -= len(data)
        return data

    def close(self) -> None:
        self._current.close()

    def _next(self) -> None:
        """Go on to the next piece. Raises BytesMissing, StorageUnavailable."""
        self._current.close()
        try:
            if self._due:  # what follows would be sent in the place of what is missing
                raise BytesMissing(self._sha256)
            piece = self._left.popleft()
            self._current = _open(self._store, piece)
        except BytesMissing as error:
            self._missing(error.sha256)
            raise
        self._sha256, _, self._due = piece


class FileSegmentReader(SegmentReader):
    """One whose pieces lie in files, for those who need not read them."""

    _current: FileReader

    def files(self) -> Iterator[tuple[int, int]]:
        """Yield the descriptor of each file, which stands at its piece's first byte,
        and how many bytes are to be taken: all of them, before the next is asked for.

        Raises BytesMissing, StorageUnavailable.
        """
        while True:
            count, self._due = self._due, 0
            yield self._current.fileno(), count
            if not self._left:
                return
            self._next()


def open_segments(
    *,
    store: BlobBackend,
    row: Version,
    start: int,
    length: int,
    missing: Missing,
) -> BlobReader:
    """Open `length` bytes (one or more) from `start` on.

    Raises BytesMissing; and StorageBusy when the row was overwritten since it was
    looked up: look it up once more.
    """
    listed = _listed(row, start, length)
    first = _open(store, listed[0])
    if len(listed) == 1:
        return first
    if isinstance(first, FileReader):
        return FileSegmentReader(store, listed, first, missing)
    return SegmentReader(store, listed, first, missing)


def checked_chunks(*, store: BlobBackend, row: Version) -> Iterator[bytes]:
    """Yield all bytes of any object, each blob's held against its digest.

    Raises BytesMissing for one that is gone or damaged, after some of its bytes; and
    StorageBusy, before any, when the row was overwritten since it was looked up.
    """
    for piece in blobs_of(row=row):
        hasher = hashlib.sha256()
        with store.open(piece.sha256, length=piece.length) as reader:
            while chunk := reader.read(_CHUNK):
                hasher.update(chunk)
                yield chunk
        if hasher.hexdigest() != piece.sha256:
            raise BytesMissing(piece.sha256)


def blobs_of(*, row: Version) -> list[Piece]:
    """Return the blobs of any object, in order. Raises StorageBusy."""
    if row.blob_id is not None:
        return [Piece(row.sha256, 0, row.size)]
    return _listed(row, 0, row.size) if row.size else []


def _listed(row: Version, start: int, length: int) -> list[Piece]:
    found = pieces(row=row, start=start, length=length)
    if found is None:
        raise StorageBusy(
            gettext_noop("The object was overwritten just now: ask again.")
        )
    return found


def _open(store: BlobBackend, piece: Piece) -> BlobReader:
    return store.open(piece.sha256, start=piece.start, length=piece.length)
