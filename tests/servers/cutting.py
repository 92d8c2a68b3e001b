"""A way to a server on which connections break, as they do on real networks."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

_CHUNK = 65536


class CuttingProxy:
    """Passes bytes on, and closes a connection once `after` of them have passed.

    As often as `cuts` says. It counts what the server answers, or what the clients
    send where `of_requests`.
    """

    def __init__(self, target: tuple[str, int], *, of_requests: bool = False) -> None:
        self.cuts = 0
        self.after = 0
        self._of_requests = of_requests
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._spawn(self._accept)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(10)

    def _spawn(self, run: "object", *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._spawn(self._pass_on, client, server, False)
                self._spawn(self._pass_on, server, client, True)

    def _pass_on(
        self, source: socket.socket, target: socket.socket, answers: bool
    ) -> None:
        passed = 0
        with suppress(OSError), source, target:
            while chunk := source.recv(_CHUNK):
                target.sendall(chunk)
                passed += len(chunk)
                counted = answers is not self._of_requests
                if counted and passed > self.after and self._may_cut():
                    target.shutdown(socket.SHUT_RDWR)
                    source.shutdown(socket.SHUT_RDWR)
                    return

    def _may_cut(self) -> bool:
        with self._lock:
            self.cuts -= 1
            return self.cuts >= 0


@contextmanager
def cutting_proxy(url: str, *, of_requests: bool = False) -> Iterator[CuttingProxy]:
    """Yield a proxy to the server at that URL."""
    address = urlsplit(url)
    target = (address.hostname or "", address.port or 80)
    proxy = CuttingProxy(target, of_requests=of_requests)
    try:
        yield proxy
    finally:
        proxy.close()
