"""One program of the cluster: started, waited for, stopped."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from objectstore.config import BASE_DIR
from tests.servers.postgresql import stop_with_parent

READY_SECONDS = 60.0


class DidNotStart(Exception):
    """Which part of the cluster does not run, and why."""


class Part(Protocol):
    """What every part of the cluster can do."""

    log: Path

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The running program."""

    def stop(self) -> None:
        """End it in good order and wait for that."""


class Program:
    """A started command with its output in `log`.

    A Ctrl-C in the terminal does not reach it: it is for the cluster, which then stops
    this. On Linux it ends even when the cluster is killed.
    """

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str], log: Path
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                cwd=BASE_DIR,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=stop_with_parent,  # noqa: PLW1509 - no threads run yet
            )

    def wait_until(self, answers: str) -> None:
        """Return when a GET of that URL succeeds. Raises DidNotStart."""
        deadline = time.monotonic() + READY_SECONDS
        while not _succeeds(answers):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise DidNotStart(f"{self.log.stem} did not start{end_of(self.log)}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Send SIGTERM and wait: what this runs bounds that time itself."""
        self.process.terminate()
        self.process.wait()


def node(name: str, port: int, log: Path) -> Program:
    """Start what `make run` starts, gunicorn and a worker, as one more node."""
    scripts = str(Path(sys.executable).parent)
    environment = os.environ | {
        "NODE_ID": name,
        "PORT": str(port),
        "PATH": os.pathsep.join((scripts, os.environ.get("PATH", os.defpath))),
        "PYTHONUNBUFFERED": "1",
    }
    command = (sys.executable, "-m", "objectstore.processes")
    return Program(command, environment=environment, log=log)


def check_ports(ports: Sequence[int]) -> None:
    """Raise DidNotStart for a port of loopback that is not free."""
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise DidNotStart(
                    f"Port {port} cannot be used ({error.strerror}): stop what uses "
                    f"it, or choose others, as in PORT={port + 1000} make cluster."
                ) from error


def end_of(log: Path) -> str:
    """Return the last lines of a log, to end a sentence with."""
    lines = log.read_text(errors="replace").splitlines()[-12:]
    return "\n".join([f". The end of {log}:", *(f"    {line}" for line in lines)])


def _succeeds(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
