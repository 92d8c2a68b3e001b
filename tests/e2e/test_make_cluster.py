"""`python -m cluster`: everything on one machine, and nothing left of it."""

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.nginx import program
from tests.e2e.cluster import wait_for
from tests.e2e.store import environment
from tests.e2e.wire import Wire
from tests.servers.s3 import find_weed

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.tooling,
    pytest.mark.skipif(find_weed() is None, reason="there is no SeaweedFS for this OS"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]

SECONDS = 240
HELLO = "/buckets/test/objects/hello"


class Running:
    """A started cluster; `output` is what a person sees."""

    def __init__(self, folder: Path, log: Path) -> None:
        self._log = log
        self.port = _port_with_three_after_it()
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cluster"],
                env=environment(PORT=str(self.port), CLUSTER_DIR=str(folder)),
                stdout=output,
                stderr=output,
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    @property
    def node_ports(self) -> list[int]:
        return [self.port + number for number in (1, 2, 3)]

    def wait_until_it_greets(self) -> None:
        wait_for(
            lambda: "Data and logs" in self.output or self.process.poll() is not None,
            seconds=SECONDS,
        )
        assert self.process.poll() is None, self.output

    def stop(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(SECONDS)


def _port_with_three_after_it() -> int:
    """Below the range that the system takes the ports of connections from."""
    return next(
        port
        for port in iter(lambda: random.randrange(10_000, 30_000), None)  # noqa: S311
        if not any(_listens(port + number) for number in range(4))
    )


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def started(folder: Path, log: Path) -> Iterator[Running]:
    running = Running(folder, log)
    try:
        running.wait_until_it_greets()
        yield running
    finally:
        if running.process.poll() is None:
            running.stop(signal.SIGTERM)


def _programs_in(folder: Path) -> list[str]:
    """The processes whose command or environment names the folder (Linux)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes()
            told = command + (process / "environ").read_bytes()
            if str(folder).encode() in told and int(process.name) != os.getpid():
                found.append(command.decode())
    return found


def _body(port: int) -> bytes:
    with Wire(port) as wire:
        return wire.ask("GET", HELLO).hear().body


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one cluster is, that each test finds as the test before left it."""
    return tmp_path_factory.mktemp("cluster") / "cluster"


def test_three_nodes_are_one_store_that_the_next_start_finds_again(
    folder: Path, tmp_path: Path
) -> None:
    with started(folder, tmp_path / "first.log") as cluster:
        first, *others = cluster.node_ports
        fronts = [cluster.port] if program() else []
        with Wire(first) as wire:
            assert wire.ask("PUT", HELLO, body=b"Hello").hear().status == 201
        assert {_body(port) for port in (*others, *fronts)} == {b"Hello"}
        assert re.search(r"admin, password \S{16} \(shown only now\)", cluster.output)
        for port in (*cluster.node_ports, *fronts):
            assert f"http://localhost:{port}" in cluster.output
        assert cluster.stop(signal.SIGINT) == 0
    assert _programs_in(folder) == []

    with started(folder, tmp_path / "second.log") as cluster:
        assert _body(cluster.node_ports[1]) == b"Hello"
        assert "shown only now" not in cluster.output
        assert cluster.stop(signal.SIGTERM) == 0
    assert _programs_in(folder) == []


def test_a_port_that_is_taken_is_a_sentence_and_starts_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "cluster"],
            env=environment(PORT=str(port), CLUSTER_DIR=str(folder)),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    assert ended.returncode == 1
    assert f"Port {port} cannot be used" in ended.stderr
    assert "PORT=" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not folder.exists()


def test_the_others_go_on_without_a_node_and_the_last_one_ends_it_all(
    folder: Path, tmp_path: Path
) -> None:
    with started(folder, tmp_path / "log") as cluster:
        front = cluster.port if program() else cluster.node_ports[0]
        with Wire(front) as wire:
            assert wire.ask("PUT", HELLO, body=b"Hello").hear().status in {200, 201}
        for process in _processes_of("node-2", folder):
            os.kill(process, signal.SIGKILL)
        told = "objectstore: node-2 ended by itself, the other nodes go on"
        wait_for(lambda: told in cluster.output, seconds=SECONDS)
        assert [_body(front) for _ in range(6)] == [b"Hello"] * 6

        for node in ("node-1", "node-3"):
            for process in _processes_of(node, folder):
                os.kill(process, signal.SIGKILL)
        status = cluster.process.wait(SECONDS)

    assert status == 1
    assert "gunicorn listens on" in cluster.output
    assert _programs_in(folder) == []


def _processes_of(node: str, folder: Path) -> list[int]:
    """Its launcher, gunicorn and worker (Linux)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            variables = (process / "environ").read_bytes().split(b"\0")
            ours = any(str(folder).encode() in variable for variable in variables)
            if ours and f"NODE_ID={node}".encode() in variables:
                found.append(int(process.name))
    return found
