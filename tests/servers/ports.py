"""Ports for servers of one's own."""

import itertools
import os
import random
import socket
from collections.abc import Iterator

# Below those that the system gives to connections, and each of pytest-xdist's workers
# has others: nobody takes one between its choice and the server's start. Browsers go
# to all of them.
_PORTS = range(11_000, 32_000)
_WORKERS = 16


def free_port() -> int:
    """Return a port nobody listens on just now."""
    return next(_ours)


def free_ports(count: int) -> list[int]:
    """Return different ports nobody listens on just now."""
    return list(itertools.islice(_ours, count))


def ports_of(worker: str) -> Iterator[int]:
    """Yield that worker's ports on which nobody listens, in turn and without end."""
    ports = _PORTS[int(worker.removeprefix("gw")) % _WORKERS :: _WORKERS]
    begin = random.randrange(len(ports))  # noqa: S311
    return filter(_is_free, itertools.cycle([*ports[begin:], *ports[:begin]]))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


_ours = ports_of(os.environ.get("PYTEST_XDIST_WORKER", "gw0"))
