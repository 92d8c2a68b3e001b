"""What the store asks of PostgreSQL is what it gets: columns, indexes, statements."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from objectstore.postgresql.base import DatabaseWrapper
from tests.client import DataPlane
from tests.rest.postgresql import own_session

pytestmark = [pytest.mark.postgresql_only, pytest.mark.django_db(transaction=True)]

PATH = "/buckets/words/objects/hello"
OFTEN = 4


def ask(question: str, *values: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(question, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


@pytest.mark.parametrize(
    "column", ["bucket.name", "stored_object.key", "upload.key", "journal_entry.key"]
)
def test_keys_are_compared_as_bytes(column: str) -> None:
    table, name = column.split(".")
    assert ask(
        "SELECT collation_name FROM information_schema.columns"
        " WHERE table_name = %s AND column_name = %s",
        table,
        name,
    ) == [("C",)]


def test_one_partial_index_decides_which_version_is_the_latest() -> None:
    [(definition,)] = ask(
        "SELECT indexdef FROM pg_indexes WHERE indexname = 'one_latest_per_key'"
    )
    assert definition.startswith("CREATE UNIQUE INDEX")
    assert definition.endswith("(bucket_id, key) WHERE is_latest")


@pytest.mark.usefixtures("everybody_may_write")
@own_session
@pytest.mark.parametrize(
    "part",
    [
        "FROM bucket b LEFT JOIN stored_object",  # GET
        "FROM bucket b WHERE b.name",  # the gate of PUT
        "WITH found AS MATERIALIZED",  # claim
        "INSERT INTO stored_object",  # commit
        "DELETE FROM stored_object",
    ],
)
def test_a_hot_statement_is_prepared_with_its_values_bound_on_the_server(
    data_plane: DataPlane, part: str
) -> None:
    for number in range(OFTEN):
        data_plane.put(PATH, str(number).encode())
        data_plane.get(PATH)
        data_plane.delete(PATH)
    prepared = ask(
        "SELECT parameter_types::text FROM pg_prepared_statements"
        " WHERE NOT from_sql AND statement LIKE %s",
        f"%{part}%$1%",
    )
    assert prepared
    assert ("{}",) not in prepared


@pytest.fixture
def backend() -> Iterator[Any]:
    """A connection of its own to the test's database."""
    wrapper = DatabaseWrapper({**connection.settings_dict}, alias="other")
    yield wrapper
    wrapper.close()


def test_an_answer_that_does_not_come_closes_the_connection(backend: Any) -> None:
    backend.settings_dict["OPTIONS"] = {
        **backend.settings_dict["OPTIONS"],
        "answer_seconds": 0.2,
    }
    backend.ensure_connection()
    with pytest.raises(psycopg.OperationalError):
        backend.connection.execute("SELECT pg_sleep(20)")
    assert backend.connection.closed
    assert not backend.is_usable()


def test_a_refused_statement_leaves_the_connection_open(backend: Any) -> None:
    backend.ensure_connection()
    with pytest.raises(psycopg.errors.DivisionByZero):
        backend.connection.execute("SELECT 1/0")
    assert backend.is_usable()


@own_session
def test_a_notice_on_an_idle_connection_is_no_reason_to_drop_it(backend: Any) -> None:
    """Whatever makes it readable is asked about, with one round trip."""
    backend.ensure_connection()
    backend.connection.execute("LISTEN words")
    ask("SELECT pg_notify('words', 'now')")
    assert backend.is_usable()
