"""The process: its memory, its sudden death, its orderly end, its database away."""

import contextlib
import http.client
import itertools
import json
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.blobs.bodies import digest, random_body
from tests.e2e.store import ROOT, environment
from tests.e2e.wire import Wire
from tests.servers.ports import free_port
from tests.servers.store import Server, store

pytestmark = pytest.mark.e2e

MIB = 1024 * 1024
OBJECTS = "/buckets/process/objects"


# Memory


def _memory(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"no {name}")


def _forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _blocks(count: int) -> Iterator[bytes]:
    block = random_body(MIB)
    return (number.to_bytes(4) + block[4:] for number in range(count))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_stays_flat_while_300_mib_go_up_and_down(tmp_path: Path) -> None:
    with store(tmp_path) as server:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        client.request("PUT", f"{OBJECTS}/small", body=b"warm")
        client.getresponse().read()
        worker = server.worker
        idle = _memory(worker, "VmRSS")
        _forget_peak(worker)
        length = {"Content-Length": str(300 * MIB)}
        client.request("PUT", f"{OBJECTS}/a", body=_blocks(300), headers=length)
        assert json.loads(client.getresponse().read())["size"] == 300 * MIB
        client.request("PUT", f"{OBJECTS}/b", body=_blocks(100), encode_chunked=True)
        assert json.loads(client.getresponse().read())["size"] == 100 * MIB
        client.request("GET", f"{OBJECTS}/a")
        answer = client.getresponse()
        assert all(answer.read(MIB) == expected for expected in _blocks(300))
        assert answer.read() == b""
        client.close()
        assert _memory(worker, "VmHWM") < idle + 120 * MIB


# Sudden death

LIVES = 4


def _body_of(key: str) -> bytes:
    """Every key has one body, so that whatever is visible can be judged."""
    chance = random.Random(key)  # noqa: S311
    return chance.randbytes(chance.choice([0, 100, 5000, 70_000, 1_500_000]))


def _upload_until_it_dies(port: int, name: str, kept: set[str]) -> None:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.suppress(OSError, http.client.HTTPException):
        for number in itertools.count():
            key = f"{name}-{number}"
            client.request("PUT", f"{OBJECTS}/{key}", body=_body_of(key))
            answer = client.getresponse()
            answer.read()
            assert answer.status == 201
            kept.add(key)
    client.close()


def test_killed_in_mid_upload_it_loses_and_tears_nothing(tmp_path: Path) -> None:
    chance = random.Random(11)  # noqa: S311
    kept: set[str] = set()
    with store(tmp_path) as server:
        for life in range(LIVES):
            urllib.request.urlopen(f"{server.url}/readyz").close()
            uploaders = [
                threading.Thread(
                    target=_upload_until_it_dies,
                    args=(server.port, f"{life}-{thread}", kept),
                )
                for thread in range(3)
            ]
            for uploader in uploaders:
                uploader.start()
            time.sleep(chance.uniform(0.1, 0.4))
            server.kill()
            for uploader in uploaders:
                uploader.join()
            server.start()
        visible = _all_keys(server)
        assert kept <= visible, "acknowledged and missing"
        assert len(kept) > LIVES
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        for key in visible:
            client.request("GET", f"{OBJECTS}/{key}")
            assert client.getresponse().read() == _body_of(key), "visible and not whole"
        client.request("GET", "/buckets/process")
        told = json.loads(client.getresponse().read())
        assert told["objects"] == len(visible)
        assert told["bytes"] == sum(len(_body_of(key)) for key in visible)
        client.close()
        verified = server.manage("verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr


def _all_keys(server: Server) -> set[str]:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    keys: set[str] = set()
    cursor: str | None = ""
    while cursor is not None:
        client.request("GET", f"/objects?bucket=process&cursor={cursor}")
        told = json.loads(client.getresponse().read())
        keys |= {listed["key"] for listed in told["objects"]}
        cursor = told["next_cursor"]
    client.close()
    return keys


# Orderly end


def test_sigterm_lets_requests_in_flight_finish(tmp_path: Path) -> None:
    body = random_body(8 * MIB)
    with store(tmp_path) as server:
        with Wire(server.port) as upload, Wire(server.port) as download:
            upload.ask("PUT", f"{OBJECTS}/before", body=body).hear()
            upload.ask("PUT", f"{OBJECTS}/a", f"Content-Length: {len(body)}")
            upload.say(body[: 3 * MIB])
            download.ask("GET", f"{OBJECTS}/before")
            received = download.hear_some()
            server.terminate()
            _wait_until_nobody_is_let_in(server.port)
            upload.say(body[3 * MIB :])
            assert upload.hear().status == 201
            while len(received) < len(body):
                received += download.hear_some()
            assert received.endswith(body[-MIB:])
        assert server.wait() == 0
        server.start()
        with Wire(server.port) as wire:
            assert wire.ask("GET", f"{OBJECTS}/a").hear().body == body


@pytest.mark.once
def test_idle_connections_do_not_delay_the_end(tmp_path: Path) -> None:
    with (
        store(tmp_path) as server,
        Wire(server.port) as used,
        Wire(server.port) as silent,
    ):
        used.ask("PUT", f"{OBJECTS}/a", body=b"a").hear()
        started = time.monotonic()
        server.terminate()
        assert server.wait() == 0
        assert time.monotonic() - started < 20  # of the 30 that requests have
        assert used.closed()
        assert silent.closed()


EARLY = """
import os, signal, time
from objectstore import gunicorn
from objectstore.gunicorn import *

def post_fork(server, worker):
    gunicorn.post_fork(server, worker)
    os.kill(os.getppid(), signal.SIGTERM)
    while server.SIG_QUEUE.empty():  # until the master has passed it on
        time.sleep(0.01)
"""


@pytest.mark.once
def test_sigterm_ends_also_a_worker_that_does_not_handle_signals_yet(
    tmp_path: Path,
) -> None:
    configuration = tmp_path / "early.py"
    configuration.write_text(EARLY)
    variables = {"PORT": str(free_port()), "WEB_CONCURRENCY": "1"}
    started = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", str(configuration)],
        cwd=ROOT,
        env=environment(
            ENV_FILE=os.devnull, DATA_DIR=str(tmp_path / "data"), **variables
        ),
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0
    assert time.monotonic() - started < 25  # of the 30 that requests have


@pytest.mark.once
@pytest.mark.alone
def test_a_client_that_stalls_cannot_hold_the_end_beyond_the_grace(
    tmp_path: Path,
) -> None:
    grace = 2
    with store(tmp_path, GRACEFUL_TIMEOUT_SECONDS=str(grace)) as server:
        with Wire(server.port) as stalled, Wire(server.port) as slow:
            stalled.ask("PUT", f"{OBJECTS}/a", "Content-Length: 1000").say(b"some")
            slow.say(b"PUT /buckets/process/obj")
            started = time.monotonic()
            server.terminate()
            server.wait()
            assert grace - 1 < time.monotonic() - started < grace + 3
        server.start()
        with Wire(server.port) as wire:
            assert wire.ask("GET", f"{OBJECTS}/a").hear().status == 404


def _wait_until_nobody_is_let_in(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(ConnectionError), Wire(port, seconds=0.5) as wire:
            try:
                wire.ask("GET", "/healthz").hear()
                continue
            except TimeoutError:
                pass
        return
    raise AssertionError("it still takes requests after SIGTERM")


# The database away


@contextlib.contextmanager
def _database_locked(server: Server) -> Iterator[None]:
    """Let no statement that writes come to an end."""
    url = server.database_url
    if url is None:
        path = server.data_dir / "objectstore.sqlite3"
        lock: Any = sqlite3.connect(path, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
    else:
        lock = psycopg.connect(url)
        lock.execute("LOCK TABLE blob, stored_object, bucket IN ACCESS EXCLUSIVE MODE")
    try:
        yield
    finally:
        lock.rollback()
        lock.close()


def test_a_database_that_does_not_answer_is_503_within_ten_seconds(
    server: Server,
) -> None:
    with Wire(server.port) as wire:
        assert wire.ask("PUT", f"{OBJECTS}/x", body=b"before").hear().status == 201
        with _database_locked(server):
            started = time.monotonic()
            heard = wire.ask("PUT", f"{OBJECTS}/x", body=os.urandom(100)).hear()
            assert time.monotonic() - started < 10
            assert heard.status == 503
            assert int(heard.headers["Retry-After"]) > 0
            assert json.loads(heard.body)["code"] == "database_unavailable"
        assert wire.ask("GET", f"{OBJECTS}/x").hear().body == b"before"
        after = wire.ask("PUT", f"{OBJECTS}/x", body=b"after").hear()
        assert json.loads(after.body)["etag"] == digest(b"after")
