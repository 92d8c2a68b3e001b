"""gunicorn's worker as ours makes it: who waits, who is served, how it ends."""

import contextlib
import os
import secrets
import signal
import time
from pathlib import Path

import pytest

from tests.blobs.bodies import random_body
from tests.e2e.wire import Wire
from tests.servers.faulty import Fault, faulty_s3
from tests.servers.store import PRODUCTION, THREADS, Server, store

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


@pytest.mark.alone
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


@pytest.mark.once
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


def test_all_who_connected_before_sigterm_are_answered(tmp_path: Path) -> None:
    with store(tmp_path) as server, contextlib.ExitStack() as stack:
        worker = server.worker
        os.kill(worker, signal.SIGSTOP)  # it accepts nobody
        early = [stack.enter_context(Wire(server.port)) for _ in range(5)]
        for wire in early:
            wire.ask("GET", "/healthz")
        os.kill(worker, signal.SIGTERM)
        server.terminate()
        os.kill(worker, signal.SIGCONT)
        assert [wire.hear().status for wire in early] == [200] * 5
        assert server.wait() == 0


@pytest.mark.alone
def test_clients_that_keep_their_end_open_keep_nobody_out(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(4 * THREADS):
            wire = stack.enter_context(Wire(server.port))
            asked = wire.ask("GET", "/healthz", "Connection: close")
            assert asked.hear().status == 200
            assert wire.closed()
        started = time.monotonic()
        with Wire(server.port) as newcomer:
            assert newcomer.ask("GET", "/healthz").hear().status == 200
        assert time.monotonic() - started < 1  # gthread would linger 2 s for each


@pytest.mark.once
def test_storage_that_breaks_off_ends_that_answer_and_not_the_worker(
    tmp_path: Path, s3_server: dict[str, str]
) -> None:
    (tmp_path / "data").mkdir()
    with (
        faulty_s3(s3_server["S3_ENDPOINT_URL"]) as (url, proxy),
        store(
            tmp_path,
            **PRODUCTION,
            **s3_server | {"S3_ENDPOINT_URL": url, "S3_PREFIX": secrets.token_hex(8)},
        ) as server,
    ):
        path = f"{OBJECTS}/large"
        with Wire(server.port) as wire:
            put = wire.ask("PUT", path, body=random_body(900_000))
            assert put.hear().status == 201
            proxy.next(Fault(truncate_to=600_000))
            wire.ask("GET", path)
            heard = b"".join(iter(wire.hear_some, b""))
            assert 0 < len(heard) < 900_000
        server.terminate()
        assert server.wait() == 0
        assert "Exception in worker process" not in server.log.read_text()
