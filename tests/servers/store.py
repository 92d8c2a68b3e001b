"""A real gunicorn with its own folder and database, for as long as a `with` lasts."""

import atexit
import contextlib
import functools
import os
import secrets
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tests.e2e.store import environment
from tests.servers.ports import free_port
from tests.servers.postgresql import stop_with_parent
from tests.servers.s3 import given_variables

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0
STOP_SECONDS = 40.0
THREADS = 4
PRODUCTION = {
    "SECRET_KEY": secrets.token_urlsafe(40),
    "ALLOWED_HOSTS": "localhost,127.0.0.1",
    "ANONYMOUS_ACCESS": "write",
    "SECURE_COOKIES": "false",  # the tests speak plain HTTP
}
SQLITE = "objectstore.sqlite3"
_GUNICORN = ("-m", "gunicorn", "-c", "objectstore/gunicorn.py")
_kept = contextlib.ExitStack()  # what lasts as long as the tests
atexit.register(_kept.close)


class Server:
    """gunicorn on `port`; one worker, so that its memory and its end are plain.

    `wrapper` is a command that runs gunicorn, as faketime does.
    """

    def __init__(
        self, folder: Path, variables: dict[str, str], wrapper: Sequence[str] = ()
    ) -> None:
        self._folder = folder
        self.port = free_port()
        self.data_dir = folder / "data"
        self.log = folder / "log"
        self._wrapper = wrapper
        self._environment = environment(
            ENV_FILE=os.devnull,
            DATA_DIR=str(self.data_dir),
            PORT=str(self.port),
            NODE_ID="node-e2e",
            WEB_CONCURRENCY="1",
            WEB_THREADS=str(THREADS),
        )
        self._environment |= variables
        self._gunicorn: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    @property
    def _tls(self) -> ssl.SSLContext | None:
        certificate = self._environment.get("TLS_CERTIFICATE")
        return ssl.create_default_context(cafile=certificate) if certificate else None

    @property
    def variables(self) -> dict[str, str]:
        """The environment of its processes."""
        return dict(self._environment)

    @property
    def database_url(self) -> str | None:
        """The PostgreSQL database; None on SQLite."""
        return self._environment.get("DATABASE_URL")

    def twin(self, node_id: str, wrapper: Sequence[str] = (), **variables: str) -> Self:
        """Return another node of the same store, not started yet."""
        own = {"PORT": str(free_port()), "NODE_ID": node_id} | variables
        twin = type(self)(self._folder, self._environment | own, wrapper)
        twin.port = int(own["PORT"])
        return twin

    @property
    def storage(self) -> str:
        """The name of the backend."""
        return "s3" if "S3_BUCKET_NAME" in self._environment else "filesystem"

    @property
    def worker(self) -> int:
        """The process id of the one worker (Linux)."""
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        [worker] = map(int, children)
        return worker

    @property
    def pid(self) -> int:
        """The process id of gunicorn's master."""
        return self._process.pid

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a management command against this store."""
        return subprocess.run(
            [sys.executable, ROOT / "manage.py", *arguments],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def begin(
        self, *arguments: str, log: Path, **variables: str
    ) -> "subprocess.Popen[bytes]":
        """Start a management command that goes on, its output in `log`."""
        with log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, ROOT / "manage.py", *arguments],
                cwd=ROOT,
                env=self._environment | variables,
                stdout=output,
                stderr=output,
                preexec_fn=stop_with_parent,  # noqa: PLW1509 - no threads run yet
            )

    def start(self) -> None:
        """Start, and return when it answers; fail with its log when it does not."""
        with self.log.open("ab") as log:
            self._gunicorn = subprocess.Popen(
                [*self._wrapper, sys.executable, *_GUNICORN],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._healthy():
            if self._gunicorn.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"it did not start:\n{self.log.read_text()}")
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL the master and its worker at once, as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOP_SECONDS)

    def terminate(self) -> None:
        """Send SIGTERM, as a service manager does, and do not wait."""
        self._process.terminate()

    def wait(self) -> int:
        """Wait for the end and return gunicorn's exit status."""
        return self._process.wait(STOP_SECONDS)

    @property
    def _process(self) -> "subprocess.Popen[bytes]":
        assert self._gunicorn is not None, "not started"
        return self._gunicorn

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(
                f"{self.url}/healthz", timeout=5, context=self._tls
            ) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


@contextlib.contextmanager
def store(folder: Path, **variables: str) -> Iterator[Server]:
    """Yield a started store with these settings, on the run's PostgreSQL and S3."""
    with _store_like(_migrated(_url()), folder, variables) as server:
        yield server


@contextlib.contextmanager
def store_with_administrator(
    folder: Path, password: str, **variables: str
) -> Iterator[Server]:
    """Yield a started store with the user `chief`."""
    with _store_like(_administered(_url(), password), folder, variables) as server:
        yield server


@contextlib.contextmanager
def store_on(url: str, folder: Path, **variables: str) -> Iterator[Server]:
    """Yield a started store with these settings on this PostgreSQL database."""
    migrate(_on(url, folder))
    with store_on_migrated(url, folder, **variables) as server:
        yield server


@contextlib.contextmanager
def store_on_migrated(url: str, folder: Path, **variables: str) -> Iterator[Server]:
    """Yield a started store with these settings on this database, migrated before."""
    with _running(_on(url, folder, **variables)) as server:
        yield server


def migrate(server: Server) -> None:
    """Migrate the database of a store that need not run."""
    migrated = server.manage("migrate", "--verbosity=0")
    assert migrated.returncode == 0, migrated.stderr


def _on(url: str, folder: Path, **variables: str) -> Server:
    database = {"DATABASE_URL": url, **PRODUCTION}
    return Server(folder, _bytes() | database | variables)


@contextlib.contextmanager
def _store_like(
    template: Server, folder: Path, variables: dict[str, str]
) -> Iterator[Server]:
    with (
        _database_like(template, folder) as database,
        _running(Server(folder, _bytes() | database | variables)) as server,
    ):
        yield server


def _url() -> str | None:
    """The run's PostgreSQL; None on SQLite."""
    return os.environ.get("TEST_DATABASE_URL")


@contextlib.contextmanager
def _running(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        server.kill()


def _bytes() -> dict[str, str]:
    """Return the variables of a place for bytes: the run's bucket, else the folder."""
    if variables := given_variables():
        return {**PRODUCTION, **variables, "S3_PREFIX": secrets.token_hex(8)}
    return {}


@contextlib.contextmanager
def _database_like(template: Server, folder: Path) -> Iterator[dict[str, str]]:
    """Yield the variables of a copy of its database; none for SQLite in `folder`."""
    url = template.database_url
    if url is None:
        (folder / "data").mkdir(exist_ok=True)
        shutil.copy(template.data_dir / SQLITE, folder / "data" / SQLITE)
        yield {}
        return
    with new_database(url, like=url) as new:
        yield {"DATABASE_URL": new, **PRODUCTION}


@functools.cache
def _migrated(url: str | None) -> Server:
    """A store that never runs: its database is copied, as migrating takes seconds."""
    folder = _kept.enter_context(tempfile.TemporaryDirectory(prefix="objectstore-new-"))
    database = {}
    if url is not None:
        new = _kept.enter_context(new_database(url))
        database = {"DATABASE_URL": new, **PRODUCTION}
    server = Server(Path(folder), _bytes() | database)
    server.data_dir.mkdir()
    migrate(server)
    return server


@functools.cache
def _administered(url: str | None, password: str) -> Server:
    """A copy of it with the user `chief`, which never runs either."""
    folder = Path(_kept.enter_context(tempfile.TemporaryDirectory()))
    database = _kept.enter_context(_database_like(_migrated(url), folder))
    secret = {"DJANGO_SUPERUSER_PASSWORD": password}
    server = Server(folder, _bytes() | database | secret)
    done = server.manage(
        *("createsuperuser", "--noinput"), *("--username=chief", "--email=c@e.com")
    )
    assert done.returncode == 0, done.stderr
    return server


@contextlib.contextmanager
def new_database(url: str, *, like: str | None = None) -> Iterator[str]:
    """Yield the URL of a new database beside the one of this URL.

    It is empty, or a copy of the one at `like`, with which nobody may be connected.
    """
    name = f"objectstore_e2e_{secrets.token_hex(6)}"
    new = sql.Identifier(name)
    template = urlsplit(like).path[1:] if like else "template1"
    creation = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(creation.format(new, sql.Identifier(template)))
    try:
        yield urlsplit(url)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(new))
