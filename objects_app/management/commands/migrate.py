"""Django's `migrate`, one at a time: nodes that are started together all run it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.commands import migrate
from django.db import connections

_LOCK = 0x6F626A656374  # any number that nobody else locks


class Command(migrate.Command):
    """Migrate once whoever else does is done; then there is nothing left to do."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it under a lock of the database's."""
        with _alone(options["database"]):
            super().handle(*args, **options)


@contextmanager
def _alone(alias: str) -> Iterator[None]:
    """Hold a lock that ends with its connection. SQLite needs none: its transactions
    take turns, and its nodes are one machine's.

    In a transaction of another connection, so that a pooler in transaction mode keeps
    it, too.
    """
    if connections[alias].vendor != "postgresql":
        yield
        return
    holder = connections[alias].copy()
    try:
        holder.set_autocommit(False)
        with holder.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        yield
    finally:
        holder.close()
