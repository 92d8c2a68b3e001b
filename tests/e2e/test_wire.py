"""What happens on the wire: framing, keep-alive, silence, broken bodies."""

import json
import select
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.blobs.bodies import digest, random_body
from tests.e2e.conftest import BODY_TIMEOUT_SECONDS, MAX_UPLOAD_BYTES
from tests.e2e.wire import Heard, Wire
from tests.servers.store import THREADS, Server

pytestmark = pytest.mark.e2e

MIB = 1024 * 1024
OBJECTS = "/buckets/wire/objects"


def put(wire: Wire, key: str, body: bytes) -> Heard:
    heard = wire.ask("PUT", f"{OBJECTS}/{key}", body=body).hear()
    assert heard.status in {200, 201}
    return heard


def code(heard: Heard) -> str:
    assert heard.headers["Content-Type"] == "application/problem+json"
    told: str = json.loads(heard.body)["code"]
    return told


def assert_not_there(server: Server, key: str) -> None:
    with Wire(server.port) as other:
        assert other.ask("GET", f"{OBJECTS}/{key}").hear().status == 404


def spools(server: Server) -> list[Path]:
    return list((server.data_dir / "tmp").iterdir())


def test_a_chunked_body_is_stored_whole(wire: Wire) -> None:
    body = random_body(300_000)
    wire.say(f"PUT {OBJECTS}/chunked HTTP/1.1\r\nHost: localhost\r\n".encode())
    wire.say(b"Transfer-Encoding: chunked\r\n\r\n")
    for start in range(0, len(body), 70_001):
        piece = body[start : start + 70_001]
        wire.say(b"%x;name=value\r\n%b\r\n" % (len(piece), piece))
    wire.say(b"0\r\nX-After: all\r\n\r\n")
    heard = wire.hear()
    assert (heard.status, json.loads(heard.body)["size"]) == (201, len(body))
    assert wire.ask("GET", f"{OBJECTS}/chunked").hear().body == body


def test_a_client_that_asks_first_is_told_to_continue(wire: Wire) -> None:
    wire.ask("PUT", f"{OBJECTS}/expected", "Expect: 100-continue", "Content-Length: 5")
    assert wire.hear().status == 100
    assert wire.say(b"12345").hear().status == 201
    assert wire.ask("GET", f"{OBJECTS}/expected").hear().body == b"12345"


@pytest.mark.parametrize(
    "framing", ["Content-Length: 0", "Transfer-Encoding: chunked", "X-No-Body: at all"]
)
def test_no_bytes_are_an_object_too(wire: Wire, framing: str) -> None:
    key = f"{OBJECTS}/empty-{framing[0]}"
    wire.ask("PUT", key, framing)
    if "chunked" in framing:
        wire.say(b"0\r\n\r\n")
    assert wire.hear().status == 201
    heard = wire.ask("GET", key).hear()
    assert (heard.status, heard.body) == (200, b"")


@pytest.mark.parametrize("size", [10, 3 * MIB])
def test_a_body_that_ends_early_stores_nothing_and_ends_the_connection(
    server: Server, wire: Wire, size: int
) -> None:
    wire.ask("PUT", f"{OBJECTS}/short", f"Content-Length: {size + 1}")
    heard = wire.say(bytes(size)).finish().hear()
    assert (heard.status, code(heard)) == (400, "incomplete_body")
    assert wire.closed()
    assert_not_there(server, "short")
    assert spools(server) == []


@pytest.mark.parametrize(
    "sent", [b"5\r\n123", b"5\r\n12345\r\n", b"zz\r\n", b"5\r\n1234567\r\n0\r\n\r\n"]
)
def test_broken_chunks_store_nothing_and_end_the_connection(
    server: Server, wire: Wire, sent: bytes
) -> None:
    wire.ask("PUT", f"{OBJECTS}/broken", "Transfer-Encoding: chunked")
    heard = wire.say(sent).finish().hear()
    assert (heard.status, code(heard)) == (400, "incomplete_body")
    assert wire.closed()
    assert_not_there(server, "broken")


def test_a_client_that_vanishes_in_mid_upload_leaves_nothing(server: Server) -> None:
    with Wire(server.port) as wire:
        wire.ask("PUT", f"{OBJECTS}/vanished", f"Content-Length: {4 * MIB}")
        wire.say(bytes(2 * MIB))
    deadline = time.monotonic() + 5
    while spools(server) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert spools(server) == []
    assert_not_there(server, "vanished")


@pytest.mark.once
@pytest.mark.parametrize(
    "framing", [f"Content-Length: {3 * MIB}", "Transfer-Encoding: chunked"]
)
def test_a_body_that_stalls_is_408_and_stores_nothing(
    server: Server, wire: Wire, framing: str
) -> None:
    wire.ask("PUT", f"{OBJECTS}/stalled", framing)
    started = time.monotonic()
    sent = bytes(2 * MIB)
    wire.say(sent if "Length" in framing else b"%x\r\n%b" % (3 * MIB, sent))
    heard = wire.hear()
    assert (heard.status, code(heard)) == (408, "body_stalled")
    assert wire.closed()
    assert BODY_TIMEOUT_SECONDS <= time.monotonic() - started < 8
    assert_not_there(server, "stalled")
    assert spools(server) == []


@pytest.mark.once
def test_of_stalled_bodies_two_threads_are_kept_free(server: Server) -> None:
    wires = [Wire(server.port) for _ in range(THREADS)]
    for wire in wires:
        wire.ask("PUT", f"{OBJECTS}/hog", "Content-Length: 9").say(b"1234")
    started = time.monotonic()
    with Wire(server.port) as other:
        assert other.ask("GET", "/healthz").hear().status == 200
    assert time.monotonic() - started < 8
    heard = [wire.hear() for wire in wires]
    assert sorted(code(answer) for answer in heard) == [
        *["body_stalled"] * (THREADS - 2),
        *["too_many_uploads"] * 2,
    ]
    for wire in wires:
        wire.__exit__(None, None, None)


@pytest.mark.once
def test_unfinished_heads_keep_no_thread_and_are_dropped(server: Server) -> None:
    wires = [Wire(server.port) for _ in range(THREADS)]
    for wire in wires:
        wire.say(b"GET /healthz HTTP/1.1\r\nHost: local")
    started = time.monotonic()
    with Wire(server.port) as other:
        assert other.ask("GET", "/healthz").hear().status == 200
    assert time.monotonic() - started < 8
    for wire in wires:
        assert wire.closed()
        wire.__exit__(None, None, None)


@pytest.mark.alone
def test_a_reader_that_stops_reading_is_dropped_and_frees_its_thread(
    server: Server, wire: Wire
) -> None:
    put(wire, "big", random_body(5 * MIB))
    readers = [
        Wire(server.port, receive_buffer=4096, seconds=5) for _ in range(THREADS)
    ]
    for reader in readers:
        reader.ask("GET", f"{OBJECTS}/big")
    for reader in readers:  # each has a thread, and begins to be impatient
        assert select.select([reader], [], [], 30)[0]
    started = time.monotonic()
    with Wire(server.port) as other:
        assert other.ask("GET", "/healthz").hear().status == 200
    assert time.monotonic() - started < 10
    time.sleep(2 * BODY_TIMEOUT_SECONDS)  # for the one that came last, too
    for reader in readers:
        received = 0
        try:
            while data := reader.hear_some():
                received += len(data)
        except (ConnectionResetError, TimeoutError):
            pass  # the kernel asks ever more rarely for room to send what it still has
        assert received < 5 * MIB
        reader.__exit__(None, None, None)


def test_a_slow_but_steady_reader_gets_everything(server: Server, wire: Wire) -> None:
    body = random_body(5 * MIB, seed=2)
    put(wire, "steady", body)
    with Wire(server.port, receive_buffer=65536) as reader:
        reader.ask("GET", f"{OBJECTS}/steady")
        received = b""
        while len(received) < 5 * MIB:
            received += reader.hear_some()
            if len(received) % 7 == 0:
                time.sleep(0.01)
        assert received.endswith(body[-1000:])


@pytest.mark.parametrize("chunked", [False, True])
def test_the_limit_is_taken_and_not_a_byte_more(
    server: Server, wire: Wire, chunked: bool
) -> None:
    body = random_body(MAX_UPLOAD_BYTES)

    def send(wire: Wire, key: str, body: bytes) -> Heard:
        if not chunked:
            return wire.ask("PUT", f"{OBJECTS}/{key}", body=body).hear()
        wire.ask("PUT", f"{OBJECTS}/{key}", "Transfer-Encoding: chunked")
        return wire.say(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)).hear()

    assert send(wire, f"limit-{chunked}", body).status == 201
    assert wire.ask("GET", f"{OBJECTS}/limit-{chunked}").hear().body == body
    key = f"beyond-{chunked}"
    with Wire(server.port) as other:
        refused: list[Heard] = []
        # It may answer and close before it has read everything.
        try:
            refused.append(send(other, key, body + b"!"))
        except (ConnectionResetError, BrokenPipeError):
            refused.append(other.hear())
        assert (refused[0].status, code(refused[0])) == (413, "body_too_large")
    assert_not_there(server, key)
    assert spools(server) == []


def test_after_413_nothing_of_the_body_is_taken_for_a_request(
    server: Server, wire: Wire
) -> None:
    smuggled = f"DELETE {OBJECTS}/precious HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    put(wire, "precious", b"still here")
    with Wire(server.port) as other:
        other.ask("PUT", f"{OBJECTS}/huge", f"Content-Length: {MAX_UPLOAD_BYTES + 1}")
        assert other.say(smuggled * 20).hear().status == 413
        try:
            other.finish()
            assert other.closed()
        except OSError:
            pass
    assert wire.ask("GET", f"{OBJECTS}/precious").hear().body == b"still here"


def test_a_refused_small_body_does_not_spoil_the_connection(wire: Wire) -> None:
    wire.ask("PUT", "/buckets/NO/objects/a", body=b"GET /healthz HTTP/1.1\r\n\r\n")
    assert code(wire.hear()) == "invalid_bucket_name"
    assert wire.ask("GET", "/healthz").hear().status == 200


def test_one_connection_serves_answers_of_every_kind(wire: Wire) -> None:
    etag = put(wire, "kept", b"0123456789").headers["ETag"]
    path = f"{OBJECTS}/kept"
    for _ in range(2):
        assert wire.ask("GET", path, f"If-None-Match: {etag}").hear().status == 304
        assert wire.ask("GET", path, "Range: bytes=99-").hear().status == 416
        assert wire.ask("GET", path, "Range: bytes=2-4").hear().body == b"234"
        assert wire.ask("GET", f"{OBJECTS}/none").hear().status == 404
        assert wire.ask("GET", path, 'If-Match: "x"').hear().status == 412
        assert wire.ask("POST", path, body=b"ignored").hear().status == 405
        assert wire.ask("HEAD", path).hear(to="HEAD").status == 200
        assert wire.ask("OPTIONS", path).hear().status == 204
        assert wire.ask("GET", path).hear().body == b"0123456789"


def test_pipelined_requests_are_answered_in_order(wire: Wire) -> None:
    put(wire, "one", b"1")
    put(wire, "two", b"2" * 100_000)
    for key in ("one", "two", "none", "one"):
        wire.ask("GET", f"{OBJECTS}/{key}")
    heard = [wire.hear() for _ in range(4)]
    assert [answer.status for answer in heard] == [200, 200, 404, 200]
    assert heard[1].body == b"2" * 100_000


@pytest.mark.parametrize(
    ("target", "status", "length"),
    [
        (f"{OBJECTS}/headed", 200, "100000"),
        (f"{OBJECTS}/none", 404, None),
        ("/buckets/none", 404, None),
        ("/nowhere", 404, None),
        ("/objects", 200, None),
        ("/healthz", 200, None),
    ],
)
def test_head_has_the_length_and_no_body(
    server: Server, wire: Wire, target: str, status: int, length: str | None
) -> None:
    put(wire, "headed", bytes(100_000))
    heard = wire.ask("HEAD", target).hear(to="HEAD")
    assert heard.status == status
    assert heard.headers["Content-Length"] == (
        length or heard.headers["Content-Length"]
    )
    assert int(heard.headers["Content-Length"]) > 0
    assert wire.ask("GET", "/healthz").hear().status == 200, "no byte in between"
    assert "no-body response" not in server.log.read_text()


def test_slices_that_leave_by_sendfile_are_the_slices_of_the_body(
    wire: Wire,
) -> None:
    body = random_body(5 * MIB, seed=1)
    put(wire, "sliced", body)
    path = f"{OBJECTS}/sliced"
    assert wire.ask("GET", path).hear().body == body
    for first, last in (
        (0, 0),
        (0, 65_535),
        (0, 65_536),
        (1, 5 * MIB - 2),
        (MIB - 1, MIB),
        (123_457, 3_456_789),
        (5 * MIB - 70_000, 5 * MIB - 1),
    ):
        heard = wire.ask("GET", path, f"Range: bytes={first}-{last}").hear()
        assert heard.status == 206
        assert heard.headers["Content-Range"] == f"bytes {first}-{last}/{5 * MIB}"
        assert heard.body == body[first : last + 1]


@pytest.mark.parametrize(
    "key", [".", "..", "a/../b", "a//b", "a\nb", "a b", "%", "+", "é", "😀", "/"]
)
def test_odd_keys_survive_the_real_server(wire: Wire, key: str) -> None:
    target = f"{OBJECTS}/{quote(key)}"
    body = key.encode()
    heard = wire.ask("PUT", target, body=body).hear()
    assert json.loads(heard.body)["key"] == key
    assert wire.ask("GET", target).hear().body == body
    by_parameter = f"{OBJECTS}?key={quote(key, safe='')}"
    assert wire.ask("GET", by_parameter).hear().body == body
    assert wire.ask("DELETE", target).hear().status == 200


@pytest.mark.parametrize("encoded", ["%FF", "%00", "%C3%28", "a%00b"])
def test_what_is_no_key_is_400_through_the_real_server(
    wire: Wire, encoded: str
) -> None:
    heard = wire.ask("PUT", f"{OBJECTS}/{encoded}", body=b"x").hear()
    assert (heard.status, code(heard)) == (400, "invalid_key")


def test_the_longest_key_fits_the_request_line(wire: Wire) -> None:
    key = "é" * 512
    heard = wire.ask("PUT", f"{OBJECTS}/{quote(key)}", body=b"long").hear()
    assert json.loads(heard.body)["key"] == key
    twice = f"{OBJECTS}?key={quote(key)}"
    assert wire.ask("GET", twice).hear().body == b"long"


def test_of_many_racing_creators_exactly_one_wins(server: Server) -> None:
    start = threading.Barrier(8)

    def create(number: int) -> tuple[int, bytes]:
        body = f"creator {number}".encode()
        with Wire(server.port) as wire:
            start.wait()
            target = f"{OBJECTS}/raced"
            heard = wire.ask("PUT", target, "If-None-Match: *", body=body).hear()
            return heard.status, body

    with ThreadPoolExecutor(8) as pool:
        ended = list(pool.map(create, range(8)))
    assert sorted(status for status, _ in ended) == [201] + [412] * 7
    [winner] = [body for status, body in ended if status == 201]
    with Wire(server.port) as wire:
        assert wire.ask("GET", f"{OBJECTS}/raced").hear().body == winner


def test_the_host_is_checked(wire: Wire) -> None:
    wire.say(b"GET /objects HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    assert code(wire.hear()) == "bad_host"


def test_every_answer_names_node_and_request(wire: Wire) -> None:
    heard = put(wire, "named", b"x")
    assert heard.headers["X-Node-Id"] == "node-e2e"
    assert len(heard.headers["X-Request-Id"]) == 32
    assert heard.headers["ETag"] == f'"{digest(b"x")}"'
