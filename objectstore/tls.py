"""TLS by gunicorn, for a store without a proxy in front (TLS_CERTIFICATE, TLS_KEY)."""

import contextlib
import select
import socket
import ssl
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

_USE_HTTPS = b"This port speaks HTTPS.\n"
_PLAIN_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(_USE_HTTPS), _USE_HTTPS)
)


def load(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what connections are made with: TLS 1.2 and later, HTTP/1.1.

    One for all of them, so that a client can resume its session with any process.
    Raises ImproperlyConfigured with one sentence for files that cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    for name, path in (("TLS_CERTIFICATE", certificate), ("TLS_KEY", key)):
        try:
            path.read_bytes()
        except OSError as error:
            raise ImproperlyConfigured(
                f"{name} cannot be read ({error.strerror}): {path}"
            ) from None
    try:
        # A key with a passphrase would be asked for on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or "an encrypted key, or none"
        raise ImproperlyConfigured(
            "TLS_CERTIFICATE and TLS_KEY must be a certificate and its unencrypted key "
            f"in PEM ({str(reason).replace('_', ' ').lower()}): {certificate}, {key}"
        ) from None
    return context


def wrap(sock: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Take a connection over, which does not block from here on. Raises OSError."""
    sock.setblocking(False)
    return context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)


def shake_hands(sock: ssl.SSLSocket) -> int:
    """Go on with the handshake as far as it goes without waiting.

    Returns the epoll event to wait for, 0 when it is done. Raises OSError when there
    can be none; who speaks plain HTTP is told.
    """
    try:
        sock.do_handshake()
    except ssl.SSLWantReadError:
        return select.EPOLLIN
    except ssl.SSLWantWriteError:
        return select.EPOLLOUT
    except ssl.SSLError as error:
        if error.reason == "HTTP_REQUEST":
            with contextlib.suppress(OSError):
                socket.socket.send(sock, _PLAIN_ANSWER)
        raise
    return 0


def say_goodbye(sock: Any) -> None:
    """Tell a TLS client that no more follows, without waiting for its answer."""
    if isinstance(sock, ssl.SSLSocket):
        sock.setblocking(False)
        with contextlib.suppress(OSError, ValueError):
            sock.unwrap()
