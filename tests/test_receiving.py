"""What is read of a connection when, and what is waited for."""

import socket
import threading
import time
from collections.abc import Iterator
from threading import BoundedSemaphore
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.http.parser import RequestParser

from objects_app.http.pace import Crowded, Limits
from objectstore.receiving import HEAD_BYTES, UNWANTED_BYTES, Receiver

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Connection:
    """A client's end, and a parser of the server's that reads through a Receiver."""

    def __init__(self, limits: Limits) -> None:
        self.client, self.server = socket.socketpair()
        self.parser = RequestParser(Config(), self.server, ("127.0.0.1", 1))
        self.receiver = self.parser.unreader = Receiver(self.server, limits)

    def put(self, body: bytes, framing: bytes = b"") -> Any:
        framing = framing or b"Content-Length: %d" % len(body)
        self.client.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n" % framing)
        assert self.receiver.has_head()
        request = next(self.parser)
        self.receiver.begin()
        return request.body


@pytest.fixture
def waits() -> BoundedSemaphore:
    return BoundedSemaphore(1)


@pytest.fixture
def connection(waits: BoundedSemaphore) -> Iterator[Connection]:
    made = Connection(Limits(silence=0.2, least=1000, waits=waits))
    yield made
    made.client.close()
    made.server.close()


def test_a_head_is_whole_or_is_not_waited_for(connection: Connection) -> None:
    seen = [(connection.receiver.has_head(), connection.receiver.since is not None)]
    for part in (GET[:-1], GET[-1:]):
        connection.client.sendall(part)
        ready = connection.receiver.has_head()
        seen.append((ready, connection.receiver.since is not None))

    assert seen == [(False, False), (False, True), (True, False)]
    assert next(connection.parser).method == "GET"


def test_the_time_of_a_head_counts_from_its_first_byte(connection: Connection) -> None:
    connection.client.sendall(b"G")
    connection.receiver.has_head()
    since = connection.receiver.since
    connection.client.sendall(b"E")
    connection.receiver.has_head()

    assert connection.receiver.since == since


def test_a_second_request_read_ahead_is_there_without_an_event(
    connection: Connection,
) -> None:
    connection.client.sendall(GET + GET)
    assert connection.receiver.has_head()
    next(connection.parser)

    assert connection.receiver.holds_more()
    assert connection.receiver.has_head()


@pytest.mark.parametrize(
    "said", [b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\nHost: x\n\n"]
)
def test_a_line_end_that_is_none_is_for_the_parser_to_refuse(
    connection: Connection, said: bytes
) -> None:
    connection.client.sendall(said)

    assert connection.receiver.has_head()
    with pytest.raises(Exception, match="bare LF"):
        next(connection.parser)


def test_the_end_of_the_connection_is_for_the_parser_to_see(
    connection: Connection,
) -> None:
    connection.client.close()

    assert connection.receiver.has_head()
    with pytest.raises(StopIteration):
        next(connection.parser)


def test_a_reset_is_for_the_parser_to_see(connection: Connection) -> None:
    connection.server.close()

    assert connection.receiver.has_head()
    with pytest.raises(OSError, match="Bad file descriptor"):
        next(connection.parser)


def test_a_head_without_end_is_not_kept(connection: Connection) -> None:
    line = b"X: %b\r\n" % (b"a" * 4000)
    connection.client.sendall(b"GET / HTTP/1.1\r\n")
    for _ in range(HEAD_BYTES // len(line)):
        connection.client.sendall(line)
        assert not connection.receiver.has_head()
    connection.client.sendall(line * 3)

    assert connection.receiver.has_head()
    with pytest.raises(LimitRequestHeaders):
        next(connection.parser)


def test_a_body_that_has_arrived_needs_no_leave_to_wait(
    connection: Connection, waits: BoundedSemaphore
) -> None:
    waits.acquire()
    body = connection.put(b"Hello")
    connection.client.sendall(b"Hello")

    assert body.read(5) == b"Hello"
    assert connection.receiver.has_ended(body)


def test_a_body_that_comes_a_moment_later_needs_none_either(
    connection: Connection, waits: BoundedSemaphore
) -> None:
    waits.acquire()
    body = connection.put(b"Hello")
    late = threading.Timer(0.005, connection.client.sendall, (b"Hello",))
    late.start()

    assert body.read(5) == b"Hello"
    late.join()


def test_who_may_not_wait_is_refused_soon(
    connection: Connection, waits: BoundedSemaphore
) -> None:
    waits.acquire()
    body = connection.put(b"Hello")
    started = time.monotonic()

    with pytest.raises(Crowded):
        body.read(5)
    assert time.monotonic() - started < 0.15


def test_leave_to_wait_is_kept_to_the_end_of_the_request(
    connection: Connection, waits: BoundedSemaphore
) -> None:
    body = connection.put(b"Hello")
    late = threading.Timer(0.05, connection.client.sendall, (b"Hello",))
    late.start()
    body.read(5)
    late.join()

    assert not waits.acquire(blocking=False)
    connection.receiver.end()
    connection.receiver.end()
    assert waits.acquire(blocking=False)


def test_a_client_that_asks_first_is_told_to_go_on_when_it_is_waited_for(
    connection: Connection,
) -> None:
    body = connection.put(b"Hello")
    connection.receiver.begin(asks_first=True)
    late = threading.Timer(0.05, connection.client.sendall, (b"Hello",))
    late.start()

    assert body.read(5) == b"Hello"
    assert connection.client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    late.join()


def test_a_client_that_asks_first_and_may_not_be_waited_for_is_not_told(
    connection: Connection, waits: BoundedSemaphore
) -> None:
    waits.acquire()
    body = connection.put(b"Hello")
    connection.receiver.begin(asks_first=True)

    with pytest.raises(Crowded):
        body.read(5)
    connection.client.setblocking(False)
    with pytest.raises(BlockingIOError):
        connection.client.recv(1)


def test_a_body_that_drips_is_given_up(connection: Connection) -> None:
    body = connection.put(bytes(1000))
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.02):
            connection.client.sendall(b"a")

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        with pytest.raises(TimeoutError):
            body.read(1000)
    finally:
        stop.set()
        dripping.join()


@pytest.mark.parametrize(
    ("framing", "sent", "ended"),
    [
        (b"X: none", b"", True),
        (b"Content-Length: 5", b"Hello", True),
        (b"Content-Length: 5", b"Hell", False),
        (b"Content-Length: 100000", bytes(UNWANTED_BYTES + 20_000), False),
        (b"Transfer-Encoding: chunked", b"5\r\nHello\r\n0\r\n\r\n", True),
        (b"Transfer-Encoding: chunked", b"5\r\nHello\r\n", False),
        (b"Transfer-Encoding: chunked", b"x\r\n", False),
    ],
)
def test_a_body_nobody_reads_is_thrown_away_as_far_as_it_has_arrived(
    connection: Connection, framing: bytes, sent: bytes, ended: bool
) -> None:
    body = connection.put(b"", framing)
    connection.client.sendall(sent)
    started = time.monotonic()

    assert connection.receiver.has_ended(body) == ended
    assert time.monotonic() - started < 0.15


def test_after_a_failure_nobody_knows_where_the_next_request_begins(
    connection: Connection,
) -> None:
    body = connection.put(b"", b"Transfer-Encoding: chunked")
    connection.client.sendall(b"x\r\n")
    with pytest.raises(Exception, match="Invalid chunk size"):
        body.read(5)

    assert not connection.receiver.has_ended(body)


def test_without_a_limit_anybody_is_waited_for() -> None:
    connection = Connection(Limits(silence=5))
    body = connection.put(b"Hello")
    late = threading.Timer(0.05, connection.client.sendall, (b"Hello",))
    late.start()

    assert body.read(5) == b"Hello"
    late.join()
    connection.client.close()
    connection.server.close()
