"""Running one statement: Django's connection and errors, the driver's own cursor.

Django's cursor doubles the time of the short statements here, so it is used only where
somebody listens to statements: `execute_wrapper`, captured queries, DEBUG.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

Parameters = Mapping[str, Any] | Sequence[Any]


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
