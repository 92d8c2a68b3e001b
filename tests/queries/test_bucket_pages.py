"""What a page of buckets costs."""

import pytest
from django.db import connection

from objects_app.models import Bucket, JournalWatermark
from objects_app.queries import bucket_pages
from objects_app.queries.rows import Scope

ENTRIES = 30_000
FILL = """
INSERT INTO journal_entry
  (bucket_id, bucket_name, key, version_id, sha256, operation, objects_delta,
   bytes_delta, actor, node_id, request_id, created_at, xid)
SELECT 0, 'busy', '', '', '', 'put', 0, 0, '', '', '', now() - g * interval '1 s', '3'
FROM generate_series(1, %s) g
"""

pytestmark = pytest.mark.django_db


def entries_read() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)"
            " FROM pg_stat_xact_user_tables WHERE relname = 'journal_entry'"
        )
        [read] = cursor.fetchone()
    return int(read)


@pytest.mark.postgresql_only
def test_a_quiet_bucket_does_not_have_a_busy_one_s_journal_read() -> None:
    """By time alone, all that happened since its last change would be walked."""
    Bucket.objects.bulk_create(Bucket(name=f"quiet-{n}") for n in range(20))
    with connection.cursor() as cursor:
        cursor.execute(FILL, [ENTRIES])
        cursor.execute("ANALYZE journal_entry")
    JournalWatermark.objects.create(pk=1, position=4)
    before = entries_read()
    found = bucket_pages.page(
        scope=Scope(everything=True), text="", after="", limit=100
    )
    assert len(found) == 20
    assert entries_read() - before < ENTRIES // 10
