"""HTTP/1.1 by hand over one socket: what a client library would tidy away."""

import socket
import ssl
from types import TracebackType
from typing import NamedTuple, Self

from django.utils.datastructures import CaseInsensitiveMapping

SECONDS = 15.0


class Heard(NamedTuple):
    """One response, exactly as long as its framing says."""

    status: int
    headers: CaseInsensitiveMapping[str]
    body: bytes


class Wire:
    """A connection. `hear` reads one response and leaves what follows it."""

    def __init__(
        self,
        port: int,
        *,
        receive_buffer: int | None = None,
        seconds: float = SECONDS,
        tls: ssl.SSLContext | None = None,
        source: str | None = None,
    ) -> None:
        self._socket = socket.socket()
        if source is not None:
            self._socket.bind((source, 0))
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(seconds)
        try:
            self._socket.connect(("127.0.0.1", port))
            if tls is not None:
                self._socket = tls.wrap_socket(
                    self._socket, server_hostname="localhost"
                )
        except OSError:
            self._socket.close()
            raise
        self._heard = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """Return the socket's descriptor, for select."""
        return self._socket.fileno()

    def say(self, data: bytes) -> Self:
        """Send bytes as they are."""
        self._socket.sendall(data)
        return self

    def ask(
        self, method: str, target: str, *headers: str, body: bytes | None = None
    ) -> Self:
        """Send a request; a body is declared by its length."""
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        return self.say("\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""))

    def finish(self) -> Self:
        """Send no more, but listen on."""
        self._socket.shutdown(socket.SHUT_WR)
        return self

    def hear(self, *, to: str = "GET") -> Heard:
        """Read one response, to a request with the method `to`."""
        while b"\r\n\r\n" not in self._heard:
            self._more()
        head, _, self._heard = self._heard.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        status = int(first.split()[1])
        headers = CaseInsensitiveMapping(
            (name, value) for name, _, value in (line.partition(": ") for line in lines)
        )
        if to == "HEAD" or status in {100, 204, 304}:
            return Heard(status, headers, b"")
        length = int(headers["Content-Length"])
        while len(self._heard) < length:
            self._more()
        body, self._heard = self._heard[:length], self._heard[length:]
        return Heard(status, headers, body)

    def hear_some(self) -> bytes:
        """Return what comes next, b"" at the end."""
        if self._heard:
            data, self._heard = self._heard, b""
            return data
        return self._socket.recv(65536)

    def hear_at_most(self, size: int) -> bytes:
        """Return at most so many bytes of what comes next."""
        return self._socket.recv(size)

    def closed(self) -> bool:
        """Whether the server has nothing more to say and ends the connection."""
        try:
            return not self._heard and self._socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def _more(self) -> None:
        data = self._socket.recv(65536)
        assert data, f"the connection ended in the middle, after {self._heard[-200:]!r}"
        self._heard += data
