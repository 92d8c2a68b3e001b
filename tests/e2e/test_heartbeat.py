"""The heartbeat of a real node: one row, however many processes."""

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.wire import Wire
from tests.servers.postgresql import own_postgresql
from tests.servers.store import Server, store, store_on

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

SECONDS = 30.0
BEATS = {"HEARTBEAT_SECONDS": "0.2", "WEB_CONCURRENCY": "2"}


def node_line(server: Server) -> list[str]:
    """Return what `manage.py nodes` says of the one node there is."""
    told = server.manage("nodes")
    assert told.returncode == 0, told.stderr
    _, *lines, summary = told.stdout.splitlines()
    if not lines:
        return []
    [line] = lines
    assert summary.startswith("1 nodes")
    return re.split(r"\s{2,}", line)


COUNTED = (
    "from objects_app.models import RequestCount as R;"
    "from django.db.models import Sum;"
    "print(R.objects.aggregate(n=Sum('requests', default=0))['n'])"
)


def counted(server: Server) -> int:
    """Return how many requests the rows say there were."""
    told = server.manage("shell", "--no-imports", "-c", COUNTED)
    assert told.returncode == 0, told.stderr
    return int(told.stdout)


def ask(server: Server, times: int) -> None:
    """Send requests over connections of their own, so that both processes get some."""
    wires = [Wire(server.port) for _ in range(times)]
    for wire in wires:
        with wire:
            assert wire.ask("GET", "/buckets").hear().status == 200


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_node_of_two_processes_is_one_row_until_it_falls_silent(
    tmp_path: Path,
) -> None:
    with store(tmp_path, **BEATS) as server:
        ask(server, 30)
        wait_for(lambda: node_line(server))
        assert node_line(server)[0] == "node-e2e"
        assert node_line(server)[-1] == "alive"
        wait_for(lambda: counted(server) == 30)
        ask(server, 30)
        server.terminate()
        assert server.wait() == 0
        assert counted(server) == 60  # also what no beat came for
        wait_for(lambda: node_line(server)[-1] == "silent")
        assert "Traceback" not in server.log.read_text()


@pytest.mark.once
def test_a_process_that_is_replaced_does_not_restart_the_node(tmp_path: Path) -> None:
    with store(tmp_path, HEARTBEAT_SECONDS="0.2") as server:
        wait_for(lambda: node_line(server))
        before = node_line(server)
        old = server.worker
        os.kill(old, signal.SIGKILL)
        wait_for(lambda: _one_worker(server) not in {None, old})
        wait_for(lambda: node_line(server)[-2:] != before[-2:])
        assert node_line(server)[2] == before[2]


def _one_worker(server: Server) -> int | None:
    try:
        return server.worker
    except ValueError:
        return None


@pytest.mark.postgresql_only
def test_it_outlives_the_database_and_disturbs_no_request(tmp_path: Path) -> None:
    with (
        own_postgresql() as database,
        store_on(database.url, tmp_path, **BEATS) as server,
    ):
        wait_for(lambda: node_line(server))
        database.stop()
        time.sleep(1)  # some beats
        with Wire(server.port) as wire:
            assert wire.ask("GET", "/healthz").hear().status == 200
        database.start()
        wait_for(lambda: node_line(server)[-1] == "alive")
        assert "heartbeat failed; tried again later" in server.log.read_text()
