"""A tus request's body: read piece by piece, checked, kept as far as it arrived."""

import hashlib
from typing import NamedTuple, Self

from django.utils.translation import gettext_noop

from objects_app.blobs.hashing import Readable
from objects_app.errors import (
    BodyStalled,
    BodyTooLarge,
    ChecksumMismatch,
    IncompleteBody,
    StoreError,
    TooManyUploads,
)


class Checksum(NamedTuple):
    """What a body hashes to; the algorithm by hashlib's name."""

    algorithm: str
    digest: bytes


class Sent(NamedTuple):
    """A body as it is sent: where it belongs, and what it says of itself.

    `declared` is its length in bytes, None of a chunked one.
    """

    stream: Readable
    offset: int
    declared: int | None
    checksum: Checksum | None = None


class Body:
    """A request's body. Where it breaks off it just ends, and `failure` says why."""

    def __init__(self, sent: Sent) -> None:
        self.failure: StoreError | None = None
        self.ended = False
        self.checksum = sent.checksum
        self._stream, self._left = sent.stream, sent.declared
        self._piece_left = 0
        self._hash = hashlib.new(sent.checksum.algorithm) if sent.checksum else None

    def piece(self, size: int) -> Self:
        """Return itself as a stream that ends after so many bytes."""
        self._piece_left = size
        return self

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, b"" at the end of the piece."""
        size = min(size, self._piece_left)
        data = self._next(size) if size and not self.ended else b""
        self._piece_left -= len(data)
        if self._hash is not None:
            self._hash.update(data)
        return data

    def require_end(self, most: int) -> None:
        """Raise BodyTooLarge when there is more; what breaks off here is whole."""
        if not self.ended and self._next(1):
            raise too_large(most)

    def check(self) -> None:
        """Raise ChecksumMismatch, or what befell a body that has a checksum."""
        if self._hash is None or self.checksum is None:
            return
        if self.failure is not None:
            raise self.failure
        if self._hash.digest() != self.checksum.digest:
            raise ChecksumMismatch(
                gettext_noop(
                    "The body's %(algorithm)s is another than Upload-Checksum "
                    "says: send it again. Nothing of it was kept."
                ),
                algorithm=self.checksum.algorithm,
            )

    def _next(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except (BodyStalled, IncompleteBody, TooManyUploads) as error:
            self.failure, self.ended = error, True
            return b""
        if self._left is not None:
            self._left -= len(data)
        if not data:
            self.ended = True
            if self._left:
                self.failure = IncompleteBody(
                    gettext_noop("The body ended %(left)s bytes too early."),
                    left=self._left,
                )
        return data


def too_large(most: int) -> BodyTooLarge:
    return BodyTooLarge(
        gettext_noop("The body goes beyond the %(most)s bytes that there may be."),
        most=most,
    )
