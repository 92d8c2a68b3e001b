"""Emptying the database after a test that commits, as `flush` does but quicker."""

from collections.abc import Callable

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management.color import no_style
from django.db import connection
from django.db.models import Count, Max
from django.test import TransactionTestCase

_MADE_BY_MIGRATE = (ContentType, Permission)


def emptying() -> Callable[[TransactionTestCase], None]:
    """Return what a test case may do instead of `flush`, in a database just migrated.

    `flush` empties every table, and makes all content types and permissions anew. This
    empties the tables that hold rows and lets those be, unless the test changed them.
    """
    made = _made()
    slowly: Callable[[TransactionTestCase], None]
    slowly = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]
    kept = {model._meta.db_table for model in _MADE_BY_MIGRATE}
    every = connection.introspection.django_table_names(
        only_existing=True, include_views=False
    )
    tables = [table for table in every if table not in kept]

    def empty(case: TransactionTestCase) -> None:
        nonlocal made
        if _made() == made:
            _empty(tables)
        else:
            slowly(case)
            made = _made()

    return empty


def _made() -> list[dict[str, int]]:
    return [
        model._base_manager.aggregate(Count("pk"), Max("pk"))
        for model in _MADE_BY_MIGRATE
    ]


def _empty(tables: list[str]) -> None:
    asked = (
        f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})"  # noqa: S608 ours
        for table in tables
    )
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(asked))
        filled = [table for (table,) in cursor.fetchall()]
    # PostgreSQL empties no table that another, though empty, refers to, but with it.
    together = connection.vendor == "postgresql"
    texts = connection.ops.sql_flush(no_style(), filled, allow_cascade=together)
    connection.ops.execute_sql_flush(texts)
