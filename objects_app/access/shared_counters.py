"""Counters that all processes of a node share: a fixed table in memory.

Made before the fork, so that gunicorn's processes have the same one. A process that
is killed in the middle of a step leaves a wrong number at worst, never a lock: those of
`fcntl` end with the process that holds them.
"""

import fcntl
import hashlib
import mmap
import os
import struct
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import floor
from pathlib import Path
from typing import NamedTuple

from limits.storage.base import SlidingWindowCounterSupport, Storage

# Who (a digest), the end of the window by the monotonic clock, which is one for all
# processes, and the hits within it and within the one before.
_SLOT = struct.Struct("=16sdII")
_WAYS = 8
_SETS = 8192
_MOST_HITS = 2**32 - 1


class _Counter(NamedTuple):
    ends: float
    current: int
    previous: int

    def at(self, now: float, expiry: int) -> "_Counter":
        """Return it as it is at that time, in a window that is not over."""
        if now < self.ends:
            return self
        if now < self.ends + expiry:
            return _Counter(self.ends + expiry, 0, self.current)
        return _Counter(now + expiry, 0, 0)

    def weighted(self, now: float, expiry: int) -> float:
        """Return the hits of the last `expiry` seconds, those of the window before as
        if they were spread evenly."""
        return self.previous * (self.ends - now) / expiry + self.current


_NONE = _Counter(0.0, 0, 0)


class SharedCounters(Storage, SlidingWindowCounterSupport):
    """A storage of `limits` for its sliding window counter, and for that one only.

    2 MiB for 65,536 counters. Where more are wanted at once, the one with the fewest
    hits among eight goes, so whoever is near a limit stays counted.
    """

    STORAGE_SCHEME = None

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._table = mmap.mmap(-1, _SETS * _WAYS * _SLOT.size)
        # Only its byte ranges are used, as locks among processes.
        self._file, name = tempfile.mkstemp()
        Path(name).unlink()
        weakref.finalize(self, os.close, self._file)
        self._threads = threading.Lock()  # the file's locks do not tell threads apart

    @property
    def base_exceptions(self) -> type[Exception]:
        """What its methods may fail with."""
        return OSError

    def acquire_sliding_window_entry(
        self, key: str, limit: int, expiry: int, amount: int = 1
    ) -> bool:
        """Count, unless that exceeds the limit; see SlidingWindowCounterSupport."""
        digest, number = _place(key)
        with self._locked(number):
            now = self._clock()
            offset, found = self._find(digest, number, now)
            counter = found.at(now, expiry)
            if floor(counter.weighted(now, expiry)) + amount > limit:
                return False
            hits = min(counter.current + amount, _MOST_HITS)
            _SLOT.pack_into(
                self._table, offset, digest, counter.ends, hits, counter.previous
            )
        return True

    def get_sliding_window(
        self, key: str, expiry: int
    ) -> tuple[int, float, int, float]:
        """Return hits and seconds to live; see SlidingWindowCounterSupport."""
        digest, number = _place(key)
        with self._locked(number):
            now = self._clock()
            counter = self._find(digest, number, now)[1].at(now, expiry)
        rest = counter.ends - now
        return counter.previous, rest, counter.current, rest + expiry

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Forget one counter."""
        digest, number = _place(key)
        with self._locked(number):
            offset, _ = self._find(digest, number, self._clock())
            _SLOT.pack_into(self._table, offset, bytes(16), *_NONE)

    def clear(self, key: str) -> None:
        """Forget one counter."""
        self.clear_sliding_window(key, 0)

    def reset(self) -> None:
        """Forget all."""
        for number in range(_SETS):
            with self._locked(number):
                start = number * _WAYS * _SLOT.size
                self._table[start : start + _WAYS * _SLOT.size] = bytes(
                    _WAYS * _SLOT.size
                )

    def check(self) -> bool:
        """It is always there."""
        return True

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Fixed windows are not counted here."""
        raise NotImplementedError

    def get(self, key: str) -> int:
        """Fixed windows are not counted here."""
        raise NotImplementedError

    def get_expiry(self, key: str) -> float:
        """Fixed windows are not counted here."""
        raise NotImplementedError

    @contextmanager
    def _locked(self, number: int) -> Iterator[None]:
        with self._threads:
            fcntl.lockf(self._file, fcntl.LOCK_EX, 1, number)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number)

    def _find(self, digest: bytes, number: int, now: float) -> tuple[int, _Counter]:
        """Return where it is, or may be put: a place that is free, else the one that
        matters least."""
        start = number * _WAYS * _SLOT.size
        end = start + _WAYS * _SLOT.size
        offset = self._table.find(digest, start, end)
        if offset >= 0 and (offset - start) % _SLOT.size == 0:
            return offset, _Counter._make(_SLOT.unpack_from(self._table, offset)[1:])
        least, place = (True, _MOST_HITS + 1, 0.0), start
        for offset in range(start, end, _SLOT.size):
            _, ends, current, previous = _SLOT.unpack_from(self._table, offset)
            matters = (now < ends, max(current, previous), ends)
            if matters < least:
                least, place = matters, offset
        return place, _NONE


def _place(key: str) -> tuple[bytes, int]:
    digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
    return digest, int.from_bytes(digest[:4]) % _SETS
