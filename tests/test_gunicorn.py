"""gunicorn's configuration, loaded as gunicorn loads it."""

import os
import socket
import struct
from collections.abc import Callable
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any, Self

import pytest
from gunicorn.app.wsgiapp import WSGIApplication

from objects_app.ops.heartbeat import Heartbeat
from objectstore.config import BASE_DIR

FILE = str(BASE_DIR / "objectstore" / "gunicorn.py")


class Listener:
    """A listening socket as gunicorn wraps it."""

    def __init__(self) -> None:
        self.sock = socket.socket()

    def __str__(self) -> str:
        return "http://127.0.0.1:8080"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Load the file under these settings and return gunicorn's own view of it."""

    def load(**variables: str) -> Any:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.argv", ["gunicorn", "--config", FILE])
        monkeypatch.chdir(BASE_DIR)
        return WSGIApplication().cfg

    return load


def test_the_numbers_come_from_the_settings(load: Callable[..., Any]) -> None:
    cfg = load(
        WEB_CONCURRENCY="3",
        WEB_THREADS="5",
        BIND="::1",
        PORT="8123",
        GRACEFUL_TIMEOUT_SECONDS="7",
    )

    assert (cfg.workers, cfg.threads) == (3, 5)
    assert cfg.address == [("::1", 8123)]
    assert cfg.graceful_timeout == 7
    assert cfg.worker_class_str == "objectstore.worker.Worker"


def test_forwarding_headers_are_believed_from_nobody(load: Callable[..., Any]) -> None:
    cfg = load(FORWARDED_ALLOW_IPS="*")

    assert not list(cfg.forwarded_allow_ips)
    assert not cfg.secure_scheme_headers


def test_the_longest_key_fits_the_request_line(load: Callable[..., Any]) -> None:
    longest = len("DELETE /buckets//objects/ HTTP/1.1") + 63 + 3 * 1024

    assert load().limit_request_line > longest


def test_nothing_is_kept_outside_of_the_data_folder(load: Callable[..., Any]) -> None:
    cfg = load()

    assert cfg.control_socket_disable
    assert cfg.pidfile is None


def test_one_line_says_where_it_listens(
    load: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    cfg = load(WEB_CONCURRENCY="2", WEB_THREADS="8")

    with Listener() as listener:
        cfg.when_ready(SimpleNamespace(LISTENERS=[listener]))

    said = capsys.readouterr().err
    assert said == "gunicorn listens on http://127.0.0.1:8080 with 2 x 8 threads\n"


def test_connections_inherit_a_limit_on_silence(load: Callable[..., Any]) -> None:
    cfg = load(BODY_TIMEOUT_SECONDS="1.5")
    with Listener() as listener:
        cfg.when_ready(SimpleNamespace(LISTENERS=[listener]))
        limits = [
            listener.sock.getsockopt(socket.SOL_SOCKET, waiting, 16)
            for waiting in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO)
        ]

    assert [struct.unpack("@ll", limit)[0] for limit in limits] == [1, 1]


def test_workers_may_be_left_to_the_system(load: Callable[..., Any]) -> None:
    worker = SimpleNamespace()

    load(PIN_WORKERS="false").pre_fork(SimpleNamespace(WORKERS={}), worker)

    assert not hasattr(worker, "core")


def test_each_worker_gets_a_core_and_its_successor_the_free_one(
    load: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned: list[set[int]] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {4, 7}, raising=False)
    monkeypatch.setattr(
        os, "sched_setaffinity", lambda _pid, cores: pinned.append(cores), raising=False
    )
    cfg = load()
    server = SimpleNamespace(WORKERS={}, SIG_QUEUE=SimpleQueue())

    def spawn(pid: int) -> None:
        worker = SimpleNamespace()
        cfg.pre_fork(server, worker)
        cfg.post_fork(server, worker)
        server.WORKERS[pid] = worker

    spawn(1)
    spawn(2)
    del server.WORKERS[1]
    spawn(3)

    assert pinned == [{4}, {7}, {4}]


def test_a_process_beats_from_its_start_to_its_end(
    load: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    for name in ("start", "stop"):
        monkeypatch.setattr(Heartbeat, name, lambda _, name=name: told.append(name))
    cfg, worker = load(), SimpleNamespace()

    cfg.worker_exit(SimpleNamespace(), worker)  # it had not come so far
    cfg.post_worker_init(worker)
    cfg.worker_exit(SimpleNamespace(), worker)

    assert told == ["start", "stop"]


def test_the_processes_of_a_node_beat_as_one(load: Callable[..., Any]) -> None:
    cfg, one, other = load(), SimpleNamespace(), SimpleNamespace()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Heartbeat, "start", lambda _: None)
        cfg.post_worker_init(one)
        cfg.post_worker_init(other)

    assert one.heartbeat._node == other.heartbeat._node


def test_another_application_than_the_store_does_not_beat(
    load: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.apps.apps.ready", False)
    worker = SimpleNamespace()

    load().post_worker_init(worker)

    assert not hasattr(worker, "heartbeat")
