"""psycopg's connection, with a limit on the wait for an answer and a cursor to keep."""

import contextlib
import select
from typing import Any, Self, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.types.datetime import TimestamptzLoader

T = TypeVar("T")

_CANCEL_SECONDS = 0.5
_INTERVAL_SECONDS = 0.1


class Connection(psycopg.Connection[Any]):
    """A connection that gives up a server which does not answer in time.

    The server's own statement_timeout is not enough: a server that hangs does not keep
    it, and a pooler in transaction mode cannot be asked for it. `statement_cursor` is
    for statements whose rows are read at once. It reads times by psycopg's C, in the
    session's zone, which Django sets to UTC; Django's own reader of times is Python,
    and a cursor of its own for each statement costs as much again.
    """

    answer_seconds: float | None = None
    statement_cursor: "psycopg.Cursor[Any]"

    @classmethod
    def connect(  # type: ignore[override]  # all other arguments are psycopg's
        cls, conninfo: str = "", *, answer_seconds: float | None = None, **kwargs: Any
    ) -> Self:
        """Connect; None for `answer_seconds` waits as long as it takes."""
        connection = super().connect(conninfo, **kwargs)
        connection.answer_seconds = answer_seconds
        connection.statement_cursor = connection.cursor()
        connection.statement_cursor.adapters.register_loader(
            "timestamptz", TimestamptzLoader
        )
        return connection

    def wait(
        self,
        gen: PQGen[T],
        interval: float = _INTERVAL_SECONDS,
        timeout: float | None = None,
    ) -> T:
        """Wait for the server; past the limit cancel, close and raise."""
        limit = self.answer_seconds if timeout is None else timeout
        try:
            return super().wait(gen, interval, limit)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                with contextlib.suppress(psycopg.Error):
                    self.cancel_safe(timeout=_CANCEL_SECONDS)
                self.close()
            raise

    def alive(self) -> bool:
        """Whether the server is still there.

        A server that goes away closes the connection, which makes it readable. Only
        then is `SELECT 1` worth its time: asked before every request it would double
        the statements of a GET.
        """
        if self.closed:
            return False
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        if not poll.poll(0):
            return True
        try:
            self.statement_cursor.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True
