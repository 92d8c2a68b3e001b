"""Pages of buckets: what finding them costs."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from objects_app.queries import bucket_pages
from objects_app.queries.rows import Scope
from tests.services.store import Store

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql_only]

JOURNAL = """
INSERT INTO journal_entry (bucket_id, bucket_name, key, version_id, operation,
  objects_delta, bytes_delta, sha256, actor, node_id, request_id)
SELECT id, name, i::text, 'null', 'put', 0, 0, '', '', '', ''
FROM bucket, generate_series(1, 20000) AS i WHERE name = 'large'
"""


def test_most_of_the_journal_about_one_bucket_is_not_read_for_the_others() -> None:
    Store().bucket("large")
    with connection.cursor() as cursor:
        cursor.execute(JOURNAL)
        cursor.execute("ANALYZE journal_entry")  # which samples, and sees no other
    Store().bucket("small")
    with CaptureQueriesContext(connection) as made:
        found = bucket_pages.page(
            scope=Scope(everything=True), text="", after="", limit=9
        )
    assert [bucket.row.name for bucket in found] == ["large", "small"]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {made[0]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "journal_by_bucket" in plan
    assert "journal_by_time" not in plan
