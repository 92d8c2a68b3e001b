"""A light HTTP client, because it runs on the cores of the server it measures.

Raw sockets with keep-alive, and requests that are put together beforehand but for a
number. As a child process it answers `drive`.
"""

import os
import re
import secrets
import selectors
import socket
import time
from collections.abc import Iterator

from bench.children import Child, answer

CHUNK_BYTES = 1024 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_BLOCK = os.urandom(CHUNK_BYTES)


class Connection:
    """One kept-alive connection. Any answer but a 2xx is a RuntimeError."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def begin(self, request: bytes) -> None:
        """Send a request without waiting for its answer."""
        self._received = b""
        self.socket.sendall(request)

    def advance(self) -> bytes | None:
        """Read once; return the answer's body when it is complete, else None."""
        data = self.socket.recv(CHUNK_BYTES)
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not data or (end and not head.startswith(b"HTTP/1.1 2")):
            raise RuntimeError(f"the server answered {self._received[:600]!r}")
        if not end:
            return None
        return body if len(body) >= _content_length(head) else None

    def request(self, method: str, target: str, body: bytes = b"") -> bytes:
        """Send a request and return the answer's body."""
        self.begin(head(method, target, len(body)) + body)
        while (answered := self.advance()) is None:
            pass
        return answered

    def close(self) -> None:
        """Leave."""
        self.socket.close()


def head(method: str, target: str, length: int, headers: str = "") -> bytes:
    """Return a request's head; `headers` are further lines, each with its end."""
    if length or method in {"PUT", "POST"}:
        headers += f"Content-Length: {length}\r\n"
    return f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode()


def _content_length(received: bytes) -> int:
    found = _LENGTH.search(received + b"\r\n")
    if found is None:
        raise RuntimeError(f"an answer without Content-Length: {received!r}")
    return int(found[1])


def drive(
    *,
    port: int,
    method: str,
    target: str,
    size: int,
    numbers: tuple[int, int],
    fresh: bool,
    connections: int,
    seconds: float,
    headers: str = "",
) -> float:
    """Return the answers a second that so many connections get.

    `target` holds a `%d` for a number, counted up from the first of `numbers` by one
    and beginning again after so many as the second says. `fresh`: no two bodies alike.
    """
    first, count = numbers
    start = head(method, target, size, headers)
    body = _BLOCK[:size]
    tag = secrets.token_bytes(8)
    sent = 0

    def following() -> bytes:
        nonlocal sent
        sent += 1
        content = tag + sent.to_bytes(8) + body[16:] if fresh else body
        return start % (first + sent % count) + content

    opened = [Connection(port) for _ in range(connections)]
    with selectors.DefaultSelector() as selector:
        for connection in opened:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        begun = time.perf_counter()
        for connection in opened:
            connection.begin(following())
        answered = 0
        while (now := time.perf_counter()) < begun + seconds:
            for key, _ in selector.select(timeout=1):
                if key.data.advance() is not None:
                    answered += 1
                    key.data.begin(following())
        _finish(opened)
    return answered / (now - begun)


def _finish(opened: list[Connection]) -> None:
    """Wait for the last answers: the server shall be idle in the next measurement."""
    for connection in opened:
        while connection.advance() is None:
            pass
        connection.close()


def drive_all(
    clients: list[Child],
    *,
    port: int,
    method: str,
    target: str,
    seconds: float,
    connections: int,
    size: int = 0,
    fresh: bool = False,
    keys: int | None = None,
    headers: str = "",
) -> float:
    """Return the answers a second that all clients together get.

    `keys`: ask for the numbers below this again and again; None: each number once ever.
    """
    for place, client in enumerate(clients):
        never = time.time_ns() * len(clients) + place * 1_000_000
        client.send(
            "drive",
            port=port,
            method=method,
            target=target,
            size=size,
            numbers=(0, keys) if keys else (never, 1_000_000),
            fresh=fresh,
            connections=max(1, connections // len(clients)),
            seconds=seconds,
            headers=headers,
        )
    return float(sum(client.receive() for client in clients))


def seconds_each(port: int, targets: list[str], seconds: float) -> float:
    """Return the mean time of a GET, one after the other on one connection."""
    connection = Connection(port)
    begun, asked = time.perf_counter(), 0
    while time.perf_counter() < begun + seconds:
        connection.request("GET", targets[asked % len(targets)])
        asked += 1
    connection.close()
    return (time.perf_counter() - begun) / asked


def chunks(size: int) -> Iterator[bytes]:
    """Yield a body that nobody has sent before."""
    yield secrets.token_bytes(16) + _BLOCK[16 : min(size, CHUNK_BYTES)]
    for position in range(CHUNK_BYTES, size, CHUNK_BYTES):
        yield _BLOCK[: min(CHUNK_BYTES, size - position)]


def upload(port: int, target: str, size: int) -> bytes:
    """PUT a new body of `size` bytes and return the answer's body."""
    connection = Connection(port)
    connection.begin(head("PUT", target, size))
    for chunk in chunks(size):
        connection.socket.sendall(chunk)
    while (answered := connection.advance()) is None:
        pass
    connection.close()
    return answered


def download(port: int, target: str) -> int:
    """GET a large body, throw it away, and return its size."""
    connection = Connection(port)
    connection.begin(head("GET", target, 0))
    buffer = bytearray(CHUNK_BYTES)
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.socket.recv(4096)
    top, _, rest = received.partition(b"\r\n\r\n")
    size, got = _content_length(top), len(rest)
    while got < size and (count := connection.socket.recv_into(buffer)):
        got += count
    connection.close()
    if got != size or not top.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"{got} of {size} bytes after {top!r}")
    return size


if __name__ == "__main__":
    answer(drive)
