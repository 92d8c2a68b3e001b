"""gunicorn's worker as ours makes it: who waits, who is served, how it ends."""

import contextlib
import time
from pathlib import Path

import pytest

from tests.blobs.bodies import random_body
from tests.e2e.wire import Wire
from tests.servers.store import THREADS, Server, store

pytestmark = pytest.mark.e2e

OBJECTS = "/buckets/worker/objects"


def test_connections_beyond_the_threads_wait_without_holding_one(
    server: Server,
) -> None:
    with contextlib.ExitStack() as stack:
        many = [stack.enter_context(Wire(server.port)) for _ in range(5 * THREADS)]
        for _ in range(3):
            for wire in many:
                assert wire.ask("GET", "/healthz").hear().status == 200


def test_connections_that_say_nothing_hold_no_thread(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(2 * THREADS):
            stack.enter_context(Wire(server.port))
        started = time.monotonic()
        with Wire(server.port) as wire:
            assert wire.ask("GET", "/healthz").hear().status == 200
        assert time.monotonic() - started < 4  # gthread would wait 5 s for each


def test_a_reader_of_small_answers_that_stops_frees_its_thread(
    server: Server, wire: Wire
) -> None:
    path = f"{OBJECTS}/small"
    assert wire.ask("PUT", path, body=random_body(60_000)).hear().status == 201
    with contextlib.ExitStack() as stack:
        for _ in range(THREADS):
            reader = stack.enter_context(Wire(server.port, receive_buffer=4096))
            reader.say(
                b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode() * 99
            )
        with Wire(server.port) as other:
            assert other.ask("GET", "/healthz").hear().status == 200
    assert "Socket error" not in server.log.read_text()


def test_a_download_by_sendfile_leaves_its_connection_as_it_was(wire: Wire) -> None:
    body = random_body(200_000)
    path = f"{OBJECTS}/large"
    for _ in range(2):
        assert wire.ask("PUT", path, body=body).hear().status in {200, 201}
        assert wire.ask("GET", path).hear().body == body
        assert wire.ask("HEAD", path).hear(to="HEAD").status == 200


def test_a_connection_kept_too_long_is_closed(tmp_path: Path) -> None:
    with (
        store(tmp_path, GUNICORN_CMD_ARGS="--keep-alive 1") as server,
        Wire(server.port) as used,
        Wire(server.port) as silent,
    ):
        assert used.ask("GET", "/healthz").hear().status == 200
        assert used.closed()
        assert silent.closed()


def test_a_request_after_sigterm_is_answered_and_ends_its_connection(
    tmp_path: Path,
) -> None:
    with (
        store(tmp_path) as server,
        Wire(server.port) as wire,
        Wire(server.port) as busy,
    ):
        assert wire.ask("GET", "/healthz").hear().status == 200
        busy.ask("PUT", f"{OBJECTS}/a", "Content-Length: 2").say(b"1")
        server.terminate()
        time.sleep(0.5)
        heard = wire.ask("GET", "/healthz").hear()
        assert (heard.status, heard.headers["Connection"]) == (200, "close")
        assert busy.say(b"2").hear().status == 201
        assert server.wait() == 0
