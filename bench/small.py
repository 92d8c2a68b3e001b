"""Many small requests: PUT, GET and dedup PUT of 4 KiB, and the look-up alone."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from bench.children import Child, ask_all, children
from bench.client import Connection, drive_all
from bench.limits import small_files
from bench.report import Limit, Row, Target
from bench.scale import Bench
from bench.servers import Store, empty_server, store

NAMES = ("put-4k", "get-4k", "dedup-4k", "lookup")
SIZE = 4096
CONNECTIONS = 16
CLIENTS = 2
_KEYS = 200
_LOOKUPS = 2000


@contextmanager
def rows(bench: Bench) -> Iterator[list[Row]]:
    """Yield the rows while their store runs."""
    with ExitStack() as stack:
        target = stack.enter_context(store(bench.database))
        empty = stack.enter_context(empty_server(target))
        clients = stack.enter_context(children("bench.client", CLIENTS))
        processes = min(len(target.workers()), CONNECTIONS)
        insiders = stack.enter_context(
            children("bench.inside", processes, target.environment)
        )
        load = partial(
            drive_all, clients, seconds=bench.scale.seconds, connections=CONNECTIONS
        )
        commits = partial(_commits, insiders, seconds=bench.scale.seconds)
        scratch = target.folder / "bench"
        scratch.mkdir()
        yield [
            _put(target, load, commits, scratch, bench.scale.seconds),
            _get(target, load, empty),
            _dedup(target, load, commits),
            _lookup(target, insiders[0]),
        ]


def _put(
    target: Store,
    load: Callable[..., float],
    commits: Callable[..., float],
    scratch: Path,
    seconds: float,
) -> Row:
    put = partial(
        load,
        port=target.port,
        method="PUT",
        target="/buckets/bench/objects/new/%d",
        size=SIZE,
        fresh=True,
    )
    files = partial(
        small_files, folder=scratch, size=SIZE, writers=CONNECTIONS, seconds=seconds
    )
    return Row(
        name="put-4k",
        title=f"PUT 4 KiB, new content, {CONNECTIONS} connections",
        unit="/s",
        measure=put,
        limits=(
            Limit("claim + commit alone", commits, Target("times or more", 0.25)),
            Limit("write + fsync of the file alone", files),
        ),
        prepare=lambda: (put(), commits()),
    )


def _get(target: Store, load: Callable[..., float], empty: int) -> Row:
    get = partial(
        load,
        port=target.port,
        method="GET",
        target="/buckets/bench/objects/read/%d",
        keys=_KEYS,
    )
    nothing = partial(load, port=empty, method="GET", target="/%d", keys=_KEYS)

    def prepare() -> None:
        connection = Connection(target.port)
        for number in range(_KEYS):
            path = f"/buckets/bench/objects/read/{number}"
            connection.request("PUT", path, os.urandom(SIZE))
        connection.close()
        get()
        nothing()

    return Row(
        name="get-4k",
        title=f"GET 4 KiB, {CONNECTIONS} connections",
        unit="/s",
        measure=get,
        limits=(
            Limit(
                "empty WSGI application, same gunicorn",
                nothing,
                Target("times or more", 0.35),
            ),
        ),
        prepare=prepare,
    )


def _dedup(
    target: Store, load: Callable[..., float], commits: Callable[..., float]
) -> Row:
    put = partial(
        load,
        port=target.port,
        method="PUT",
        target="/buckets/bench/objects/same/%d",
        size=SIZE,
    )
    stored = os.urandom(SIZE)

    def prepare() -> None:
        answer = target.request("PUT", "/buckets/bench/objects/stored", stored)
        assert json.loads(answer)["sha256"] == hashlib.sha256(stored).hexdigest()
        put()

    return Row(
        name="dedup-4k",
        title=f"PUT 4 KiB, same content, {CONNECTIONS} connections",
        unit="/s",
        measure=put,
        limits=(
            Limit(
                "claim + commit of a hit alone",
                partial(commits, sha256=hashlib.sha256(stored).hexdigest()),
            ),
        ),
        prepare=prepare,
    )


def _commits(insiders: list[Child], *, seconds: float, sha256: str = "") -> float:
    """Return claims and commits a second, in as many processes as gunicorn has."""
    threads = max(1, CONNECTIONS // len(insiders))
    rates = ask_all(
        insiders,
        "commits",
        bucket="bench",
        sha256=sha256,
        size=SIZE,
        threads=threads,
        seconds=seconds,
    )
    return float(sum(rates))


def _lookup(target: Store, insider: Child) -> Row:
    def measured(task: str) -> float:
        seconds: float = insider.ask(task, bucket="bench", key="one", times=_LOOKUPS)
        return seconds * 1e6

    return Row(
        name="lookup",
        title="Look-up of one object, CPU of the client side",
        unit="us CPU",
        measure=partial(measured, "find"),
        limits=(
            Limit(
                "the same statement by the bare driver",
                partial(measured, "find_bare"),
                Target("times or less", 1.5),
            ),
        ),
        prepare=lambda: target.request("PUT", "/buckets/bench/objects/one", b"1"),
    )
