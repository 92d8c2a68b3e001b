"""A client of the data plane, in this process and without Django's own test client.

Django's client goes through the console's handler and decodes paths itself, so neither
the short middleware list nor a key's raw bytes would be tested.
"""

import importlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection
from django.utils.datastructures import CaseInsensitiveMapping

_ONCE_ONLY = {"content-length", "content-type", "etag", "last-modified", "location"}


class Readable(Protocol):
    """A body that is read as it is needed."""

    def read(self, size: int, /) -> bytes: ...


class _Input:
    """A body as PEP 3333 wants it; Django looks for `readline`, nobody calls it."""

    def __init__(self, body: Readable) -> None:
        self.read = body.read

    def readline(self, size: int = -1, /) -> bytes:
        raise NotImplementedError


@dataclass(frozen=True)
class Answer:
    """One response, read to its end and closed."""

    status: int
    headers: CaseInsensitiveMapping[str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON; fails on anything else."""
        return json.loads(self.body)


class DataPlane:
    """Calls `objectstore.wsgi.application` as gunicorn would.

    It is imported when first called: by then Django is set up.
    """

    def get(self, target: str, **options: Any) -> Answer:
        """Send GET; the options are `request`'s."""
        return self.request("GET", target, **options)

    def head(self, target: str, **options: Any) -> Answer:
        """Send HEAD; the options are `request`'s."""
        return self.request("HEAD", target, **options)

    def put(self, target: str, body: bytes | Readable = b"", **options: Any) -> Answer:
        """Send PUT; the options are `request`'s."""
        return self.request("PUT", target, body=body, **options)

    def delete(self, target: str, **options: Any) -> Answer:
        """Send DELETE; the options are `request`'s."""
        return self.request("DELETE", target, **options)

    def request(
        self,
        method: str,
        target: str,
        *,
        body: bytes | Readable | None = None,
        headers: Mapping[str, str] | None = None,
        chunked: bool = False,
        environ: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Send a request and return the answer, after checking its framing.

        `target` is what stands on the request line, percent-encoded by the caller. The
        length of a `body` in bytes is declared unless it is `chunked` or a header says
        otherwise. `environ` goes over everything else, REMOTE_ADDR for instance.
        """
        sent = _environ(method, target, body, chunked=chunked)
        sent |= dict(_header_variables(headers or {}))
        return _call(sent | dict(environ or {}))


def _environ(
    method: str, target: str, body: bytes | Readable | None, *, chunked: bool
) -> dict[str, Any]:
    path, _, query = target.partition("?")
    stream = io.BytesIO(body or b"") if isinstance(body, bytes | None) else _Input(body)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": target,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "testserver",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": stream,
        "wsgi.input_terminated": True,
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if chunked:
        environ["HTTP_TRANSFER_ENCODING"] = "chunked"
    elif isinstance(body, bytes):
        environ["CONTENT_LENGTH"] = str(len(body))
    return environ


def _header_variables(headers: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for name, value in headers.items():
        variable = name.upper().replace("-", "_")
        if variable not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            variable = f"HTTP_{variable}"
        yield variable, value.encode().decode("latin-1")


def _call(environ: dict[str, Any]) -> Answer:
    application = importlib.import_module("objectstore.wsgi").application
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: object = None, /
    ) -> Any:
        started.append((status, headers))

    with connection_kept():
        chunks = application(environ, start_response)
        try:
            body = b"".join(chunks)
        finally:
            if (close := getattr(chunks, "close", None)) is not None:
                close()
    [(status, headers)] = started
    _check_framing(environ["REQUEST_METHOD"], int(status[:3]), headers, body)
    return Answer(int(status[:3]), CaseInsensitiveMapping(headers), body)


@contextmanager
def connection_kept() -> Iterator[None]:
    """Keep a test's transaction: requests close a connection that is not autocommit.

    Outside of one (`django_db(transaction=True)`) requests do as they do in a server.
    """
    disconnected = [
        signal
        for signal in (request_started, request_finished)
        if connection.in_atomic_block and signal.disconnect(close_old_connections)
    ]
    try:
        yield
    finally:
        for signal in disconnected:
            signal.connect(close_old_connections)


def _check_framing(
    method: str, status: int, headers: list[tuple[str, str]], body: bytes
) -> None:
    names = [name.lower() for name, _ in headers]
    assert all(names.count(name) <= 1 for name in _ONCE_ONLY), headers
    assert not any(c in f"{name}{value}" for name, value in headers for c in "\r\n\0")
    if method == "HEAD" or status in {204, 304}:
        assert body == b""
        return
    length = CaseInsensitiveMapping(headers).get("Content-Length")
    assert length is None or int(length) == len(body), (length, len(body))
