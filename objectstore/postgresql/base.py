"""Django's PostgreSQL backend, less what it costs each request.

A backend of Django's is a package with a module of this name (DATABASES ENGINE).
"""

import select
from typing import Any

from django.db.backends.postgresql import base
from psycopg.types.datetime import TimestamptzLoader


class DatabaseWrapper(base.DatabaseWrapper):
    """Checks an idle connection without a round trip, and keeps one plain cursor.

    `statement_cursor` is for statements whose rows are read at once. It reads times by
    psycopg's C, in the session's zone, which Django sets to UTC; Django's own reader of
    times is Python, and a cursor of its own for each statement costs as much again.
    """

    statement_cursor: Any = None

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect, and open the cursor that lives as long as the connection."""
        connection = super().get_new_connection(conn_params)
        self.statement_cursor = connection.cursor()
        self.statement_cursor.adapters.register_loader("timestamptz", TimestamptzLoader)
        return connection

    def is_usable(self) -> bool:
        """Whether the server is still there.

        A server that goes away closes the connection, which makes it readable. Only
        then is `SELECT 1` worth its time: asked before every request it would double
        the statements of a GET.
        """
        if self.connection is None or self.connection.closed:
            return False
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN)
        return not poll.poll(0) or bool(super().is_usable())
