"""What is read of many keys at once."""

from typing import Any

import pytest
from django.db import connection

from objects_app.queries import sources
from objects_app.services import operations
from objects_app.services.operations import Copy, Source, Target
from tests.services.store import ACTOR, Store

KEYS = [f"copy/{number}" for number in range(3000)]


@pytest.mark.django_db
@pytest.mark.postgresql_only
def test_keys_of_a_bucket_analyzed_when_empty_are_looked_up_one_by_one() -> None:
    """A join of all with all took seconds for a thousand keys."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE stored_object")
    store = Store()
    bucket = store.bucket()
    store.put("one", b"1")
    copies = [Copy(Source(bucket, "one"), Target(bucket, key)) for key in KEYS]
    operations.perform(operations=copies, by=ACTOR)
    plans: list[str] = []

    def explain(
        execute: Any, sql: str, parameters: Any, many: Any, context: Any
    ) -> Any:
        with connection.connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {sql}", parameters)
            plans.append("\n".join(line for (line,) in cursor.fetchall()))
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(explain):
        found = sources.latest_of(bucket_id=bucket.id, keys=KEYS)

    assert sorted(found) == sorted(KEYS)
    [plan] = plans
    assert "stored_object" in plan
    assert "Join" not in plan
    assert "Nested" not in plan
