"""nginx with the configuration of deploy/, at other addresses."""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from cluster.parts import Program
from objectstore.config import BASE_DIR

CONFIGURATION = BASE_DIR / "deploy" / "nginx.conf"
_NODE = re.compile(r"^ *server node-\d+:8080 (.*);\n", re.MULTILINE)
_SCRATCH = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def program() -> str | None:
    """Return nginx's path, None where it is not installed."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def configuration(home: Path, *, port: int, nodes: Sequence[int]) -> str:
    """Return deploy/nginx.conf for these ports on loopback, with all files in `home`.

    Its temporary files would lie in `home/temp`.
    """
    text = CONFIGURATION.read_text()
    [options] = set(_NODE.findall(text))
    servers = "".join(f"server 127.0.0.1:{node} {options};\n" for node in nodes)
    first = _NODE.search(text)
    assert first is not None
    text = text[: first.start()] + servers + _NODE.sub("", text[first.start() :])
    scratch = "".join(f"{name}_temp_path {home}/temp/{name};\n" for name in _SCRATCH)
    for standing, ours in (
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("/var/log/nginx/", f"{home}/"),
        ("/run/nginx.pid", f"{home}/nginx.pid"),
        ("http {\n", f"http {{\n{scratch}"),
    ):
        assert standing in text
        text = text.replace(standing, ours)
    return text


def start(home: Path, *, port: int, nodes: Sequence[int]) -> Program:
    """Start nginx in the foreground, with everything of it in `home`."""
    (home / "temp").mkdir(parents=True, exist_ok=True)
    file = home / "nginx.conf"
    file.write_text(configuration(home, port=port, nodes=nodes))
    found = program()
    assert found is not None, "not installed"
    options = ("-p", str(home), "-e", "stderr", "-c", str(file), "-g", "daemon off;")
    return Program((found, *options), environment=os.environ, log=home / "nginx.log")
