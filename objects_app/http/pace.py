"""How long a thread waits for a client, and how many threads do so at once.

Each transfer holds a thread. So a client that neither sends nor reads is given up after
a while, one that does so by drops as well, and a body that is not there yet is waited
for only while enough other threads are free.
"""

import errno
from threading import BoundedSemaphore
from typing import NamedTuple

# In `environ`: the server limits how long it waits for this client.
LIMITED = "objectstore.limited"


class Crowded(BlockingIOError):
    """As many bodies are waited for as may be."""

    def __init__(self) -> None:
        super().__init__(errno.EAGAIN, "as many bodies are waited for as may be")


class Limits(NamedTuple):
    """What a server process grants its clients.

    `silence` in seconds; `least` in bytes a second, 0 for any; `waits` counts the
    bodies that may be waited for at once, None for any number.
    """

    silence: float
    least: float = 0
    waits: BoundedSemaphore | None = None


class Pace:
    """How quick a client is. Only the time that the server waits for it counts.

    So a transfer is never too slow that waits for our disk, nor one that is always
    ahead of us, and what was quick once does not pay for being slow now.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._bytes = 0
        self._seconds = 0.0

    def moved(self, size: int, waited: float = 0.0) -> None:
        """Note what was sent or received, and after how many seconds of waiting.

        Raises TimeoutError once the client was waited for for as long as it might have
        been silent, and moved fewer bytes than it has to.
        """
        self._bytes += size
        self._seconds += waited
        if self._seconds < self._limits.silence:
            return
        if self._bytes < self._limits.least * self._seconds:
            raise TimeoutError("the client is too slow")
        self._bytes, self._seconds = 0, 0.0
