"""What clients send, read without a thread waiting for it where that can be.

gunicorn's reader waits for whatever the parser asks for. A few clients that send half
of a head, or a byte of a body now and then, would keep all threads. This one takes a
head as it comes, and the worker waits for the rest of it without a thread. It waits for
a body only while enough other threads do not.
"""

import select
import socket
import ssl
import time
from typing import Any

from gunicorn.http.body import Body, LengthReader
from gunicorn.http.errors import LimitRequestHeaders, ParseException
from gunicorn.http.unreader import SocketUnreader

from objects_app.http.pace import Crowded, Limits, Pace

# A body whose client was interrupted between two packets need not be refused.
GRACE_SECONDS = 0.02
HEAD_BYTES = 64 * 1024
UNWANTED_BYTES = 64 * 1024
TLS_RECORD_BYTES = 16 * 1024

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Receiver(SocketUnreader):  # type: ignore[misc] # gunicorn has no types
    """Reads one connection: heads as they come, bodies at a pace.

    `since`: when the first byte of an unfinished head came (monotonic), else None.
    """

    def __init__(self, sock: Any, limits: Limits) -> None:
        super().__init__(sock)
        self.since: float | None = None
        self._failure: Exception | None = None
        self._limits = limits
        self._tls = isinstance(sock, ssl.SSLSocket)
        if self._tls:
            self.max_body_chunk = TLS_RECORD_BYTES
        self._holds_wait = False
        self.begin()

    def begin(self, *, asks_first: bool = False) -> None:
        """Begin a request; its client may ask whether to send the body (100)."""
        self._asks_first = asks_first
        self._may_wait = True
        self._pace: Pace | None = None

    def end(self) -> None:
        """End the request: others may be waited for."""
        if self._holds_wait:
            self._holds_wait = False
            assert self._limits.waits is not None  # noqa: S101 - it was taken from there
            self._limits.waits.release()

    # Heads

    def holds_more(self) -> bool:
        """Whether bytes were read ahead, of which the kernel tells no more."""
        return bool(self.buf.tell() or (self._tls and self.sock.pending()))

    def has_head(self) -> bool:
        """Read what has arrived; whether the parser can do without waiting for more.

        So it is, too, at the end of the connection, with more than any head needs, and
        with a line end that is none: the parser is told, or finds out.
        """
        head = self.buf.getvalue()
        try:
            while not _is_whole(head):
                if len(head) > HEAD_BYTES:
                    raise LimitRequestHeaders("the head is too large")
                data = self._receive_now(self.mxchunk)
                if data is None:
                    if head and self.since is None:
                        self.since = time.monotonic()
                    return False
                if not data:
                    break
                self.buf.write(data)
                head = head + data if head else data
        except (OSError, LimitRequestHeaders) as error:
            self._failure = error
        self.since = None
        return True

    # Bodies

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return some bytes, b"" at the end of the connection.

        Raises Crowded when it would have to wait and may not, TimeoutError and
        BlockingIOError when that took too long.
        """
        if self._failure is not None:
            raise self._failure
        size = min(max(size_hint or 0, self.mxchunk), self.max_body_chunk)
        if self._pace is None or not self._may_wait:
            data = self._receive_now(size)
            if data is None and not self._may_wait:
                raise BlockingIOError
            if data is None and not self._begin_to_wait():
                data = self._grace(size)
            if data is not None:
                return data
        return self._wait(size)

    def has_ended(self, body: Body) -> bool:
        """Whether the next byte begins a request: the body was read, or has arrived
        and is thrown away. Nobody waits for one that nobody wants.
        """
        if body.failed:
            return False
        if isinstance(body.reader, LengthReader) and not body.reader.length:
            return True
        self._may_wait = False
        thrown_away = 0
        try:
            while thrown_away < UNWANTED_BYTES:
                data = body.read(8192)
                if not data:
                    return True
                thrown_away += len(data)
        except (OSError, ParseException):
            pass
        return False

    def _begin_to_wait(self) -> bool:
        """Take leave to wait for the rest of the body; whether there is any.

        From then on trying without waiting would only cost a large body its speed.
        """
        waits = self._limits.waits
        if waits is not None:
            self._holds_wait = waits.acquire(blocking=False)
            if not self._holds_wait:
                return False
        self._pace = Pace(self._limits)
        if self._asks_first:
            self._asks_first = False
            self.sock.sendall(_CONTINUE)
        return True

    def _wait(self, size: int) -> bytes:
        assert self._pace is not None  # noqa: S101 - made when the waiting began
        started = time.monotonic()
        data: bytes = self.sock.recv(size)
        self._pace.moved(len(data), time.monotonic() - started)
        return data

    def _grace(self, size: int) -> bytes:
        """Return what comes within a moment. Raises Crowded."""
        if not self._asks_first:
            poll = select.poll()
            poll.register(self.sock, select.POLLIN)
            poll.poll(GRACE_SECONDS * 1000)
            data = self._receive_now(size)
            if data is not None:
                return data
        raise Crowded

    def _receive_now(self, size: int) -> bytes | None:
        """Return what is there, b"" at the end, None when nothing is."""
        try:
            if not self._tls:
                return bytes(self.sock.recv(size, socket.MSG_DONTWAIT))
            limit = self.sock.gettimeout()
            self.sock.settimeout(0)
            try:
                return bytes(self.sock.recv(size))
            finally:
                self.sock.settimeout(limit)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None


def _is_whole(head: bytes) -> bool:
    return b"\r\n\r\n" in head or head.count(b"\n") != head.count(b"\r\n")
