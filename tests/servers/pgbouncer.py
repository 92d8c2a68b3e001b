"""A real PgBouncer of one's own, in transaction mode, in front of a PostgreSQL."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.servers.ports import free_port
from tests.servers.postgresql import stop_with_parent

START_SECONDS = 20
MISSING = "PgBouncer is not installed (Debian, Ubuntu: apt install pgbouncer)"


def program() -> str | None:
    """Return the program, None where it is not installed."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextlib.contextmanager
def pgbouncer(url: str, *, server_connections: int = 20) -> Iterator[str]:
    """Yield the URL of the database `url` through a PgBouncer in transaction mode.

    Every database of that server can be had under its name. Nothing is left behind.
    """
    found = program()
    if found is None:
        raise FileNotFoundError(MISSING)
    home = Path(tempfile.mkdtemp(prefix="objectstore-pgbouncer-", dir="/tmp"))
    process: subprocess.Popen[bytes] | None = None
    try:
        port = free_port()
        _configure(home, url, port, server_connections)
        options: dict[str, Any] = {}
        if os.geteuid() == 0:  # it refuses to be root
            nobody = pwd.getpwnam("nobody")
            for path in (home, *home.iterdir()):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
            options = {"user": nobody.pw_uid, "group": nobody.pw_gid}
        with (home / "output").open("wb") as output:
            process = subprocess.Popen(
                [found, "pgbouncer.ini"],
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for the tests, which then stop this
                preexec_fn=stop_with_parent,  # noqa: PLW1509 - no threads run yet
                **options,
            )
        there = urlsplit(url)
        user = there.username or "postgres"
        through = there._replace(netloc=f"{user}@127.0.0.1:{port}").geturl()
        _wait_until_ready(process, through, home / "output")
        yield through
    finally:
        if process is not None:
            process.kill()
            process.wait()
        shutil.rmtree(home, ignore_errors=True)


def _configure(home: Path, url: str, port: int, server_connections: int) -> None:
    there = urlsplit(url)
    credentials = f"user={there.username or 'postgres'}"
    if there.password:
        credentials += f" password={there.password}"
    (home / "pgbouncer.ini").write_text(
        "[databases]\n"
        f"* = host={there.hostname} port={there.port or 5432} {credentials}\n"
        "[pgbouncer]\n"
        "listen_addr = 127.0.0.1\n"
        f"listen_port = {port}\n"
        "unix_socket_dir =\n"
        "auth_type = any\n"
        "pool_mode = transaction\n"
        f"default_pool_size = {server_connections}\n"
        "max_client_conn = 500\n"
        "log_connections = 0\n"
        "log_disconnections = 0\n"
    )


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(url, connect_timeout=5).close()
            return
        time.sleep(0.05)
    raise AssertionError(f"PgBouncer did not start: {log.read_text()[-2000:]}")
