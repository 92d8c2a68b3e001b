"""nginx serving a folder, where the machine has it: the limit of a download."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.client import Connection
from cluster.nginx import program
from tests.servers.ports import free_port

START_SECONDS = 10
_CONFIGURATION = """
daemon off;
pid {home}/pid;
error_log stderr error;
worker_processes {workers};
{user}
events {{ worker_connections 64; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
"""


@contextmanager
def nginx(folder: Path) -> Iterator[int]:
    """Yield the port of an nginx that serves the folder's files."""
    found = program()
    assert found is not None
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="objectstore-nginx-") as home:
        configuration = Path(home) / "nginx.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                home=home,
                port=port,
                folder=folder,
                workers=os.cpu_count() or 1,
                user="user root;" if os.geteuid() == 0 else "",
            )
        )
        server = subprocess.Popen(
            [found, "-c", str(configuration), "-e", "stderr"], start_new_session=True
        )
        try:
            _wait_until_it_listens(server, port)
            yield port
        finally:
            server.terminate()
            server.wait(START_SECONDS)


def _wait_until_it_listens(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            Connection(port).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError("nginx did not start")
