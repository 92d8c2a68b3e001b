"""The worker's answers on the wire: one send for a head and the body it has."""

import io
import logging
import os
import select
import selectors
import socket
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.wsgi import FileWrapper

from objects_app.http.pace import Limits

worker = pytest.importorskip("objectstore.worker", reason="epoll is Linux's")


class Sent:
    """A socket that notes what each call of `sendall` sends."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self.packets.append(bytes(data))

    def send(self, data: bytes) -> int:
        self.packets.append(bytes(data))
        return len(data)


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def answer(sent: Sent) -> Callable[..., Any]:
    def answer(method: str = "GET", **headers: str) -> Any:
        request = SimpleNamespace(
            method=method, version=(1, 1), should_close=lambda: False
        )
        response = worker.Response(request, sent, Config(), Limits(30))
        names = [(name.replace("_", "-"), value) for name, value in headers.items()]
        response.start_response("200 OK", names)
        return response

    return answer


def test_a_head_leaves_with_the_first_bytes_of_its_body(
    sent: Sent, answer: Callable[..., Any]
) -> None:
    response = answer(Content_Length="6")
    response.write(b"abc")
    response.write(b"def")
    response.close()

    first, second = sent.packets
    assert first.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nContent-Length: 6\r\n" in first
    assert first.endswith(b"\r\n\r\nabc")
    assert second == b"def"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_head_without_a_body_is_sent_at_the_end(
    sent: Sent, answer: Callable[..., Any], method: str
) -> None:
    response = answer(method, Content_Length="0")
    response.write(b"")
    response.close()

    assert len([packet for packet in sent.packets if packet]) == 1
    assert sent.packets[0].endswith(b"\r\n\r\n")


def test_a_body_of_unknown_length_is_chunked_behind_its_head(
    sent: Sent, answer: Callable[..., Any]
) -> None:
    response = answer()
    response.write(b"abc")
    response.close()

    head, chunk, end = sent.packets
    assert b"Transfer-Encoding: chunked\r\n" in head
    assert (chunk, end) == (b"3\r\nabc\r\n", b"0\r\n\r\n")


def test_a_file_follows_its_head(answer: Callable[..., Any], sent: Sent) -> None:
    response = answer(Content_Length="3")
    response.write_file(FileWrapper(io.BytesIO(b"abc")))
    response.close()

    assert b"".join(sent.packets).endswith(b"\r\n\r\nabc")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_a_worker_with_more_connections_lets_others_be_quicker(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    listener.setblocking(False)
    crowded = worker.Worker(
        1, 1, [], SimpleNamespace(), 60, Config(), SimpleNamespace()
    )

    for crowded.nr_conns in (0, 5, 10_000):
        crowded.accept(listener)
    crowded.tmp.close()

    assert slept[0] == 0
    assert 0 < slept[1] < slept[2] <= 0.01


def test_a_worker_told_to_end_before_it_began_ends_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stopped = worker.Worker(
            1, os.getppid(), [listener], SimpleNamespace(), 1, Config(), logging
        )
        stopped.tpool = stopped.get_thread_pool()
        stopped.poller = selectors.DefaultSelector()
        stopped.method_queue.init()
        stopped.arrivals, stopped.waiting, stopped.ended = select.epoll(), {}, False
        stopped.alive = False
        stopped.run()
        assert listener.fileno() == -1
        stopped.tmp.close()
        stopped.arrivals.close()
