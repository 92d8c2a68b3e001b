"""Reading and writing whole tables of PostgreSQL, for backup and restore."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.management.color import no_style
from django.db import connection, models, transaction

from objects_app.queries import run

_LOCK_MS = 5000


@contextmanager
def snapshot() -> Iterator[None]:
    """See Dumps.snapshot."""
    with transaction.atomic():
        run.changed("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        _take_time()
        yield


@contextmanager
def replacement(tables: Sequence[type[models.Model]]) -> Iterator[None]:
    """See Dumps.replacement. Constraints are checked batch by batch: checks put off to
    the commit would wait in the server's memory."""
    names = ", ".join(f'"{model._meta.db_table}"' for model in tables)
    with transaction.atomic():
        _take_time()
        run.changed(f"SET LOCAL lock_timeout = {_LOCK_MS}")
        run.changed(f"LOCK TABLE {names} IN EXCLUSIVE MODE")
        run.changed("SET CONSTRAINTS ALL IMMEDIATE")
        yield
        for statement in connection.ops.sequence_reset_sql(no_style(), list(tables)):
            run.rows(statement)


def insert(
    *, model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """See Dumps.insert. A journal row's xid is 0: another server's mean nothing here,
    and what is restored is counted already (see Upkeep.recount)."""
    table = model._meta.db_table
    foreign = ("xid",) if table == "journal_entry" else ()
    names = ", ".join(f'"{column}"' for column in (*columns, *foreign))
    with (
        connection.cursor() as cursor,
        cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy,
    ):
        for row in rows:
            copy.write_row((*row, *("0" for _ in foreign)))


def _take_time() -> None:
    run.changed("SET LOCAL statement_timeout = 0")
    run.changed("SET LOCAL idle_in_transaction_session_timeout = 0")
