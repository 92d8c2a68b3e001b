"""Reading and writing whole tables of SQLite, for backup and restore."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection, models, transaction

from objects_app.queries import run


@contextmanager
def snapshot() -> Iterator[None]:
    """See Dumps.snapshot. Not Django's transaction, which keeps writers out."""
    run.changed("BEGIN DEFERRED")
    try:
        yield
    finally:
        run.changed("ROLLBACK")


@contextmanager
def replacement(tables: Sequence[type[models.Model]]) -> Iterator[None]:
    """See Dumps.replacement."""
    with transaction.atomic():
        yield


def insert(
    *, model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """See Dumps.insert. Times are kept as this database's own statements write them."""
    values = (
        "replace(substr(%s, 1, 26), 'T', ' ')"
        if isinstance(model._meta.get_field(column), models.DateTimeField)
        else "%s"
        for column in columns
    )
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.executemany(
            f'INSERT INTO "{model._meta.db_table}" ({names})'
            f" VALUES ({', '.join(values)})",
            rows,
        )
