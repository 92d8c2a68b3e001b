import io
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.parser import RequestParser
from pytest_django import Settings

from objects_app.errors import (
    BodyStalled,
    IncompleteBody,
    InvalidArgument,
    StoreError,
    TooManyUploads,
)
from objects_app.http.bodies import (
    BodyStream,
    KeptStream,
    body_stream,
    declared_length,
    limit_silence,
)
from objects_app.http.pace import Crowded

CHUNKED = b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
MIB = 1024 * 1024


class Connection:
    """A client's end of a connection, and the server's as gunicorn reads it."""

    def __init__(self) -> None:
        self.client, self.server = socket.socketpair()

    def send(self, data: bytes) -> None:
        self.client.sendall(data)

    def hang_up(self) -> None:
        self.client.shutdown(socket.SHUT_WR)

    def receive(self, kind: type[BodyStream] = BodyStream) -> BodyStream:
        """Parse a request's head as gunicorn does and return its body."""
        request = next(RequestParser(Config(), self.server, ("127.0.0.1", 1)))
        environ = {
            "wsgi.input": request.body,
            "wsgi.input_terminated": True,
            "gunicorn.socket": self.server,
        }
        for name, value in request.headers:
            prefix = "" if name == "CONTENT-LENGTH" else "HTTP_"
            environ[prefix + name.replace("-", "_")] = value
        limit_silence(environ)
        return body_stream(environ, kind)


@pytest.fixture
def connection() -> Iterator[Connection]:
    made = Connection()
    yield made
    made.client.close()
    made.server.close()


def assert_fails_for_good(stream: BodyStream, error: type[StoreError]) -> None:
    """A second read must not look like the end of a whole body."""
    for _ in range(3):
        with pytest.raises(error):
            stream.read(MIB)


def test_a_body_that_may_not_be_waited_for_fails_for_good() -> None:
    class Source:
        def read(self, size: int) -> bytes:
            raise Crowded

    assert_fails_for_good(BodyStream(Source(), None), TooManyUploads)


def test_a_body_of_known_length_ends_where_it_should(connection: Connection) -> None:
    connection.send(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nHelloGET /")
    stream = connection.receive()
    assert [stream.read(3), stream.read(MIB), stream.read(MIB)] == [b"Hel", b"lo", b""]


def test_a_chunked_body_is_read_whole(connection: Connection) -> None:
    connection.send(CHUNKED + b"3\r\nHel\r\n2\r\nlo\r\n0\r\n\r\n")
    stream = connection.receive()
    assert [stream.read(MIB), stream.read(MIB)] == [b"Hello", b""]


def test_a_body_cut_short_is_a_short_read(connection: Connection) -> None:
    connection.send(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nHello")
    connection.hang_up()
    stream = connection.receive()
    assert [stream.read(MIB), stream.read(MIB)] == [b"Hello", b""]


@pytest.mark.parametrize(
    "sent",
    [
        b"5\r\nHel",
        b"5\r\nHello\r\n",
        b"5\r\nHello\r\n0\r\n",
        b"5\r\nHelloX\r\n",
        b"zz\r\nHello\r\n",
        b"-5\r\nHello\r\n",
        b"",
    ],
)
def test_a_chunked_body_that_breaks_off_or_is_malformed_is_incomplete(
    connection: Connection, sent: bytes
) -> None:
    connection.send(CHUNKED + sent)
    connection.hang_up()
    assert_fails_for_good(connection.receive(), IncompleteBody)


@pytest.mark.parametrize(
    "sent",
    [
        CHUNKED + b"5\r\nHel",
        CHUNKED + b"5\r\nHello\r\n",
        b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nHello",
    ],
)
def test_a_client_that_falls_silent_has_stalled(
    connection: Connection, sent: bytes, settings: Settings
) -> None:
    settings.BODY_TIMEOUT_SECONDS = 0.02
    connection.send(sent)
    stream = connection.receive()
    assert connection.server.gettimeout() == 0.02
    assert_fails_for_good(stream, BodyStalled)


def test_a_reset_connection_is_an_incomplete_body() -> None:
    class Reset(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise ConnectionResetError

    environ = {"wsgi.input": Reset(), "CONTENT_LENGTH": "5"}
    assert_fails_for_good(body_stream(environ), IncompleteBody)


def test_a_server_that_does_not_end_bodies_is_read_to_the_declared_length() -> None:
    environ = {"wsgi.input": io.BytesIO(b"HelloGET /"), "CONTENT_LENGTH": "5"}
    stream = body_stream(environ)
    assert [stream.read(MIB), stream.read(MIB)] == [b"Hello", b""]


def test_a_server_that_does_not_end_bodies_takes_no_chunked_ones() -> None:
    environ = {"wsgi.input": io.BytesIO(b""), "HTTP_TRANSFER_ENCODING": "chunked"}
    with pytest.raises(InvalidArgument, match="Content-Length"):
        body_stream(environ)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, 0),
        ({"CONTENT_LENGTH": ""}, 0),
        ({"CONTENT_LENGTH": "0"}, 0),
        ({"CONTENT_LENGTH": "5368709120"}, 5368709120),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, None),
        ({"HTTP_TRANSFER_ENCODING": "Chunked"}, None),
    ],
)
def test_what_the_client_declares(
    environ: dict[str, Any], expected: int | None
) -> None:
    assert declared_length(environ) == expected


@pytest.mark.parametrize(
    "environ",
    [
        {"CONTENT_LENGTH": "-1"},
        {"CONTENT_LENGTH": "+1"},
        {"CONTENT_LENGTH": " 1"},
        {"CONTENT_LENGTH": "1_0"},
        {"CONTENT_LENGTH": "1e3"},
        {"CONTENT_LENGTH": "\N{SUPERSCRIPT TWO}"},
        {"CONTENT_LENGTH": "\N{ARABIC-INDIC DIGIT ONE}"},
        {"CONTENT_LENGTH": "5, 5"},
        {"CONTENT_LENGTH": "9" * 5000},
        {"HTTP_TRANSFER_ENCODING": "gzip, chunked"},
        {"HTTP_TRANSFER_ENCODING": "identity"},
        {"HTTP_TRANSFER_ENCODING": ""},
        {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": "5"},
        {"CONTENT_LENGTH": "5", "HTTP_CONTENT_RANGE": "bytes 0-4/10"},
    ],
)
def test_framing_that_could_be_misread_is_refused(environ: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        declared_length(environ)


# What is kept of a body that breaks off


@pytest.mark.parametrize(
    ("sent", "arrived"),
    [
        (b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nHello", b"Hello"),
        (CHUNKED + b"5\r\nHel", b"Hel"),
        (CHUNKED + b"5\r\nHello\r\n4\r\n, wo", b"Hello, wo"),
        (CHUNKED + b"5\r\nHello\r\nzz\r\n", b"Hello"),
    ],
)
def test_what_arrived_of_a_body_may_be_read_before_the_failure(
    connection: Connection, settings: Settings, sent: bytes, arrived: bytes
) -> None:
    settings.BODY_TIMEOUT_SECONDS = 0.1
    connection.send(sent)
    stream = connection.receive(KeptStream)

    assert stream.read(MIB) == arrived
    assert_fails_for_good(stream, StoreError)


def test_what_was_read_ahead_for_a_short_read_is_kept_too(
    connection: Connection, settings: Settings
) -> None:
    settings.BODY_TIMEOUT_SECONDS = 0.1
    connection.send(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nHello")
    stream = connection.receive(KeptStream)

    assert stream.read(1) + stream.read(MIB) == b"Hello"
    assert_fails_for_good(stream, BodyStalled)
