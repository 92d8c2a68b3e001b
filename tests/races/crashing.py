"""Crashes between the steps: of a process, not of a request."""

import random
import threading
from collections.abc import Callable
from typing import Any

from django.db import connection


class Crash(BaseException):
    """The process is gone here. Not an Exception: nobody may catch it and go on."""


class Crashes:
    """Raises Crash now and then, in threads that asked for it with `seed`."""

    def __init__(self, chance: float) -> None:
        self.chance = chance
        self.injected = 0
        self._thread = threading.local()
        self._lock = threading.Lock()

    def seed(self, seed: str) -> None:
        """Let this thread crash from now on, at places that depend on the seed."""
        self._thread.random = random.Random(seed)  # noqa: S311

    def maybe(self) -> None:
        """Crash here, or not."""
        dice = getattr(self._thread, "random", None)
        if dice is not None and dice.random() < self.chance:
            with self._lock:
                self.injected += 1
            raise Crash

    def around_statement(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        """Be one of a connection's `execute_wrappers`."""
        self.maybe()
        result = execute(*arguments)
        self.maybe()
        return result


_LOOKED = " ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"


def within_condemn(statement: str, condition: str) -> str:
    """Return PostgreSQL's condemn with one more condition, other statements unchanged.

    It is evaluated with the statement's snapshot, before any row is locked: what takes
    its time there makes the look for references stale.
    """
    return statement.replace(_LOOKED, f" AND ({condition}) IS NOT NULL{_LOOKED}")


def look_slowly(execute: Callable[..., Any], statement: str, *arguments: Any) -> Any:
    """Be an execute wrapper that lets commits come between condemn's look and lock."""
    return execute(within_condemn(statement, "pg_sleep(0.002)"), *arguments)


class Crashing:
    """Anything's functions, with a crash before or after one now and then."""

    def __init__(self, wrapped: object, crashes: Crashes) -> None:
        self._wrapped = wrapped
        self._crashes = crashes

    def __getattr__(self, name: str) -> Any:
        """Return a function of the wrapped one that may crash, or what else it has."""
        found = getattr(self._wrapped, name)
        if not callable(found):
            return found

        def called(*arguments: Any, **named: Any) -> Any:
            self._crashes.maybe()
            result = found(*arguments, **named)
            try:
                self._crashes.maybe()
            except Crash:
                # A process takes its files and connections with it.
                getattr(result, "close", lambda: None)()
                raise
            return result

        return called


def forget_connection() -> None:
    """Lose this thread's connection, as the process it stands for would."""
    connection.close()
