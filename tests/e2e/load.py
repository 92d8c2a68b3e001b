"""A light load on a store, every answer written down with its time."""

import http.client
import itertools
import threading
import time
from types import TracebackType
from typing import NamedTuple, Self

SECONDS = 30.0


class Answered(NamedTuple):
    """When a request was sent and answered, and with which status (0: cut off)."""

    sent: float
    answered: float
    status: int


class Load:
    """Clients that PUT and GET in turn, each on one connection, until the end."""

    def __init__(self, port: int, *, clients: int, pause: float = 0.02) -> None:
        self._port = port
        self._pause = pause
        self._stop = threading.Event()
        self.answers: list[Answered] = []
        self._threads = [
            threading.Thread(target=self._run, args=(number,))
            for number in range(clients)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(SECONDS)
            assert not thread.is_alive(), "a client got no answer"

    def wait_for(self, count: int) -> None:
        """Return once that many more requests were answered."""
        wanted = len(self.answers) + count
        deadline = time.monotonic() + SECONDS
        while len(self.answers) < wanted:
            assert time.monotonic() < deadline, "the store answers nobody"
            time.sleep(0.01)

    def _run(self, number: int) -> None:
        client = http.client.HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)
        for count in itertools.count():
            if self._stop.wait(self._pause):
                break
            key = f"/buckets/load/objects/{number}-{count % 10}"
            sent = time.monotonic()
            try:
                if count % 20 < 10:
                    client.request("PUT", key, body=f"{number} {count}".encode())
                else:
                    client.request("GET", key)
                answer = client.getresponse()
                answer.read()
                status = answer.status
            except (OSError, http.client.HTTPException):
                client.close()
                status = 0
            self.answers.append(Answered(sent, time.monotonic(), status))
        client.close()
