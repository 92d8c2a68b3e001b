"""Archives: many objects as one ZIP, of any size, in fixed memory.

First the whole list is made: rows as of one moment, names, the length in bytes. Then
bytes flow, one blob after the other, and nothing is asked of the database any more.
What is overwritten or deleted meanwhile is in the archive all the same, for the sweep
leaves its bytes for as long as SWEEP_GRACE_SECONDS.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain

from django.utils.translation import gettext_noop

from objects_app.blobs.backend import BlobBackend, backend
from objects_app.errors import BytesMissing, NoSuchKey
from objects_app.names import prefix_end
from objects_app.queries import history
from objects_app.queries.contents import contents, contents_of_keys
from objects_app.queries.reads import TODAY
from objects_app.queries.rows import BucketRow, ContentRow, Span
from objects_app.services import buckets
from objects_app.services.archive_entries import Entries, Entry, file_name
from objects_app.services.zips import Zip

_BLOCK_BYTES = 256 * 1024


class Archive:
    """An archive that is ready to be sent, once. Whoever has it closes it.

    Iterating raises BytesMissing where bytes are gone, and StorageUnavailable: what was
    sent until then is no archive, and shorter than `length`, in bytes.
    """

    def __init__(self, rows: Iterable[ContentRow], *, prefix: str) -> None:
        self._entries = Entries(rows, prefix=prefix)
        self._zip = Zip(self._entries)
        self.files = 0
        for entry in self._entries:
            self._zip.expect(entry)
            self.files += 1
        self.length = len(self._zip)
        self._blocks = _in_blocks(self._pieces())
        self._first: tuple[bytes, ...] = ()

    def begin(self) -> None:
        """Read the first block: what fails here can still be told, as an error."""
        self._first = (next(self._blocks),)

    def __iter__(self) -> Iterator[bytes]:
        return chain(self._first, self._blocks)

    def close(self) -> None:
        """Give back what it holds on the disk."""
        self._blocks.close()
        self._entries.close()

    def _pieces(self) -> Iterator[bytes]:
        store = backend()
        for entry in self._entries:
            yield from self._zip.entry(entry, _content(store, entry))
        yield from self._zip.footer()


def archive(*, bucket: BucketRow, prefix: str, rows: Iterable[ContentRow]) -> Archive:
    """Return the archive of these rows, from a bucket's keys of that prefix.

    Raises NoSuchKey where there is nothing to put into it, and StorageUnavailable.
    """
    made = Archive(rows, prefix=prefix)
    if made.files:
        return made
    made.close()
    raise NoSuchKey(
        gettext_noop(
            "No key in bucket %(bucket)s has that prefix: list the bucket with GET "
            "/objects?bucket=%(bucket)s."
        ),
        bucket=bucket.name,
    )


def rows_of(
    *, bucket: BucketRow, prefix: str, at: datetime | None = None
) -> Iterator[ContentRow]:
    """Yield the rows of a bucket's objects whose keys begin so, as they are or were.

    Raises NotVersioned for a moment before there were versions.
    """
    if at is not None:
        buckets.require_past(bucket=bucket, moment=at)
    view = TODAY if at is None else history.at(at)
    span = Span(prefix, inclusive=True, end=prefix_end(prefix))
    return contents(bucket=bucket, span=span, view=view)


def rows_of_chosen(
    *, bucket: BucketRow, keys: Sequence[str], prefixes: Iterable[str]
) -> Iterator[ContentRow]:
    """Yield the rows of these keys, those that are there, and of all of these prefixes.

    Each prefix is as of a moment of its own.
    """
    if keys:
        yield from contents_of_keys(bucket=bucket, keys=keys)
    for prefix in prefixes:
        yield from rows_of(bucket=bucket, prefix=prefix)


def archive_name(*, bucket: BucketRow, prefix: str) -> str:
    """Return what to call the archive as a file: by its folder, else its bucket."""
    return f"{file_name(prefix).rpartition('/')[2] or bucket.name}.zip"


def _content(store: BlobBackend, entry: Entry) -> Iterator[bytes]:
    """Yield an entry's bytes; never more or fewer than its size, which is announced."""
    left = entry.size
    for sha256 in entry.digests:
        with store.open(sha256) as reader:
            while block := reader.read(_BLOCK_BYTES):
                left -= len(block)
                if left < 0:
                    raise BytesMissing(sha256)
                yield block
    if left:
        raise BytesMissing(entry.name)


def _in_blocks(pieces: Iterable[bytes]) -> Generator[bytes, None, None]:
    """Join small pieces: each block that is yielded is a write to a socket."""
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) >= _BLOCK_BYTES:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)
