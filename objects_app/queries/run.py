"""Running one statement: Django's connection and errors, the driver's own cursor.

Django's cursor doubles the time of the short statements here, so it is used only where
somebody listens to statements: `execute_wrapper`, captured queries, DEBUG.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction

Parameters = Mapping[str, Any] | Sequence[Any]

_BATCH = 1000


def rows(statement: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
    """Return all rows. Raises django.db.DatabaseError, as the others here do."""
    found: list[tuple[Any, ...]] = _run(
        statement, parameters, lambda cursor: cursor.fetchall()
    )
    return found


def row(statement: str, parameters: Parameters = ()) -> tuple[Any, ...] | None:
    """Return the first row, None if there is none."""
    found: tuple[Any, ...] | None = _run(
        statement, parameters, lambda cursor: cursor.fetchone()
    )
    return found


def one(statement: str, parameters: Parameters = ()) -> tuple[Any, ...]:
    """Return the first row of a statement that always has one."""
    found = row(statement, parameters)
    if found is None:
        raise LookupError("a statement that always has a row had none")
    return found


def changed(statement: str, parameters: Parameters = ()) -> int:
    """Return how many rows were written."""
    return int(_run(statement, parameters, lambda cursor: cursor.rowcount))


def stream(statement: str, parameters: Parameters = ()) -> Iterator[tuple[Any, ...]]:
    """Yield all rows as they were when the first was asked for, few of them in memory.

    Read them to the end, or close the iterator, before the connection does other work:
    PostgreSQL keeps its cursor for as long as a transaction, SQLite for as long as the
    statement, which keeps no writer waiting.
    """
    database = connections[DEFAULT_DB_ALIAS]
    if database.vendor == "postgresql":
        with transaction.atomic(), database.chunked_cursor() as cursor:
            cursor.execute(statement, parameters)
            while batch := cursor.fetchmany(_BATCH):
                yield from batch
        database.release()  # type: ignore[attr-defined]
        return
    database.ensure_connection()
    statement = _for_sqlite(statement, named=isinstance(parameters, Mapping))
    with database.wrap_database_errors:
        cursor = database.connection.execute(statement, parameters)
        try:
            while batch := cursor.fetchmany(_BATCH):
                yield from batch
        finally:
            cursor.close()


def _run(statement: str, parameters: Parameters, read: Callable[[Any], Any]) -> Any:
    database = connections[DEFAULT_DB_ALIAS]
    if database.execute_wrappers or database.queries_logged:
        with database.cursor() as cursor:
            cursor.execute(statement, parameters)
            return read(cursor)
    database.close_if_health_check_failed()
    database.ensure_connection()
    database.validate_no_broken_transaction()
    with database.wrap_database_errors:
        if database.vendor == "postgresql":
            cursor = database.statement_cursor  # type: ignore[attr-defined]
            try:
                cursor.execute(statement, parameters)
                return read(cursor)
            finally:
                database.release()  # type: ignore[attr-defined]
        statement = _for_sqlite(statement, named=isinstance(parameters, Mapping))
        cursor = database.connection.execute(statement, parameters)
        try:
            return read(cursor)
        finally:
            cursor.close()


class _Names(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return f":{name}"


@cache
def _for_sqlite(statement: str, *, named: bool) -> str:
    """Return the text with SQLite's placeholders; there are few texts."""
    if named:
        return statement % _Names()
    return statement.replace("%s", "?").replace("%%", "%")
