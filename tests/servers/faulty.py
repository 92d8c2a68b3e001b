"""A proxy before a real S3 server that goes wrong when told to."""

import contextlib
import http.client
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit


class Request(NamedTuple):
    """What the client sent, its names in lower case."""

    method: str
    target: str
    headers: dict[str, str]


class Fault(NamedTuple):
    """How one request goes wrong; without any it is passed on."""

    status: int = 0
    code: str = ""
    body: bytes | None = None
    hang_up: bool = False
    silent: bool = False
    flip_body: bool = False
    lose_answer: bool = False
    truncate_to: int | None = None
    no_length: bool = False


Choose = Callable[[Request], Fault | None]


class FaultyS3:
    """Listens at `url`; `choose` is asked for a fault for each request."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream).netloc
        self.choose: Choose = lambda _: None
        self.requests: list[Request] = []
        self.speak = threading.Event()

    def next(self, *faults: Fault | None) -> None:
        """Go wrong like this in the next requests, then no more."""
        left = list(faults)
        self.choose = lambda _: left.pop(0) if left else None

    def always(self, fault: Fault) -> None:
        """Go wrong like this from now on."""
        self.choose = lambda _: fault

    def asked(self, method: str) -> list[Request]:
        """Return the requests of a method so far."""
        return [request for request in self.requests if request.method == method]


@contextlib.contextmanager
def faulty_s3(upstream: str) -> Iterator[tuple[str, FaultyS3]]:
    """Yield the URL of a proxy before `upstream`, and the proxy."""
    proxy = FaultyS3(upstream)
    handler = type("Handler", (_Handler,), {"proxy": proxy})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        serve = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        serve.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", proxy
        finally:
            proxy.speak.set()
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    proxy: FaultyS3
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        pass

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers)
        self.proxy.requests.append(request)
        fault = self.proxy.choose(request) or Fault()
        if fault.silent:
            self.proxy.speak.wait()
        if fault.hang_up or fault.silent:
            self.close_connection = True
            return
        if fault.status:
            told = _error(fault.code) if fault.body is None else fault.body
            self._answer(fault.status, {}, told)
            return
        if fault.flip_body:
            body = bytes([body[0] ^ 1]) + body[1:]
        self._pass_on(body, fault)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815 http.server's

    def _pass_on(self, body: bytes, fault: Fault) -> None:
        upstream = http.client.HTTPConnection(self.proxy.upstream, timeout=60)
        sent = {n: v for n, v in self.headers.items() if n.lower() != "expect"}
        upstream.request(self.command, self.path, body=body or None, headers=sent)
        answer = upstream.getresponse()
        content = answer.read()
        headers = dict(answer.getheaders())
        upstream.close()
        if fault.lose_answer:
            self.close_connection = True
            return
        if fault.truncate_to is not None:
            self.close_connection = True
            headers["Content-Length"] = str(len(content))
            content = content[: fault.truncate_to]
        if fault.no_length:
            self.close_connection = True
            del headers["Content-Length"]
        self._answer(answer.status, headers, content, length=not fault.no_length)

    def _answer(
        self,
        status: int,
        headers: dict[str, str],
        content: bytes,
        *,
        length: bool = True,
    ) -> None:
        self.send_response_only(status)
        left_out = {"connection", "transfer-encoding"}
        for name, value in headers.items():
            if name.lower() not in left_out:
                self.send_header(name, value)
        if length and "Content-Length" not in headers and status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            with contextlib.suppress(OSError):
                self.wfile.write(content)


def _error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>injected</Message></Error>".encode()
