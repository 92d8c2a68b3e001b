"""Workers of several nodes: one leads, and another one when it is gone."""

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers.postgresql import own_postgresql
from tests.servers.store import SQLITE, Server, store, store_on

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

LEASE_SECONDS = 5
SECONDS = 60.0


class Worker:
    """One `manage.py worker` of its own node."""

    def __init__(self, server: Server, folder: Path, name: str) -> None:
        self._log = folder / f"{name}.log"
        self._node_id = name
        self.process: subprocess.Popen[bytes] = server.begin(
            "worker",
            log=self._log,
            NODE_ID=name,
            LEADER_LEASE_SECONDS=str(LEASE_SECONDS),
            FOLD_INTERVAL_SECONDS="0.2",
        )

    @property
    def output(self) -> str:
        return self._log.read_text()

    @property
    def terms(self) -> int:
        """How often it has become the leader so far."""
        return len(re.findall(rf"{self._node_id}:\d+:\w+ leads", self.output))

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


def wait_for(condition: Callable[[], bool]) -> float:
    """Return how long it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < SECONDS
        time.sleep(0.02)
    return time.monotonic() - started


@contextlib.contextmanager
def nobody_writes(server: Server) -> Iterator[None]:
    """Keep SQLite's one lock from all: whoever is stopped with it keeps it for ever."""
    if server.database_url:
        yield
        return
    file = server.data_dir / SQLITE
    with contextlib.closing(sqlite3.connect(file, timeout=SECONDS)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield


def stop(process: subprocess.Popen[bytes]) -> None:
    """Return when it has stopped."""
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)


@contextlib.contextmanager
def two_workers(server: Server, folder: Path) -> Iterator[tuple[Worker, Worker]]:
    """Yield the leader and the one that stands by."""
    workers = [Worker(server, folder, name) for name in ("node-a", "node-b")]
    try:
        wait_for(lambda: any(worker.terms for worker in workers))
        wait_for(lambda: all("Worker of" in worker.output for worker in workers))
        first, second = sorted(workers, key=lambda worker: -worker.terms)
        assert (first.terms, second.terms) == (1, 0)
        yield first, second
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.wait(SECONDS)


def test_another_worker_leads_within_the_time_after_the_leader_is_killed(
    tmp_path: Path,
) -> None:
    with store(tmp_path) as server, two_workers(server, tmp_path) as (first, second):
        first.end(signal.SIGKILL)
        assert wait_for(lambda: second.terms == 1) < LEASE_SECONDS
        assert second.end(signal.SIGTERM) == 0
        assert "Worker stopped." in second.output


def test_an_orderly_end_hands_the_lead_over_at_once(tmp_path: Path) -> None:
    with store(tmp_path) as server, two_workers(server, tmp_path) as (first, second):
        assert first.end(signal.SIGTERM) == 0
        assert wait_for(lambda: second.terms == 1) < LEASE_SECONDS / 2
        assert "Traceback" not in first.output + second.output


def test_a_leader_that_hangs_is_replaced_and_stands_by_when_it_goes_on(
    tmp_path: Path,
) -> None:
    with store(tmp_path) as server, two_workers(server, tmp_path) as (first, second):
        with nobody_writes(server):
            stop(first.process)
        wait_for(lambda: second.terms == 1)
        first.process.send_signal(signal.SIGCONT)
        wait_for(lambda: "lost the lease" in first.output)
        assert (first.terms, second.terms) == (1, 1)


@pytest.mark.postgresql_only
def test_workers_outlive_the_database_and_one_leads_again(tmp_path: Path) -> None:
    with (
        own_postgresql() as database,
        store_on(database.url, tmp_path) as server,
        two_workers(server, tmp_path) as (first, second),
    ):
        database.stop()
        wait_for(lambda: "lost the lease" in first.output)
        database.start()
        wait_for(lambda: first.terms + second.terms == 2)
        assert first.process.poll() is None
        assert second.process.poll() is None
