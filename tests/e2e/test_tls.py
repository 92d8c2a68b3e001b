"""HTTPS by gunicorn itself, with a certificate made for the test."""

import contextlib
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.blobs.bodies import random_body
from tests.e2e.test_wire import code
from tests.e2e.wire import Wire
from tests.servers.certificate import Certificate, make_certificate
from tests.servers.store import ROOT, THREADS, Server, store

pytestmark = pytest.mark.e2e

MIB = 1024 * 1024
OBJECTS = "/buckets/tls/objects"
SECONDS = 3.0  # how long this store is patient


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, certificate: Certificate
) -> Iterator[Server]:
    with store(
        tmp_path_factory.mktemp("store"),
        **certificate.variables,
        BODY_TIMEOUT_SECONDS=str(SECONDS),
    ) as running:
        yield running


@pytest.fixture
def wire(server: Server, certificate: Certificate) -> Iterator[Wire]:
    with Wire(server.port, tls=certificate.trusting()) as connection:
        yield connection


def ask_in_time(server: Server, certificate: Certificate) -> float:
    """Return how many seconds a newcomer waits for an answer."""
    started = time.monotonic()
    with Wire(server.port, tls=certificate.trusting()) as newcomer:
        assert newcomer.ask("GET", "/healthz").hear().status == 200
    return time.monotonic() - started


@pytest.mark.parametrize("size", [0, 5, 16 * 1024, 100_000, 8 * MIB])
def test_what_was_put_comes_back(wire: Wire, size: int) -> None:
    body = random_body(size)
    path = f"{OBJECTS}/whole-{size}"

    assert wire.ask("PUT", path, body=body).hear().status == 201
    assert wire.ask("GET", path).hear().body == body


def test_a_part_comes_back_as_it_was(wire: Wire) -> None:
    body = random_body(8 * MIB, seed=1)
    wire.ask("PUT", f"{OBJECTS}/part", body=body).hear()

    heard = wire.ask("GET", f"{OBJECTS}/part", "Range: bytes=100000-7000000").hear()

    assert (heard.status, heard.body) == (206, body[100_000:7_000_001])


def test_a_chunked_body_is_stored_whole(wire: Wire) -> None:
    body = random_body(100_000, seed=2)
    wire.ask("PUT", f"{OBJECTS}/chunked", "Transfer-Encoding: chunked")
    for start in range(0, len(body), 30_000):
        piece = body[start : start + 30_000]
        wire.say(b"%x\r\n%b\r\n" % (len(piece), piece))

    assert wire.say(b"0\r\n\r\n").hear().status == 201
    assert wire.ask("GET", f"{OBJECTS}/chunked").hear().body == body


def test_a_body_that_is_waited_for_is_asked_for(wire: Wire) -> None:
    wire.ask("PUT", f"{OBJECTS}/asked", "Expect: 100-continue", "Content-Length: 5")

    assert wire.hear().status == 100
    assert wire.say(b"12345").hear().status == 201


def test_pipelined_requests_within_one_record_are_all_answered(wire: Wire) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

    wire.say(request * 50)

    assert [wire.hear().status for _ in range(50)] == [200] * 50


def test_a_head_in_two_records_is_one_request(wire: Wire) -> None:
    wire.say(b"GET /healthz HTTP/1.1\r\nHost: loc")
    time.sleep(0.1)

    assert wire.say(b"alhost\r\n\r\n").hear().status == 200


def test_the_connection_ends_in_good_order(wire: Wire) -> None:
    """A client can tell the end from a cut only by TLS's own word for it."""
    assert wire.ask("GET", "/healthz", "Connection: close").hear().status == 200

    assert wire.closed()


@pytest.mark.once
def test_older_versions_than_1_2_are_refused(server: Server) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")

    with pytest.raises(ssl.SSLError, match="alert"):
        Wire(server.port, tls=context)


@pytest.mark.once
def test_version_1_2_is_taken(server: Server, certificate: Certificate) -> None:
    context = certificate.trusting()
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    with Wire(server.port, tls=context) as wire:
        assert wire.ask("GET", "/healthz").hear().status == 200


@pytest.mark.once
def test_plain_http_is_told_so_at_once(server: Server) -> None:
    with Wire(server.port, seconds=5) as wire:
        heard = wire.ask("GET", "/healthz").hear()

        assert (heard.status, heard.body) == (400, b"This port speaks HTTPS.\n")
        assert wire.closed()


@pytest.mark.once
@pytest.mark.alone
@pytest.mark.parametrize(
    "said", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00", b"\x00" * 40, b"SSH-2.0"]
)
def test_thirty_handshakes_that_do_not_go_on_keep_nobody_out(
    server: Server, certificate: Certificate, said: bytes
) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(Wire(server.port)).say(said)

        assert ask_in_time(server, certificate) < 2


@pytest.mark.once
def test_a_handshake_that_does_not_go_on_is_given_up(server: Server) -> None:
    with Wire(server.port) as wire:
        wire.say(b"\x16\x03\x01\x02\x00\x01\x00")
        started = time.monotonic()
        with contextlib.suppress(ConnectionResetError):
            while wire.hear_some():
                pass

        assert SECONDS - 0.5 < time.monotonic() - started < 10


@pytest.mark.once
@pytest.mark.alone
def test_stalled_bodies_keep_two_threads_free_over_tls_too(
    server: Server, certificate: Certificate
) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            wire = Wire(server.port, tls=certificate.trusting())
            stack.enter_context(wire)
            wire.ask("PUT", f"{OBJECTS}/hog", "Content-Length: 9").say(b"1234")

        assert ask_in_time(server, certificate) < 2


@pytest.mark.once
def test_a_silent_body_is_given_up(wire: Wire) -> None:
    started = time.monotonic()
    wire.ask("PUT", f"{OBJECTS}/silent", f"Content-Length: {MIB}").say(b"some")

    assert code(wire.hear()) == "body_stalled"
    assert SECONDS <= time.monotonic() - started < 10


def test_a_reader_that_stops_is_dropped(
    server: Server, certificate: Certificate, wire: Wire
) -> None:
    wire.ask("PUT", f"{OBJECTS}/large", body=random_body(8 * MIB, seed=3)).hear()
    with contextlib.ExitStack() as stack:
        for _ in range(THREADS):
            reader = Wire(server.port, receive_buffer=4096, tls=certificate.trusting())
            stack.enter_context(reader).ask("GET", f"{OBJECTS}/large")
        time.sleep(0.2)

        assert ask_in_time(server, certificate) < 2 * SECONDS + 2


@pytest.mark.alone
def test_a_client_that_vanishes_in_mid_download_leaves_no_trace(
    server: Server, certificate: Certificate, wire: Wire
) -> None:
    wire.ask("PUT", f"{OBJECTS}/left", body=random_body(8 * MIB, seed=4)).hear()
    with Wire(server.port, tls=certificate.trusting()) as reader:
        reader.ask("GET", f"{OBJECTS}/left").hear_some()

    assert ask_in_time(server, certificate) < 2
    assert "Traceback" not in server.log.read_text()


@pytest.mark.once
def test_a_renewed_certificate_is_read_on_sighup(tmp_path: Path) -> None:
    first = make_certificate(tmp_path)
    (tmp_path / "store").mkdir()
    with store(tmp_path / "store", **first.variables) as server:
        second = make_certificate(tmp_path)
        os.kill(server.pid, signal.SIGHUP)
        deadline = time.monotonic() + 20
        while not _serves(server, second):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def _serves(server: Server, certificate: Certificate) -> bool:
    try:
        with Wire(server.port, tls=certificate.trusting()) as wire:
            return wire.ask("GET", "/healthz").hear().status == 200
    except (ssl.SSLError, ConnectionError, AssertionError):
        return False


@pytest.mark.once
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"TLS_KEY": ""}, "TLS_CERTIFICATE and TLS_KEY go together: set both"),
        ({"TLS_KEY": "/nowhere"}, "TLS_KEY cannot be read (No such file"),
        ({"TLS_CERTIFICATE": "/"}, "TLS_CERTIFICATE cannot be read (Is a directory"),
        ({"TLS_KEY": "manage.py"}, "TLS_CERTIFICATE and TLS_KEY must be a certificate"),
    ],
)
def test_files_that_cannot_be_used_are_one_sentence_at_the_start(
    tmp_path: Path, certificate: Certificate, change: dict[str, str], sentence: str
) -> None:
    variables = Server(tmp_path, certificate.variables | change).variables
    refused = subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", "objectstore/gunicorn.py"],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert refused.returncode != 0
    [said] = refused.stderr.splitlines()
    assert said.startswith(f"objectstore: {sentence}")


@pytest.mark.once
def test_another_keys_certificate_is_refused(
    tmp_path: Path, certificate: Certificate
) -> None:
    other = make_certificate(tmp_path, "other")
    variables = Server(tmp_path, {**certificate.variables, "TLS_KEY": str(other.key)})

    refused = variables.manage("serve")

    assert refused.returncode != 0
    assert "must be a certificate and its unencrypted key" in refused.stderr
    assert "Traceback" not in refused.stderr
