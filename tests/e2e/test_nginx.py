"""deploy/nginx.conf under the real nginx, in front of two real nodes."""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest

from cluster import nginx
from tests.blobs.bodies import random_body
from tests.e2e.conftest import BODY_TIMEOUT_SECONDS
from tests.e2e.wire import Heard, Wire
from tests.http.test_paths import KEYS
from tests.rest.test_keys import ODD
from tests.servers.ports import free_port
from tests.servers.store import Server, store

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.tooling,
    pytest.mark.skipif(
        nginx.program() is None,
        reason="nginx is not installed (Debian, Ubuntu: apt install nginx)",
    ),
]

MIB = 1024 * 1024
LARGE = 48 * MIB  # many times what nginx and the sockets buffer together
OBJECTS = "/buckets/front/objects"
SECONDS = 15


class Front(NamedTuple):
    """nginx and the two nodes behind it."""

    port: int
    home: Path
    nodes: list[Server]

    def ask(
        self, method: str, target: str, *headers: str, body: bytes | None = None
    ) -> Heard:
        """Ask on a connection of its own."""
        with Wire(self.port) as wire:
            return wire.ask(method, target, *headers, body=body).hear(to=method)

    def temporary_files(self) -> list[Path]:
        """What nginx has written of bodies."""
        return [path for path in (self.home / "temp").rglob("*") if path.is_file()]

    def spooled(self) -> int:
        """How many bytes the nodes have in their spools."""
        spool = self.nodes[0].data_dir / "tmp"
        return sum(path.stat().st_size for path in spool.iterdir())


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Two nodes of one store behind nginx; an object `front/large` is there."""
    limit = str(BODY_TIMEOUT_SECONDS)
    with store(
        tmp_path_factory.mktemp("store"),
        NODE_ID="node-1",
        BODY_TIMEOUT_SECONDS=limit,
        ANONYMOUS_ACCESS="write",
        TRUSTED_PROXIES="127.0.0.1",
    ) as first:
        second = first.twin("node-2")
        second.start()
        home, port = tmp_path_factory.mktemp("nginx"), free_port()
        started = nginx.start(home, port=port, nodes=[first.port, second.port])
        try:
            started.wait_until(f"http://127.0.0.1:{port}/readyz")
            running = Front(port, home, [first, second])
            made = running.ask("PUT", f"{OBJECTS}/large", body=random_body(LARGE))
            assert made.status == 201
            yield running
        finally:
            started.stop()
            second.kill()


@pytest.fixture
def wire(front: Front) -> Iterator[Wire]:
    """A connection to nginx."""
    with Wire(front.port) as connection:
        yield connection


def told(answer: Heard) -> dict[str, object]:
    parsed: dict[str, object] = json.loads(answer.body)
    return parsed


def answering(front: Front) -> str | None:
    """Return the node that answers now; None where nginx does in its place."""
    return front.ask("GET", "/healthz").headers.get("X-Node-Id")


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# Keys


@pytest.mark.parametrize("key", sorted({*ODD, *KEYS}))
def test_an_odd_key_passes_nginx_as_it_is(front: Front, key: str) -> None:
    path, body = f"{OBJECTS}/{quote(key)}", key.encode()

    assert told(front.ask("PUT", path, body=body))["key"] == key
    assert front.ask("GET", path).body == body
    with Wire(front.nodes[0].port) as node:
        assert node.ask("GET", path).hear().body == body
    parameter = f"{OBJECTS}?key={quote(key, safe='')}"
    assert front.ask("GET", parameter).body == body
    assert front.ask("DELETE", path).status == 200


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        ("a%2Fb", "a/b"),
        ("/a//b/", "/a//b/"),
        ("./a/..", "./a/.."),
        ("%2e%2e/a", "../a"),
        ("%25FF", "%FF"),
        ("a%0Ab", "a\nb"),
        ("a+b%2B", "a+b+"),
    ],
)
def test_nginx_neither_decodes_nor_tidies_a_path(
    front: Front, sent: str, key: str
) -> None:
    made = front.ask("PUT", f"{OBJECTS}/{sent}", body=b"x")

    assert told(made)["key"] == key


def test_a_byte_that_is_no_utf_8_reaches_the_node_that_refuses_it(
    front: Front,
) -> None:
    answer = front.ask("PUT", f"{OBJECTS}/%FF", body=b"x")

    assert (answer.status, told(answer)["code"]) == (400, "invalid_key")


@pytest.mark.parametrize("sent", ["%00", "100%zz", "../../../../x"])
def test_what_nginx_cannot_parse_it_refuses_itself(front: Front, sent: str) -> None:
    assert front.ask("GET", f"{OBJECTS}/{sent}").status == 400


def test_the_longest_key_fits(front: Front) -> None:
    key = "é" * 512

    made = front.ask("PUT", f"{OBJECTS}/{quote(key)}?", body=b"x")

    assert told(made)["key"] == key


# Bodies


def test_an_upload_streams_to_the_node_and_touches_no_file_of_nginx(
    front: Front, wire: Wire
) -> None:
    body = random_body(LARGE)
    wire.ask("PUT", f"{OBJECTS}/streamed", f"Content-Length: {LARGE}")
    wire.say(body[: LARGE // 2])

    # All but what lies in buffers is at the node, while the client still sends.
    wait_for(lambda: front.spooled() >= LARGE // 2 - 4 * MIB)
    assert front.temporary_files() == []
    wire.say(body[LARGE // 2 :])

    assert wire.hear().status == 201
    assert front.temporary_files() == []


def test_a_download_waits_for_a_slow_reader_in_memory_not_in_a_file(
    front: Front,
) -> None:
    with Wire(front.port, receive_buffer=64 * 1024) as wire:
        received = b""
        wire.ask("GET", f"{OBJECTS}/large")
        for _ in range(8):  # each pause is shorter than the node's patience
            time.sleep(BODY_TIMEOUT_SECONDS / 4)
            assert front.temporary_files() == []
            received += hear(wire, 2 * MIB)
        head, _, body = received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        body += hear(wire, LARGE - len(body))

    assert body == random_body(LARGE)


def hear(wire: Wire, size: int) -> bytes:
    """Read at least so much."""
    parts: list[bytes] = []
    while sum(map(len, parts)) < size:
        part = wire.hear_some()
        assert part, "the connection ended early"
        parts.append(part)
    return b"".join(parts)


def test_a_chunked_upload_passes(front: Front, wire: Wire) -> None:
    wire.ask("PUT", f"{OBJECTS}/chunked", "Transfer-Encoding: chunked")
    for part in (b"one ", b"two"):
        wire.say(f"{len(part):x}\r\n".encode() + part + b"\r\n")
    made = wire.say(b"0\r\n\r\n").hear()

    assert (made.status, told(made)["size"]) == (201, 7)
    assert front.ask("GET", f"{OBJECTS}/chunked").body == b"one two"


def test_a_client_that_waits_for_100_continue_gets_it(wire: Wire) -> None:
    wire.ask("PUT", f"{OBJECTS}/expected", "Expect: 100-continue", "Content-Length: 4")

    assert wire.hear().status == 100
    assert wire.say(b"body").hear().status == 201


def test_an_upload_that_is_cut_off_stores_nothing(front: Front) -> None:
    with Wire(front.port) as wire:
        wire.ask("PUT", f"{OBJECTS}/cut", f"Content-Length: {LARGE}")
        wire.say(random_body(8 * MIB))
        wait_for(lambda: front.spooled() > 0)

    wait_for(lambda: front.spooled() == 0)
    assert front.ask("GET", f"{OBJECTS}/cut").status == 404


def test_a_client_that_falls_silent_is_told_by_the_node(wire: Wire) -> None:
    wire.ask("PUT", f"{OBJECTS}/silent", "Content-Length: 100").say(b"some")

    answer = wire.hear()

    assert (answer.status, told(answer)["code"]) == (408, "body_stalled")


def test_a_body_that_is_not_wanted_is_answered_at_once(wire: Wire) -> None:
    headers = ("If-None-Match: *", f"Content-Length: {LARGE}")

    answer = wire.ask("PUT", f"{OBJECTS}/large", *headers).say(b"some").hear()

    assert told(answer)["code"] == "precondition_failed"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_hang_up_in_mid_download_frees_the_node(front: Front) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            wire = stack.enter_context(Wire(front.port, receive_buffer=64 * 1024))
            wire.ask("GET", f"{OBJECTS}/large").hear_some()
        wait_for(lambda: _open_objects(front) > 0)

    wait_for(lambda: _open_objects(front) == 0)
    assert front.ask("GET", f"{OBJECTS}/large", "Range: bytes=0-0").status == 206


def _open_objects(front: Front) -> int:
    count = 0
    for node in front.nodes:
        for descriptor in Path(f"/proc/{node.worker}/fd").iterdir():
            with contextlib.suppress(OSError):
                count += "/objects/" in str(descriptor.readlink())
    return count


# What HTTP offers


def test_a_range_passes(front: Front) -> None:
    answer = front.ask("GET", f"{OBJECTS}/large", "Range: bytes=1000000-1000099")

    assert answer.status == 206
    assert answer.headers["Content-Range"] == f"bytes 1000000-1000099/{LARGE}"
    assert answer.body == random_body(LARGE)[1_000_000:1_000_100]


def test_conditions_pass(front: Front) -> None:
    etag = front.ask("HEAD", f"{OBJECTS}/large").headers["ETag"]

    unchanged = front.ask("GET", f"{OBJECTS}/large", f"If-None-Match: {etag}")
    refused = front.ask("PUT", f"{OBJECTS}/large", 'If-Match: "other"', body=b"x")

    assert (unchanged.status, unchanged.body) == (304, b"")
    assert refused.status == 412


def test_head_has_the_length_and_no_body(wire: Wire) -> None:
    answer = wire.ask("HEAD", f"{OBJECTS}/large").hear(to="HEAD")

    assert answer.headers["Content-Length"] == str(LARGE)
    assert wire.ask("GET", "/healthz").hear().status == 200  # nothing lay between


def test_metadata_and_headers_come_back(front: Front) -> None:
    sent = ("Cache-Control: max-age=60", "X-Object-Meta-Author: Ada")
    front.ask("PUT", f"{OBJECTS}/described", *sent, body=b"x")

    answer = front.ask("GET", f"{OBJECTS}/described")

    assert answer.headers["Cache-Control"] == "max-age=60"
    assert answer.headers["X-Object-Meta-Author"] == "Ada"


def test_the_log_names_the_node_and_its_request_id(front: Front) -> None:
    answer = front.ask("GET", f"{OBJECTS}/large", "Range: bytes=0-0")

    request_id = answer.headers["X-Request-Id"]
    log = front.home / "access.log"
    wait_for(lambda: request_id in log.read_text())
    [line] = [line for line in log.read_text().splitlines() if request_id in line]
    ports = {node.port: f"node-{n}" for n, node in enumerate(front.nodes, start=1)}
    [port] = [port for port in ports if f"node=127.0.0.1:{port} " in line]
    assert answer.headers["X-Node-Id"] == ports[port]


def test_the_nodes_learn_of_the_client_and_not_what_it_claims(front: Front) -> None:
    claimed = ("X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: evil.example")
    with Wire(front.port, source="127.0.0.5") as wire:
        put = wire.ask("PUT", f"{OBJECTS}/address", *claimed, body=b"x").hear()

    assert put.status == 201
    told = front.nodes[0].manage("audit", "--address", "127.0.0.5").stdout
    assert "front/address" in told


# Nodes that go away


def test_another_node_answers_for_one_that_is_down(front: Front) -> None:
    down, up = front.nodes
    down.kill()
    try:
        for number in range(12):
            key = f"{OBJECTS}/failover-{number}"
            assert front.ask("PUT", key, body=b"x").status == 201
            answer = front.ask("GET", key)
            assert (answer.status, answer.headers["X-Node-Id"]) == (200, "node-2")
        large = front.ask("PUT", f"{OBJECTS}/failover", body=random_body(LARGE))
        assert large.status == 201
        up.kill()
        for method in ("GET", "PUT", "DELETE"):
            answer = front.ask(method, f"{OBJECTS}/large")
            assert (answer.status, told(answer)["code"]) == (503, "node_unavailable")
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.headers["Retry-After"] == "2"
    finally:
        for node in front.nodes:
            node.start()
    wait_for(lambda: answering(front) == "node-1")
    wait_for(lambda: answering(front) == "node-2")
