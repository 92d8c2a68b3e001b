"""One pass over a body: its digests, its size and its limit."""

import hashlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, Self

from django.utils.translation import gettext_noop

from objects_app.blobs.cores import use_every_core
from objects_app.errors import BodyTooLarge, IncompleteBody

# The cheapest size to read: 64 KiB costs 2.2 times the CPU, 4 MiB 2.5 times.
CHUNK_BYTES = 1024 * 1024

# Chunks that may wait for the helper thread; with the one being read and the one being
# written this bounds the memory of an upload.
_CHUNKS_AHEAD = 4


class Readable(Protocol):
    """A body: `read(n)` gives 1 to n bytes, and b"" only at the end."""

    def read(self, size: int, /) -> bytes: ...


class HashingReader:
    """Iterate over it for the chunks of a body, hashed on the way.

    Once the iteration has ended by itself, `sha256` (hexadecimal), `md5` (raw, None
    unless `with_md5`) and `size` describe the whole body. Beyond the first MiB the
    hashing happens in a helper thread, beside the reading and whatever the caller does
    with the chunks; leaving the context ends that thread, however the context is left.

    With `length` no byte after it is read, and a body that ends before it raises
    IncompleteBody; without, the body ends where the stream does. More than `limit`
    bytes raise BodyTooLarge: declared ones before anything is read, sent ones before
    the chunk that passes the limit is handed out.

    With `part_bytes` the `part_digests` are the raw SHA-256 of every so many bytes of
    the body, the last part maybe shorter.
    """

    def __init__(
        self,
        stream: Readable,
        *,
        limit: int,
        length: int | None = None,
        with_md5: bool = False,
        part_bytes: int | None = None,
    ) -> None:
        self.size = 0
        self.part_digests: list[bytes] = []
        self._part_bytes = self._part_left = part_bytes
        self._part: hashlib._Hash | None = None
        self._stream = stream
        self._limit = limit
        self._length = length
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False) if with_md5 else None
        self._alone = False
        self._helper: ThreadPoolExecutor | None = None
        self._waiting: deque[Future[None]] = deque()
        self._refuse_beyond_limit(length or 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self._read():
            self.size += len(chunk)
            self._refuse_beyond_limit(self.size)
            self._hash(chunk)
            yield chunk
        if self._length is not None and self.size < self._length:
            raise IncompleteBody(
                gettext_noop(
                    "The body ended after %(size)s of %(length)s bytes: send it "
                    "again whole."
                ),
                size=self.size,
                length=self._length,
            )
        self._wait_until_at_most(0)
        if self._part_left != self._part_bytes:
            self._end_part()

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def md5(self) -> bytes | None:
        return self._md5.digest() if self._md5 is not None else None

    def _read(self) -> bytes:
        if self._length is None:
            return self._stream.read(CHUNK_BYTES)
        left = self._length - self.size
        return self._stream.read(min(CHUNK_BYTES, left)) if left > 0 else b""

    def _refuse_beyond_limit(self, size: int) -> None:
        if size > self._limit:
            raise BodyTooLarge(
                gettext_noop(
                    "The body is larger than the %(most)s bytes that may be sent here."
                ),
                most=self._limit,
            )

    def _hash(self, chunk: bytes) -> None:
        """Hash a short body here, where a thread would cost more than it gains.

        The one thread takes the chunks in order, and each is a bytes object of its own,
        so nothing can change one that still waits. What goes wrong in the thread is
        raised here, a few chunks later or at the end.
        """
        if self._alone or self.size <= CHUNK_BYTES:
            self._update(chunk)
            return
        if self._helper is None:
            self._helper = ThreadPoolExecutor(
                1, thread_name_prefix="hashing", initializer=use_every_core
            )
        try:
            self._waiting.append(self._helper.submit(self._update, chunk))
        except RuntimeError:
            self._go_on_alone()
            self._update(chunk)
        self._wait_until_at_most(_CHUNKS_AHEAD)

    def _go_on_alone(self) -> None:
        """Do without the helper: the machine has no thread to give, or this process is
        shutting down while the upload ends.

        A pool that could not start its thread keeps the chunk it refused; cancelling
        makes sure that nobody ever hashes it a second time.
        """
        self._wait_until_at_most(0)
        self._close()
        self._alone = True

    def _close(self) -> None:
        if self._helper is not None:
            self._helper.shutdown(wait=True, cancel_futures=True)

    def _update(self, chunk: bytes) -> None:
        if self._md5 is not None:
            self._md5.update(chunk)
        rest = memoryview(chunk)
        while self._part_left is not None and len(rest) >= self._part_left:
            head, rest = rest[: self._part_left], rest[self._part_left :]
            self._update_part(head)
            self._end_part()
        self._update_part(rest)
        if self._part_left is not None:
            self._part_left -= len(rest)

    def _update_part(self, chunk: memoryview) -> None:
        """Hash for the whole and for the part, which are one until the first ends."""
        self._sha256.update(chunk)
        if self._part is not None:
            self._part.update(chunk)

    def _end_part(self) -> None:
        self.part_digests.append((self._part or self._sha256.copy()).digest())
        self._part = hashlib.sha256()
        self._part_left = self._part_bytes

    def _wait_until_at_most(self, chunks: int) -> None:
        while len(self._waiting) > chunks:
            self._waiting.popleft().result()
