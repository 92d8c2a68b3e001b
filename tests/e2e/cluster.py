"""Several nodes on one PostgreSQL and one S3, each of which a test may disturb."""

import contextlib
import http.client
import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.servers.postgresql import PostgreSQL, own_postgresql
from tests.servers.s3 import SeaweedFS, seaweedfs
from tests.servers.store import Server

# A worker that does often what it seldom does, so that it takes part in the fault.
_BUSY = {
    "FOLD_INTERVAL_SECONDS": "0.5",
    "SWEEP_INTERVAL_SECONDS": "1",
    "SWEEP_GRACE_SECONDS": "1",
    "SWEEP_LEASE_SECONDS": "2",
    "HEARTBEAT_SECONDS": "1",
    "LEADER_LEASE_SECONDS": "3",
}
_RECOVERY_SECONDS = 20


@dataclass(frozen=True)
class Cluster:
    """What runs: `nodes` with a worker beside them, and what they depend on."""

    folder: Path
    database: PostgreSQL
    s3: SeaweedFS
    settings: dict[str, str]
    nodes: list[Server]

    def node(self, name: str, *wrapper: str, **variables: str) -> Server:
        """Return one more node, not started; `wrapper` is a command that runs it."""
        own = {"NODE_ID": name, "WEB_THREADS": "8"} | variables
        (self.folder / name).mkdir()
        return Server(self.folder / name, self.settings | own, wrapper)

    def wait_until_well(self) -> None:
        """Return when every node stores and is ready; fail when it takes too long."""
        for node in self.nodes:
            wait_for(partial(_well, node), seconds=_RECOVERY_SECONDS)


def _well(node: Server) -> bool:
    try:
        ready = ask(node, "GET", "/readyz").status == 200
        body = secrets.token_bytes(16)
        return ready and ask(node, "PUT", "/buckets/well/objects/x", body).status < 300
    except OSError:
        return False


@contextlib.contextmanager
def cluster(folder: Path, *, nodes: int) -> Iterator[Cluster]:
    """Yield a started cluster with an empty store; nothing is left of it."""
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(own_postgresql())
        s3 = stack.enter_context(seaweedfs())
        settings = {
            "DATABASE_URL": database.url,
            "SECRET_KEY": secrets.token_urlsafe(40),
            "ALLOWED_HOSTS": "localhost,127.0.0.1",
            "ANONYMOUS_ACCESS": "write",
            "GRACEFUL_TIMEOUT_SECONDS": "10",
            **s3.variables,
            **_BUSY,
        }
        running = Cluster(folder, database, s3, settings, [])
        running.nodes.extend(running.node(f"node-{n}") for n in range(1, nodes + 1))
        migrated = running.nodes[0].manage("migrate", "--verbosity=0")
        assert migrated.returncode == 0, migrated.stderr
        for node in running.nodes:
            node.start()
            stack.callback(node.kill)
        worker = running.nodes[0].begin("worker", log=folder / "worker.log")
        stack.callback(worker.wait)
        stack.callback(worker.kill)
        yield running
        assert worker.poll() is None, "the worker did not survive"


@dataclass(frozen=True)
class Told:
    """One answer, read whole."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def ask(node: Server, method: str, target: str, body: bytes | None = None) -> Told:
    """Ask on a connection of its own. Raises OSError when it is cut or refused."""
    client = http.client.HTTPConnection("127.0.0.1", node.port, timeout=30)
    try:
        return ask_on(client, method, target, body)
    finally:
        client.close()


def ask_on(
    client: http.client.HTTPConnection, method: str, target: str, body: bytes | None
) -> Told:
    """Ask on this connection. Raises OSError when it is cut or refused.

    A node may answer before it has read a body, and closes the connection then.
    """
    try:
        try:
            client.request(method, target, body=body)
        except (BrokenPipeError, ConnectionResetError):
            if body is None:
                raise
        answer = client.getresponse()
        told = Told(answer.status, answer.headers, answer.read())
    except http.client.HTTPException as error:
        client.close()
        raise ConnectionError(repr(error)) from error
    except OSError:
        client.close()
        raise
    if told.status >= 400:
        client.close()
    return told


def wait_for(condition: Callable[[], bool], *, seconds: float = 15) -> None:
    """Return when it holds; fail when it takes too long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)
