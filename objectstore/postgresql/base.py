"""Django's PostgreSQL backend, less what it costs each request.

A backend of Django's is a package with a module of this name (DATABASES ENGINE).
"""

from typing import Any

from django.db.backends.postgresql import base
from psycopg import IsolationLevel

from objectstore.postgresql.connection import Connection


class DatabaseWrapper(base.DatabaseWrapper):
    """Hands out connections of our own class, from Django's pool when there is one."""

    statement_cursor: Any = None

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        """Connect, or take a connection from the pool that is not dead.

        The pool's own check is a round trip, and gives up after three dead ones, fewer
        than a restart of the server leaves behind.
        """
        pool = self.pool  # type: ignore[attr-defined]  # the stubs lag behind
        if pool is None:
            # What the protocol needs, whatever DATABASE_URL says.
            self.isolation_level = IsolationLevel.READ_COMMITTED
            connection = Connection.connect(**conn_params)
        else:
            connection = super().get_new_connection(conn_params)
            while not connection.alive():
                connection.close()
                pool.putconn(connection)
                connection = super().get_new_connection(conn_params)
        self.statement_cursor = connection.statement_cursor
        return connection

    def is_usable(self) -> bool:
        """Whether the server is still there (see Connection.alive)."""
        return self.connection is not None and self.connection.alive()

    def release(self) -> None:
        """Give a pool its connection back as soon as no transaction needs it.

        A request may move bytes for minutes between two statements, and with a pool
        there are fewer connections than requests.
        """
        if self.settings_dict["OPTIONS"].get("pool") and not self.in_atomic_block:
            self.close()
