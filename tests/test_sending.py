"""Answers to clients that read slowly, or not at all."""

import contextlib
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.wsgi import FileWrapper

from objects_app.http.pace import Limits
from objectstore.sending import Response

Ends = tuple[socket.socket, socket.socket]
SIZE = 2_000_000


@pytest.fixture
def ends() -> Iterator[Ends]:
    """A client's end and the server's, whose buffers are small."""
    client, server = socket.socketpair()
    for end in (client, server):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    yield client, server
    client.close()
    server.close()


@pytest.fixture
def respond(ends: Ends) -> Callable[..., Response]:
    def respond(*, length: int | None, least: int = 0, method: str = "GET") -> Response:
        request = SimpleNamespace(
            method=method, version=(1, 1), should_close=lambda: False
        )
        response = Response(request, ends[1], Config(), Limits(0.3, least))
        headers = [] if length is None else [("Content-Length", str(length))]
        response.start_response("200 OK", headers)
        return response

    return respond


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Any]:
    path = tmp_path / "file"
    path.write_bytes(bytes(SIZE))
    with path.open("rb") as opened:
        yield opened


class Reader(threading.Thread):
    """Reads so many bytes at a time, with a pause after each."""

    def __init__(self, end: socket.socket, size: int, pause: float) -> None:
        super().__init__(daemon=True)
        self.received = 0
        self._end, self._size, self._pause = end, size, pause

    def run(self) -> None:
        with contextlib.suppress(OSError):  # closed in the middle
            while data := self._end.recv(self._size):
                self.received += len(data)
                time.sleep(self._pause)


def test_a_file_reaches_a_slow_but_steady_reader_whole(
    ends: Ends,
    respond: Callable[..., Response],
    file: Any,
) -> None:
    reader = Reader(ends[0], 100_000, 0.001)
    reader.start()

    respond(length=SIZE, least=1000).write_file(FileWrapper(file))
    ends[1].shutdown(socket.SHUT_WR)
    reader.join(10)

    assert reader.received > SIZE
    assert ends[1].getblocking()


def test_a_part_of_a_file_begins_where_the_file_stands(
    ends: Ends,
    respond: Callable[..., Response],
    file: Any,
) -> None:
    file.seek(SIZE - 10)

    respond(length=5).write_file(FileWrapper(file))
    ends[1].shutdown(socket.SHUT_WR)

    assert ends[0].recv(1000).endswith(b"\r\n\r\n" + bytes(5))


def test_a_file_that_was_cut_short_ends_early(
    ends: Ends,
    respond: Callable[..., Response],
    file: Any,
) -> None:
    file.seek(SIZE - 10)

    respond(length=50).write_file(FileWrapper(file))

    assert ends[0].recv(1000).endswith(b"\r\n\r\n" + bytes(10))


class Files:
    """Several files, given to the sender one after another."""

    def __init__(self, *given: tuple[Any, int]) -> None:
        self._given = given

    def read(self, size: int, /) -> bytes:
        raise NotImplementedError

    def files(self) -> Iterator[tuple[int, int]]:
        for opened, count in self._given:
            yield opened.fileno(), count


def test_several_files_are_sent_one_after_another(
    ends: Ends, respond: Callable[..., Response], tmp_path: Path
) -> None:
    (tmp_path / "one").write_bytes(b"-first-")
    (tmp_path / "two").write_bytes(b"last-")
    with (tmp_path / "one").open("rb") as one, (tmp_path / "two").open("rb") as two:
        one.seek(1)
        files = Files((one, 5), (two, 4))
        respond(length=9).write_file(FileWrapper(files))

    assert ends[0].recv(1000).endswith(b"\r\n\r\nfirstlast")


def test_none_follows_a_file_that_was_cut_short(
    ends: Ends, respond: Callable[..., Response], tmp_path: Path
) -> None:
    (tmp_path / "one").write_bytes(b"fir")
    (tmp_path / "two").write_bytes(b"last")
    with (tmp_path / "one").open("rb") as one, (tmp_path / "two").open("rb") as two:
        files = Files((one, 5), (two, 4))
        respond(length=9).write_file(FileWrapper(files))

    assert ends[0].recv(1000).endswith(b"\r\n\r\nfir")


def test_what_is_no_file_goes_in_blocks(
    ends: Ends, respond: Callable[..., Response]
) -> None:
    respond(length=5).write_file(FileWrapper(io.BytesIO(b"Hello")))

    assert ends[0].recv(1000).endswith(b"\r\n\r\nHello")


def test_a_reader_that_stops_is_given_up_in_a_file(
    respond: Callable[..., Response], file: Any
) -> None:
    with pytest.raises(TimeoutError):
        respond(length=SIZE).write_file(FileWrapper(file))


@pytest.mark.parametrize("by_file", [False, True])
def test_a_reader_that_drips_is_given_up(
    ends: Ends,
    respond: Callable[..., Response],
    file: Any,
    by_file: bool,
) -> None:
    Reader(ends[0], 3000, 0.05).start()
    response = respond(length=SIZE, least=1_000_000)
    ends[1].settimeout(1)
    started = time.monotonic()
    send, body = (
        (response.write_file, FileWrapper(file))
        if by_file
        else (response.write, bytes(SIZE))
    )

    with pytest.raises(TimeoutError):
        send(body)
    assert time.monotonic() - started < 5
