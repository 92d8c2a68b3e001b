"""TLS step by step, over a pair of sockets."""

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from threading import BoundedSemaphore

import pytest
from cryptography.hazmat.primitives import serialization
from django.core.exceptions import ImproperlyConfigured
from gunicorn.config import Config
from gunicorn.http.parser import RequestParser

from objects_app.http.pace import Limits
from objectstore import tls
from objectstore.receiving import Receiver
from tests.servers.certificate import Certificate, make_certificate


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def pair(certificate: Certificate) -> Iterator[tuple[socket.socket, ssl.SSLSocket]]:
    """A client's plain socket and the server's end, before the handshake."""
    client, server = socket.socketpair()
    wrapped = tls.wrap(server, tls.load(*certificate))
    yield client, wrapped
    client.close()
    wrapped.close()


def connect(
    client: socket.socket, server: ssl.SSLSocket, certificate: Certificate
) -> ssl.SSLSocket:
    """Shake hands from both sides and return the client's end."""
    ends: list[ssl.SSLSocket] = []
    context = certificate.trusting()

    def shake() -> None:
        ends.append(context.wrap_socket(client, server_hostname="localhost"))

    shaking = threading.Thread(target=shake)
    shaking.start()
    while event := tls.shake_hands(server):
        assert event == select.EPOLLIN
        select.select([server], [], [], 5)
    shaking.join()
    server.settimeout(1)
    return ends[0]


def test_a_handshake_waits_for_nothing(
    pair: tuple[socket.socket, ssl.SSLSocket],
) -> None:
    client, server = pair
    assert tls.shake_hands(server) == select.EPOLLIN
    client.sendall(b"\x16\x03\x01\x02\x00\x01")
    assert tls.shake_hands(server) == select.EPOLLIN


def test_plain_http_is_answered_in_plain_words(
    pair: tuple[socket.socket, ssl.SSLSocket],
) -> None:
    client, server = pair
    client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    with pytest.raises(ssl.SSLError):
        tls.shake_hands(server)
    assert b"This port speaks HTTPS" in client.recv(1000)


def test_heads_and_bodies_are_read_as_without_tls(
    pair: tuple[socket.socket, ssl.SSLSocket], certificate: Certificate
) -> None:
    end = connect(*pair, certificate)
    server = pair[1]
    parser = RequestParser(Config(), server, ("127.0.0.1", 1))
    receiver = parser.unreader = Receiver(server, Limits(1, 0, BoundedSemaphore(1)))

    assert not receiver.has_head()
    end.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Le")
    assert not receiver.has_head()
    end.sendall(b"ngth: 20000\r\n\r\n" + bytes(10_000))
    assert receiver.has_head()
    body = next(parser).body
    receiver.begin()
    late = threading.Timer(0.05, end.sendall, (bytes(10_000) + b"GET",))
    late.start()
    assert body.read(20_000) == bytes(20_000)
    late.join()
    assert receiver.holds_more()
    receiver.end()
    end.close()


def test_a_client_learns_of_the_end(
    pair: tuple[socket.socket, ssl.SSLSocket], certificate: Certificate
) -> None:
    end = connect(*pair, certificate)
    # Without the server's word for it, its end would be an error.
    setattr(end, "suppress_ragged_eofs", False)  # noqa: B010 typeshed has it not

    tls.say_goodbye(pair[1])

    assert end.recv(1) == b""
    end.close()


def test_goodbye_is_for_tls_and_may_come_too_late(
    pair: tuple[socket.socket, ssl.SSLSocket],
) -> None:
    client, server = pair
    tls.say_goodbye(client)
    tls.say_goodbye(server)  # there was no handshake yet
    client.sendall(b"open still")


def test_a_key_with_a_passphrase_is_refused_and_nobody_asked_for_it(
    tmp_path: Path, certificate: Certificate
) -> None:
    key = serialization.load_pem_private_key(certificate.key.read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )

    with pytest.raises(ImproperlyConfigured, match="its unencrypted key in PEM"):
        tls.load(certificate.certificate, locked)


def test_nothing_older_than_1_2(certificate: Certificate) -> None:
    context = tls.load(*certificate)

    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
