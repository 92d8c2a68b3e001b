"""The store that the attacks are made on, and what must be as before."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.wire import Wire
from tests.servers.store import Server, store

OBJECTS = "/buckets/attacked/objects"
PRECIOUS = f"{OBJECTS}/precious"
PATIENCE = 3  # seconds, of the store for a silent or slow client
THREADS = 8


@contextlib.contextmanager
def attacked(folder: Path) -> Iterator[Server]:
    """A store whose trusted proxy is on 127.0.0.2; all else is nobody in particular."""
    with store(
        folder,
        WEB_THREADS=str(THREADS),
        BODY_TIMEOUT_SECONDS=str(PATIENCE),
        TRUSTED_PROXIES="127.0.0.2",
        ALLOWED_HOSTS="localhost,127.0.0.1,store.example.com",
        ANONYMOUS_ACCESS="write",
    ) as running:
        with Wire(running.port) as wire:
            put = wire.ask("PUT", PRECIOUS, body=b"still here").hear()
            assert put.status == 201
        yield running


def assert_untouched(server: Server) -> None:
    with Wire(server.port) as wire:
        assert wire.ask("GET", PRECIOUS).hear().body == b"still here"
        assert wire.ask("GET", f"{OBJECTS}/new").hear().status == 404


def seconds_for_an_answer(server: Server) -> float:
    started = time.monotonic()
    with Wire(server.port) as wire:
        assert wire.ask("GET", PRECIOUS).hear().body == b"still here"
    return time.monotonic() - started
