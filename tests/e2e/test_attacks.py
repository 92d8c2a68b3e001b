"""What attackers send over a raw socket, and what each of them gets."""

import contextlib
import json
import time
from collections.abc import Iterator

import pytest

from tests.e2e.attacked import (
    OBJECTS,
    PATIENCE,
    PRECIOUS,
    assert_untouched,
    attacked,
    seconds_for_an_answer,
)
from tests.e2e.test_wire import code
from tests.e2e.wire import Heard, Wire
from tests.servers.store import Server

pytestmark = [pytest.mark.e2e, pytest.mark.once]

SMUGGLED = f"DELETE {PRECIOUS} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with attacked(tmp_path_factory.mktemp("store")) as running:
        yield running


def answers(server: Server, sent: bytes) -> list[int]:
    """Return the statuses of all the answers to these bytes, until the connection ends
    or nothing more comes."""
    statuses: list[int] = []
    with Wire(server.port, seconds=PATIENCE + 3) as wire:
        with contextlib.suppress(OSError):  # it has answered and left already
            wire.say(sent).finish()
        with contextlib.suppress(AssertionError, TimeoutError, ConnectionError):
            while True:
                statuses.append(wire.hear().status)
    return statuses


# Smuggling: a front and this server would disagree on where a request ends. Whoever
# tries gets one refusal and a closed connection, so nothing behind it is a request.


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked\x0b",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding:\r\n chunked",
        "Transfer_Encoding: chunked\r\nContent-Length : 5",
        "X: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 5",
        "X: a\nTransfer-Encoding: chunked\r\nContent-Length: 5",
        "X: a\rTransfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 99",
        "Content-Length: 5, 5",
        "Content-Length: -5",
        "Content-Length: +5",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length: 5_0",
        "Content-Length: ²",
        "Content-Length: 99999999999999999999",
        "Content-Length: ",
        ": nameless\r\nContent-Length: 5",
        "no colon\r\nContent-Length: 5",
    ],
)
def test_an_ambiguous_length_is_refused_and_ends_the_connection(
    server: Server, framing: str
) -> None:
    head = f"PUT {OBJECTS}/new HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n"
    body = b"0\r\n\r\n" if "chunked" in framing else b"12345"

    heard = answers(server, head.encode("latin-1") + body + SMUGGLED)

    assert len(heard) == 1
    assert heard[0] in {400, 501}
    assert_untouched(server)


@pytest.mark.parametrize(
    "body",
    [
        b"-1\r\n",
        b"+1\r\n1\r\n0\r\n\r\n",
        b"0x1\r\n1\r\n0\r\n\r\n",
        b"1_0\r\n0123456789012345\r\n0\r\n\r\n",
        b" 1\r\n1\r\n0\r\n\r\n",
        b"\r\n1\r\n0\r\n\r\n",
        b"1\n1\n0\n\n",
        b"1;\n\r\n1\r\n0\r\n\r\n",
        b"1;a\rb\r\n1\r\n0\r\n\r\n",
        b"1;" + b"a" * 70_000 + b"\r\n1\r\n0\r\n\r\n",
        b"ffffffffffffffffffffffff\r\n1\r\n0\r\n\r\n",
        b"1\r\n12\r\n0\r\n\r\n",
        b"0\r\nContent-Length: 9\r\n\r\n",
        b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"0\r\nHost: evil.example\r\n\r\n",
        b"0\r\nX: a\n\r\n",
        b"0\r\n" + b"X: a\r\n" * 200_000 + b"\r\n",
    ],
)
def test_malformed_chunks_and_trailers_are_refused_and_end_the_connection(
    server: Server, body: bytes
) -> None:
    head = f"PUT {OBJECTS}/new HTTP/1.1\r\nHost: localhost\r\n"
    head += "Transfer-Encoding: chunked\r\n\r\n"

    heard = answers(server, head.encode() + body + SMUGGLED)

    assert heard == [400]
    assert_untouched(server)


def test_trailers_are_dropped_and_extensions_ignored(server: Server) -> None:
    """They get nothing: neither becomes a header or a part of the body."""
    with Wire(server.port) as wire:
        wire.ask("PUT", f"{OBJECTS}/trailed", "Transfer-Encoding: chunked")
        wire.say(b"5;x=y;z\r\nHello\r\n0\r\nX-Object-Meta-A: b\r\n\r\n")
        assert wire.hear().status in {200, 201}
        heard = wire.ask("GET", f"{OBJECTS}/trailed").hear()
        assert heard.body == b"Hello"
        assert "X-Object-Meta-A" not in heard.headers


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "http/1.1"])
def test_chunks_of_another_version_are_no_request(server: Server, version: str) -> None:
    head = f"PUT {OBJECTS}/new {version}\r\nHost: localhost\r\n"

    heard = answers(
        server, f"{head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode() + SMUGGLED
    )

    assert heard == [400]
    assert_untouched(server)


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("PUT", "/nowhere", 404),
        ("POST", PRECIOUS, 405),
        ("GET", f"{OBJECTS}/none", 404),
        ("PUT", "/buckets/NO/objects/a", 400),
        ("HEAD", PRECIOUS, 200),
    ],
)
def test_a_body_nobody_reads_is_no_request(
    server: Server, method: str, target: str, status: int
) -> None:
    """It is thrown away with the answer; what follows it is the next request."""
    with Wire(server.port) as wire:
        wire.ask(method, target, body=SMUGGLED).ask("GET", PRECIOUS)

        assert wire.hear(to=method).status == status
        assert wire.hear().body == b"still here"


# Heads


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("X: " + "a" * 8_200, 431),
        ("a" * 8_200 + ": b", 431),
        ("\r\n".join(f"X-{n}: a" for n in range(101)), 431),
        ("\r\n".join("X: " + "a" * 8_000 for _ in range(12)), 431),
        ("X: a\x00b", 400),
        ("X\x00: b", 400),
        ("X y: b", 400),
    ],
)
def test_an_oversized_or_odd_header_is_refused(
    server: Server, head: str, status: int
) -> None:
    sent = f"GET /healthz HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n"

    assert answers(server, sent.encode("latin-1")) == [status]


def test_a_request_line_without_end_is_refused(server: Server) -> None:
    assert answers(server, b"GET /" + b"a" * 100_000) == [414]


def test_a_head_without_end_is_refused_before_it_fills_the_memory(
    server: Server,
) -> None:
    with Wire(server.port) as wire:
        wire.say(b"GET /healthz HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(200):
                wire.say(b"X: " + b"a" * 1000 + b"\r\n")
        with contextlib.suppress(ConnectionError):
            assert wire.hear().status == 431


@pytest.mark.alone
def test_a_head_that_drips_is_dropped(server: Server) -> None:
    """It gets as long as a silent client, however busy it is."""
    with Wire(server.port) as wire:
        started = time.monotonic()
        with contextlib.suppress(ConnectionError):
            for byte in b"GET /healthz HTTP/1.1\r\nX-Drip: " + b"a" * 600:
                wire.say(bytes([byte]))
                time.sleep(0.02)
        assert time.monotonic() - started < PATIENCE + 3


def test_thirty_unfinished_heads_keep_nobody_out(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(Wire(server.port)).say(b"GET / HTTP/1.1\r\nHost: lo")
        assert seconds_for_an_answer(server) < 2


# The host: DNS rebinding brings a victim's browser here under another name.


@pytest.mark.parametrize(
    "host",
    [
        "Host: evil.example",
        "Host: localhost.evil.example",
        "Host: localhost@evil.example",
        "Host: evil.example:8080",
        "Host: ",
        "Host: localhost, evil.example",
        "Host: [::1",
        "X: no host at all",
    ],
)
def test_another_host_is_refused(server: Server, host: str) -> None:
    with Wire(server.port) as wire:
        heard = wire.say(f"GET /objects HTTP/1.1\r\n{host}\r\n\r\n".encode()).hear()
        assert (heard.status, code(heard)) == (400, "bad_host")


def test_two_hosts_are_refused(server: Server) -> None:
    hosts = b"Host: localhost\r\nHost: evil.example\r\n\r\n"

    assert answers(server, b"GET /objects HTTP/1.1\r\n" + hosts) == [400]


def test_a_host_in_the_target_counts_for_nothing(server: Server) -> None:
    """It is no path of the store, and does not stand in for the header."""
    for target, host in (
        ("http://localhost/objects", "evil.example"),
        ("http://evil.example/objects", "localhost"),
        ("http://evil.example", "localhost"),
        ("//evil.example/objects", "localhost"),
    ):
        sent = f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        with Wire(server.port) as wire:
            heard = wire.say(sent.encode()).hear()
            assert heard.status in {200, 302, 400, 404}
            assert b"evil.example" not in heard.body
            assert "evil.example" not in heard.headers.get("Location", "")
            if host == "evil.example":
                assert code(heard) == "bad_host"


# Forwarded headers


FORGED = (
    "X-Forwarded-For: 198.51.100.1",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: store.example.com",
    "Forwarded: for=127.0.0.1;proto=https;host=store.example.com",
    "X-Real-IP: 127.0.0.1",
    "X_Forwarded_For: 127.0.0.1",
)


def redirected(server: Server, peer: str, *headers: str) -> Heard:
    """Ask for a page that is elsewhere, from this address."""
    with Wire(server.port, source=peer) as wire:
        return wire.ask("GET", "/objects", *headers).hear()


def test_forged_headers_change_nothing(server: Server) -> None:
    """A stranger that claims TLS, a host or an address gets what it would without."""
    with Wire(server.port) as wire:
        plain = wire.ask("GET", "/objects").hear()
        forged = wire.ask("GET", "/objects", *FORGED).hear()
    unknown = "X-Forwarded-Host: evil.example"

    assert json.loads(plain.body) == json.loads(forged.body)
    assert redirected(server, "127.0.0.1", unknown).status == 200
    assert redirected(server, "127.0.0.3", unknown).status == 200


def test_a_trusted_proxys_headers_count(server: Server) -> None:
    bad = redirected(server, "127.0.0.2", "X-Forwarded-Host: evil.example")
    good = redirected(server, "127.0.0.2", "X-Forwarded-Host: store.example.com")

    assert (bad.status, code(bad)) == (400, "bad_host")
    assert good.status == 200


def test_the_journal_names_the_address_a_trusted_proxy_saw_and_no_forged_one(
    server: Server,
) -> None:
    for peer, key in (("127.0.0.3", "forged"), ("127.0.0.2", "trusted")):
        with Wire(server.port, source=peer) as wire:
            # What stands left of the last address, the client wrote itself.
            said = "X-Forwarded-For: 192.0.2.1, 198.51.100.7"
            put = wire.ask("PUT", f"{OBJECTS}/{key}", said, body=b"x").hear()
            assert put.status == 201

    def keys(address: str) -> set[str]:
        told = server.manage("audit", "--address", address, "--operation", "put").stdout
        return {key for key in ("forged", "trusted") if f"/{key}" in told}

    assert keys("198.51.100.7") == {"trusted"}
    assert keys("127.0.0.3") == {"forged"}
    assert keys("192.0.2.1") == set()


@pytest.mark.parametrize(
    "header",
    [
        "X-Forwarded-For: " + "127.0.0.2, " * 700,
        "X-Forwarded-For: \xff\xfe",
        "X-Forwarded-For: ,,,,",
        "X-Forwarded-Proto: javascript",
        "X-Forwarded-Host: a b",
        "X-Forwarded-Host: " + "a" * 8000,
        "X-Forwarded-Port: 99999999",
    ],
)
def test_malformed_headers_of_a_trusted_proxy_are_ignored(
    server: Server, header: str
) -> None:
    assert redirected(server, "127.0.0.2", header).status == 200
