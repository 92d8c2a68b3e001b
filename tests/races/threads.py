"""Threads that begin at the same moment, and what became of each."""

import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import connection

JOIN_SECONDS = 60


def race(*parties: Callable[[], Any]) -> list[Any]:
    """Run all at once; return what each returned, or the exception it raised."""
    barrier = threading.Barrier(len(parties))
    results: list[Any] = [None] * len(parties)

    def run(number: int, party: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(JOIN_SECONDS)
            results[number] = party()
        except Exception as error:  # noqa: BLE001 - it is this party's result
            results[number] = error
        finally:
            connection.close()

    threads = [
        threading.Thread(target=run, args=numbered) for numbered in enumerate(parties)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(JOIN_SECONDS)
        assert not thread.is_alive(), "a party of the race hangs"
    return results


def wait_until_somebody_waits_for_a_lock() -> None:
    """Return once some session of this database waits for another's lock."""
    deadline = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(
                "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
                " WHERE NOT granted AND datname = current_database()"
            )
            if cursor.fetchone()[0]:
                return
            time.sleep(0.01)
    raise AssertionError("nobody waits for a lock")


class Pausing:
    """An `execute_wrapper` that stops at one statement until it is told to go on."""

    def __init__(self, text: str, *, before: bool) -> None:
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self._text = text
        self._before = before

    def __call__(self, execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        here = self._text in sql
        if here and self._before:
            self._stop()
        result = execute(sql, *arguments)
        if here and not self._before:
            self._stop()
        return result

    def _stop(self) -> None:
        self.reached.set()
        assert self.go_on.wait(JOIN_SECONDS), "nobody let it go on"
