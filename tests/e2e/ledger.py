"""Clients that write, read, replace and delete, and a ledger of what they were told."""

import contextlib
import hashlib
import http.client
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from tests.e2e.cluster import Cluster, Told, ask, ask_on
from tests.servers.store import Server

CLIENTS = 6
# Twice as long as S3 may be silent, less a little: a busy machine is slower.
MOST_SECONDS = 15.0
_PAUSE_SECONDS = 0.15
_SIZES = (0, 100, 5_000, 70_000, 300_000, 1_500_000)
_COMMON = 5  # contents that all clients store again and again
GONE = "nothing is there"


class Failure(NamedTuple):
    """A request without success: `status` is None when the connection was cut."""

    url: str
    method: str
    status: int | None
    code: str | None
    seconds: float


class Ledger:
    """What each key may hold; one outcome only, once an answer said so."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket
        self.failures: list[Failure] = []
        self.slowest = 0.0
        self.acknowledged = 0
        self.wrong: list[str] = []
        self._possible: dict[str, set[str]] = {}

    def path(self, key: str) -> str:
        return f"/buckets/{self.bucket}/objects/{key}"

    def begin(self, key: str, outcome: str) -> None:
        """Say before sending it what a request would bring about."""
        self._possible.setdefault(key, {GONE}).add(outcome)

    def acknowledge(self, key: str, outcome: str) -> None:
        """Note that an answer said so; whatever was possible before is over."""
        self._possible[key] = {outcome}
        self.acknowledged += 1

    def judge(self, key: str, told: Told, node: Server) -> None:
        """Compare an answer to a GET with what may be there."""
        if told.status not in {200, 404}:
            self.wrong.append(f"{key}: {told.status} from {node.url}")
            return
        found = _outcome(told)
        if found not in self._possible[key]:
            expected = self._possible[key]
            self.wrong.append(f"{key} on {node.url}: {found}, not {expected}")

    def cut(self) -> set[str]:
        """Return the nodes that cut a connection or refused one."""
        return {f.url for f in self.failures if f.status is None}

    def statuses(self) -> set[int]:
        """Return the statuses of all failures that were answered."""
        return {f.status for f in self.failures if f.status is not None}

    def check(self, cluster: Cluster) -> None:
        """Read everything through every node, and compare the totals and the list."""
        assert self.wrong == [], self.wrong[:5]
        assert self.acknowledged > 20, "too little was written to show anything"
        assert self.slowest < MOST_SECONDS
        sizes = self._read_all(cluster)
        assert self.wrong == [], self.wrong[:5]
        for node in cluster.nodes:
            bucket = ask(node, "GET", f"/buckets/{self.bucket}").json()
            assert (bucket["objects"], bucket["bytes"]) == (
                len(sizes),
                sum(sizes.values()),
            )
        assert _listed(cluster.nodes[0], self.bucket) == sizes
        verified = cluster.nodes[0].manage("verify")
        assert verified.returncode == 0, verified.stdout + verified.stderr

    def _read_all(self, cluster: Cluster) -> dict[str, int]:
        """Judge every key on every node; return the sizes of those that are there."""
        sizes: dict[str, int] = {}

        def read(key: str) -> None:
            answers = [
                (node, ask(node, "GET", self.path(key))) for node in cluster.nodes
            ]
            for node, told in answers:
                self.judge(key, told, node)
            if answers[0][1].status == 200:
                sizes[key] = len(answers[0][1].body)
            if len({told.body for _, told in answers if told.status == 200}) > 1:
                self.wrong.append(f"{key} differs from node to node")

        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(read, self._possible))
        return sizes


def _outcome(told: Told) -> str:
    return hashlib.sha256(told.body).hexdigest() if told.status == 200 else GONE


@contextlib.contextmanager
def load(cluster: Cluster, bucket: str) -> Iterator[Ledger]:
    """Keep clients busy with every node while the block lasts."""
    ledger = Ledger(bucket)
    stop = threading.Event()
    clients = [
        threading.Thread(
            target=_Client(cluster, ledger, f"{bucket}-{n}").run, args=[stop]
        )
        for n in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    try:
        time.sleep(0.5)
        yield ledger
        time.sleep(0.5)
    finally:
        stop.set()
        for client in clients:
            client.join()


class _Client:
    """Has keys of its own. After a request without an answer it leaves that key alone:
    such a request may still come to its end."""

    def __init__(self, cluster: Cluster, ledger: Ledger, name: str) -> None:
        self._nodes = cluster.nodes
        self._ledger = ledger
        self._name = name
        self._chance = random.Random(name)  # noqa: S311
        self._connections: dict[int, http.client.HTTPConnection] = {}

    def run(self, stop: threading.Event) -> None:
        """Write, read back, replace, delete, until stopped."""
        number = 0
        while not stop.is_set():
            number += 1
            key = f"{self._name}-{number}"
            certain = self._put(key)
            if certain and self._chance.random() < 0.4:
                certain = self._put(key)
            if certain and self._chance.random() < 0.2:
                self._delete(key)
            stop.wait(_PAUSE_SECONDS)
        for connection in self._connections.values():
            connection.close()

    def _put(self, key: str) -> bool:
        body = self._body()
        digest = hashlib.sha256(body).hexdigest()
        self._ledger.begin(key, digest)
        if self._ask("PUT", key, body) is None:
            return False
        self._ledger.acknowledge(key, digest)
        self._read_back(key)
        return True

    def _delete(self, key: str) -> None:
        self._ledger.begin(key, GONE)
        if self._ask("DELETE", key) is not None:
            self._ledger.acknowledge(key, GONE)
            self._read_back(key)

    def _read_back(self, key: str) -> None:
        """At once, on whatever node comes."""
        answer = self._ask("GET", key)
        if answer is not None:
            node, told = answer
            self._ledger.judge(key, told, node)

    def _ask(
        self, method: str, key: str, body: bytes | None = None
    ) -> tuple[Server, Told] | None:
        """Ask some node; None when it failed, which is written down."""
        node = self._chance.choice(self._nodes)
        client = self._connections.setdefault(
            node.port, http.client.HTTPConnection("127.0.0.1", node.port, timeout=30)
        )
        started = time.monotonic()
        status: int | None = None
        told: Told | None = None
        with contextlib.suppress(OSError):
            told = ask_on(client, method, self._ledger.path(key), body)
            status = told.status
        seconds = time.monotonic() - started
        self._ledger.slowest = max(self._ledger.slowest, seconds)
        if told is None or told.status >= 500 or (method, told.status) == ("PUT", 404):
            code = told.json()["code"] if told else None
            failure = Failure(node.url, method, status, code, seconds)
            self._ledger.failures.append(failure)
            return None
        return node, told

    def _body(self) -> bytes:
        if self._chance.random() < 0.3:
            number = self._chance.randrange(_COMMON)
            return random.Random(number).randbytes(2_000 * (number + 1))  # noqa: S311
        return self._chance.randbytes(self._chance.choice(_SIZES))


def _listed(node: Server, bucket: str) -> dict[str, int]:
    sizes: dict[str, int] = {}
    cursor: str | None = ""
    while cursor is not None:
        page = ask(node, "GET", f"/objects?bucket={bucket}&cursor={cursor}").json()
        sizes |= {listed["key"]: listed["size"] for listed in page["objects"]}
        cursor = page["next_cursor"]
    return sizes
