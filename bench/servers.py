"""A store of one's own for as long as a `with` block lasts, and an empty server."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from bench.client import Connection
from objectstore.config import BASE_DIR, Config
from tests.servers.ports import free_port
from tests.servers.s3 import SeaweedFS

START_SECONDS = 60
STOP_SECONDS = 15
# How many processes there are, and where, may be chosen from outside.
_FROM_OUTSIDE = {"web_concurrency", "web_threads", "pin_workers"}
_GUNICORN = ("-m", "gunicorn", "--config", "objectstore/gunicorn.py")


class Setup(NamedTuple):
    """Where rows and bytes go: SQLite without a URL, files without an S3 server."""

    name: str
    database_url: str | None = None
    s3: SeaweedFS | None = None


class Store(NamedTuple):
    """A running store; `environment` is what its processes were given."""

    port: int
    pid: int
    folder: Path
    environment: dict[str, str]

    def request(self, method: str, target: str, body: bytes = b"") -> bytes:
        """Send one request on a connection of its own."""
        connection = Connection(self.port)
        try:
            return connection.request(method, target, body)
        finally:
            connection.close()

    def workers(self) -> list[int]:
        """Return the process ids of gunicorn's workers (Linux)."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def cpu_seconds(self) -> float:
        """Return what the workers have used of the processors so far (Linux)."""
        fields = (
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            for pid in self.workers()
        )
        return sum(int(f[11]) + int(f[12]) for f in fields) / os.sysconf("SC_CLK_TCK")


@contextmanager
def store(setup: Setup, **variables: str) -> Iterator[Store]:
    """Yield an empty store with the bucket `bench`; nothing of it is left afterwards.

    It is what `make run` starts, but for the worker that sweeps and folds.
    """
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="objectstore-bench-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        environment = _environment(folder) | variables
        if setup.database_url is not None:
            url = stack.enter_context(_new_database(setup.database_url))
            environment |= {"DATABASE_URL": url}
        if setup.s3 is not None:
            prefix = f"bench-{secrets.token_hex(4)}/"
            environment |= setup.s3.variables | {"S3_PREFIX": prefix}
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity=0"],
            cwd=BASE_DIR,
            env=environment,
            check=True,
        )
        server = stack.enter_context(_server(environment, "/readyz"))
        port = int(environment["PORT"])
        running = Store(port, server.pid, folder, environment)
        running.request("PUT", "/buckets/bench")
        yield running


@contextmanager
def empty_server(beside: Store) -> Iterator[int]:
    """Yield the port of the empty application under the store's gunicorn settings."""
    environment = beside.environment | {"PORT": str(free_port())}
    with _server(environment, "/", "bench.empty:application"):
        yield int(environment["PORT"])


def _environment(folder: Path) -> dict[str, str]:
    ours = set(Config.model_fields) - _FROM_OUTSIDE
    kept = {k: v for k, v in os.environ.items() if k.lower() not in ours}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "objectstore.settings",
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(folder),
        "PORT": str(free_port()),
        "NODE_ID": "bench",
        "ANONYMOUS_ACCESS": "write",
        "ALLOWED_HOSTS": "localhost",
        "SECRET_KEY": secrets.token_urlsafe(50),
    }


@contextmanager
def _new_database(server: str) -> Iterator[str]:
    name = sql.Identifier(f"objectstore_bench_{secrets.token_hex(4)}")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        try:
            yield urlsplit(server)._replace(path=f"/{name.as_string()[1:-1]}").geturl()
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@contextmanager
def _server(
    environment: dict[str, str], ready: str, *application: str
) -> Iterator[subprocess.Popen[bytes]]:
    log = Path(environment["DATA_DIR"]) / "log"
    with log.open("ab") as output:
        server = subprocess.Popen(
            [sys.executable, *_GUNICORN, *application],
            cwd=BASE_DIR,
            env=environment,
            stderr=output,
            start_new_session=True,
        )
    try:
        with _log_of_failures(log):
            _wait_until_ready(server, int(environment["PORT"]), ready)
            yield server
    finally:
        server.terminate()
        try:
            server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, target: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            connection = Connection(port)
        except ConnectionRefusedError:
            time.sleep(0.05)
            continue
        connection.request("GET", target)
        connection.close()
        return
    raise RuntimeError("gunicorn did not start")


@contextmanager
def _log_of_failures(log: Path) -> Iterator[None]:
    """Show what the server said when something goes wrong with it."""
    try:
        yield
    except RuntimeError as error:
        error.add_note(log.read_text(errors="replace")[-3000:])
        raise
