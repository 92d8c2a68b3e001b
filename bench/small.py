"""Many small requests: PUT, GET and dedup PUT of 4 KiB, and the look-up alone."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple

from bench.children import Child, ask_all, children
from bench.client import Connection, drive_all
from bench.limits import small_files
from bench.report import Limit, Row, Target
from bench.scale import Bench
from bench.servers import Store, empty_server, store
from tests.servers.s3 import BUCKET

NAMES = ("put-4k", "get-4k", "get-4k-uncached", "dedup-4k", "lookup", "cache")
SIZE = 4096
CONNECTIONS = 16
CLIENTS = 2
KEYS = 200
_LOOKUPS = 2000


class Load:
    """The clients, and how long they ask for the same thing."""

    def __init__(self, clients: list[Child], seconds: float) -> None:
        self.seconds = seconds
        self._clients = clients

    def __call__(self, **request: Any) -> float:
        """Return the answers a second (see `drive_all`)."""
        return drive_all(
            self._clients, seconds=self.seconds, connections=CONNECTIONS, **request
        )


class Metered:
    """Requests to the store, and what each of them cost its workers."""

    def __init__(self, load: Load, asked: Store, **request: Any) -> None:
        self._load = load
        self._asked = asked
        self._request = request
        self._microseconds = 0.0

    def __call__(self) -> float:
        """Return the answers a second."""
        before = self._asked.cpu_seconds()
        rate = self._load(port=self._asked.port, **self._request)
        used = self._asked.cpu_seconds() - before
        self._microseconds = used / (rate * self._load.seconds) * 1e6
        return rate

    def cpu(self) -> float:
        """Return the microseconds of a processor that each answer took."""
        return self._microseconds


class Direct(NamedTuple):
    """The S3 server behind the store, asked by the same client without the store."""

    port: int
    load: Load

    def put(self) -> float:
        """Return the PUTs a second that it answers."""
        return self.load(
            port=self.port,
            method="PUT",
            target=f"/{BUCKET}/direct/%d",
            size=SIZE,
            fresh=True,
        )

    def get(self) -> float:
        """Return the GETs a second that it answers."""
        return self.load(
            port=self.port, method="GET", target=f"/{BUCKET}/direct/%d", keys=KEYS
        )

    def prepare(self) -> None:
        """Put what `get` asks for."""
        put_keys(self.port, f"/{BUCKET}/direct")


@contextmanager
def rows(bench: Bench) -> Iterator[list[Row]]:
    """Yield the rows while their store runs."""
    with ExitStack() as stack:
        target = stack.enter_context(store(bench.setup))
        empty = stack.enter_context(empty_server(target))
        clients = stack.enter_context(children("bench.client", CLIENTS))
        processes = min(len(target.workers()), CONNECTIONS)
        insiders = stack.enter_context(
            children("bench.inside", processes, target.environment)
        )
        load = Load(clients, bench.scale.seconds)
        commits = partial(_commits, insiders, seconds=bench.scale.seconds)
        s3 = bench.setup.s3
        direct = Direct(s3.port, load) if s3 else None
        scratch = target.folder / "bench"
        scratch.mkdir()
        files = partial(
            small_files,
            folder=scratch,
            size=SIZE,
            writers=CONNECTIONS,
            seconds=bench.scale.seconds,
        )
        made = [
            _put(target, load, commits, _bytes_alone(direct, files)),
            _get(target, load, empty, direct),
            _dedup(target, load, commits),
            _lookup(target, insiders[0]),
        ]
        if direct:
            cacheless = stack.enter_context(store(bench.setup, BLOB_CACHE_BYTES="0"))
            made.insert(2, _get(cacheless, load, empty, direct, "-uncached"))
            made.append(_cache(target, insiders[0]))
        yield made


def _put(
    target: Store,
    load: Load,
    commits: Callable[..., float],
    bytes_alone: Limit,
) -> Row:
    put = Metered(
        load,
        target,
        method="PUT",
        target="/buckets/bench/objects/new/%d",
        size=SIZE,
        fresh=True,
    )
    return Row(
        name="put-4k",
        title=f"PUT 4 KiB, new content, {CONNECTIONS} connections",
        unit="/s",
        measure=put,
        limits=(
            Limit("claim + commit alone", commits, Target("times or more", 0.25)),
            bytes_alone,
        ),
        prepare=lambda: (put(), commits()),
        cpu=put.cpu,
    )


def _bytes_alone(direct: Direct | None, files: Callable[[], float]) -> Limit:
    if direct:
        return Limit("the same PUTs straight to the S3 server", direct.put)
    return Limit("write + fsync of the file alone", files)


def _get(
    target: Store,
    load: Load,
    empty: int,
    direct: Direct | None,
    suffix: str = "",
) -> Row:
    get = Metered(
        load,
        target,
        method="GET",
        target="/buckets/bench/objects/read/%d",
        keys=KEYS,
    )
    nothing = partial(load, port=empty, method="GET", target="/%d", keys=KEYS)

    def prepare() -> None:
        put_keys(target.port, "/buckets/bench/objects/read")
        get()
        nothing()
        if direct:
            direct.prepare()

    empty_limit = Limit(
        "empty WSGI application, same gunicorn",
        nothing,
        None if suffix else Target("times or more", 0.35),
    )
    same = "the same GETs straight to the S3 server"
    return Row(
        name=f"get-4k{suffix}",
        title=f"GET 4 KiB, {CONNECTIONS} connections"
        + (", cache off" if suffix else ", from the cache" if direct else ""),
        unit="/s",
        measure=get,
        limits=(empty_limit, Limit(same, direct.get)) if direct else (empty_limit,),
        prepare=prepare,
        cpu=get.cpu,
    )


def put_keys(port: int, folder: str) -> None:
    """Put KEYS objects of 4 KiB into a folder."""
    connection = Connection(port)
    for number in range(KEYS):
        connection.request("PUT", f"{folder}/{number}", os.urandom(SIZE))
    connection.close()


def _dedup(target: Store, load: Load, commits: Callable[..., float]) -> Row:
    put = Metered(
        load,
        target,
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
        cpu=put.cpu,
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


def _cache(target: Store, insider: Child) -> Row:
    stored: list[str] = []

    def prepare() -> None:
        answer = target.request("PUT", "/buckets/bench/objects/two", os.urandom(SIZE))
        stored.append(json.loads(answer)["sha256"])

    def cached() -> float:
        asked = {"sha256": stored[0], "size": SIZE, "times": _LOOKUPS}
        return float(insider.ask("read_cached", **asked)) * 1e6

    def uncached() -> float:
        asked = {"sha256": stored[0], "times": _LOOKUPS // 10}
        return float(insider.ask("read_uncached", **asked)) * 1e6

    return Row(
        name="cache",
        title="Read of a 4 KiB blob that the cache has, CPU",
        unit="us CPU",
        measure=cached,
        limits=(Limit("the same read from S3 each time", uncached),),
        prepare=prepare,
    )


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
