"""Answers on the wire: one send for a head and the body it has, and a pace for both."""

import os
import select
import ssl
import time
from typing import Any

from gunicorn import util
from gunicorn.http import wsgi

from objects_app.http.pace import Limits, Pace
from objectstore.receiving import TLS_RECORD_BYTES


class Response(wsgi.Response):  # type: ignore[misc] # gunicorn has no types
    """Sends the head together with the first bytes of the body.

    Raises TimeoutError for a client that reads more slowly than `limits` allow.
    """

    headers_sent: bool
    _head = b""

    def __init__(self, req: Any, sock: Any, cfg: Any, limits: Limits) -> None:
        super().__init__(req, sock, cfg)
        self._limits = limits
        # OpenSSL gives no account of what it sent within one call.
        self._most = TLS_RECORD_BYTES if isinstance(sock, ssl.SSLSocket) else None
        self._pace: Pace | None = None

    def send_headers(self) -> None:
        """Keep the head until there is a body to send it with."""
        if not self.headers_sent:
            lines = self.default_headers()
            lines += [f"{name}: {value}\r\n" for name, value in self.headers]
            self._head = f"{''.join(lines)}\r\n".encode("latin-1")
            self.headers_sent = True

    def write_file(self, respiter: Any) -> None:
        """Send the head, then the file by sendfile; over TLS in blocks."""
        self.send_headers()
        self._flush()
        super().write_file(respiter)

    def sendfile(self, respiter: Any) -> bool:
        """Send as much of the file as was announced, or of files one after another;
        False where that cannot be."""
        file, left = respiter.filelike, self.response_length
        if (
            left is None
            or self.cfg.is_ssl
            or self._omits_body
            or not self.can_sendfile()
        ):
            return False
        if hasattr(file, "files"):
            files = file.files()
        elif util.has_fileno(file):
            files = [(file.fileno(), left)]
        else:
            return False
        self.sock.settimeout(self._limits.silence)  # or sendfile would wait by itself
        try:
            all(self._send_file(source, count) for source, count in files)
        finally:
            self.sock.setblocking(True)
        return True

    def _send_file(self, source: int, left: int) -> bool:
        """Send so many bytes from where a file stands; False: it has no more."""
        offset = os.lseek(source, 0, os.SEEK_CUR)
        while left and (sent := self._send_part(source, offset, left)):
            offset, left = offset + sent, left - sent
        return not left

    def close(self) -> None:
        """End the answer, and send a head that had no body."""
        self.send_headers()
        self._flush()
        super().close()

    def _emit_body(self, data: bytes) -> None:
        if self.chunked:
            self._flush()
            super()._emit_body(data)
        else:
            head, self._head = self._head, b""
            self._send(head + data)

    def _flush(self) -> None:
        head, self._head = self._head, b""
        if head:
            self._send(head)

    def _send(self, data: bytes) -> None:
        started = time.monotonic()
        sent = self.sock.send(data[: self._most])
        if sent == len(data):
            return
        self._moved(sent, time.monotonic() - started)
        rest = memoryview(data)[sent:]
        while rest:
            started = time.monotonic()
            sent = self.sock.send(rest[: self._most])
            self._moved(sent, time.monotonic() - started)
            rest = rest[sent:]

    def _send_part(self, source: int, offset: int, count: int) -> int:
        """Return how many bytes the kernel took, 0 at an early end of the file."""
        try:
            sent = os.sendfile(self.sock.fileno(), source, offset, count)
            waited = 0.0
        except BlockingIOError:
            started = time.monotonic()
            poll = select.poll()
            poll.register(self.sock, select.POLLOUT)
            if not poll.poll(self._limits.silence * 1000):
                raise TimeoutError("the client does not read") from None
            sent = os.sendfile(self.sock.fileno(), source, offset, count)
            waited = time.monotonic() - started
        self._moved(sent, waited)
        return sent

    def _moved(self, size: int, waited: float) -> None:
        if self._pace is None:
            self._pace = Pace(self._limits)
        self._pace.moved(size, waited)
