"""Bodies as clients send them: whole, dripping, endless, broken off."""

import hashlib
import io
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from objects_app.blobs.hashing import Readable
from objects_app.blobs.ingest import Expected, Received, receive

MIB = 1024 * 1024


class Dripping:
    """Gives at most `drop` bytes a read, as a socket does."""

    def __init__(self, content: bytes, *, drop: int) -> None:
        self._content = io.BytesIO(content)
        self._drop = drop

    def read(self, size: int, /) -> bytes:
        return self._content.read(min(size, self._drop))


class Generated:
    """A body of any size that is never in memory; counts what is asked of it."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.reads: list[int] = []

    def read(self, size: int, /) -> bytes:
        self.reads.append(size)
        count = min(size, self.left)
        self.left -= count
        return len(self.reads).to_bytes(4) * (count // 4) + bytes(count % 4)


class Failing:
    """Gives `good` bytes, then raises `error`."""

    def __init__(self, *, good: int, error: BaseException) -> None:
        self._good = Generated(good)
        self._error = error

    def read(self, size: int, /) -> bytes:
        if chunk := self._good.read(size):
            return chunk
        raise self._error


def open_descriptors() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


def random_body(size: int, *, seed: int = 0) -> bytes:
    return random.Random(f"{seed} {size}").randbytes(size)  # noqa: S311


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


@contextmanager
def received(body: bytes | Readable, spool_dir: Path) -> Iterator[Received]:
    """Receive a body about which the client said nothing."""
    stream = io.BytesIO(body) if isinstance(body, bytes) else body
    with receive(
        stream, length=None, limit=2**40, expected=Expected(), spool_dir=spool_dir
    ) as whole:
        yield whole
