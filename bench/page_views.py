"""The dashboard called without HTTP, by an administrator, in a store that it fills.

As a child process with a store's environment it answers the functions below.
"""

import io
import logging
import os
import time
from functools import cache
from urllib.parse import quote

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "objectstore.settings")
django.setup(set_prefix=False)

# These need Django set up.
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from bench.children import answer  # noqa: E402
from objects_app.queries import reads  # noqa: E402
from objects_app.services import figures, journal, listing  # noqa: E402

_VERSIONS = 1000
_MOMENT = "2026-01-02T00:00:00Z"  # when half of the keys were there

_FILL = (
    # What the rows refer to is there: no look for it with each.
    "SET session_replication_role = replica",
    """INSERT INTO blob (sha256, size, created_at, verified_at)
    SELECT lpad(to_hex(i), 64, '0'), 1000 + i, now(), now()
    FROM generate_series(1, %(keys)s / 10) AS i""",
    """INSERT INTO bucket (name, visibility, created_at)
    SELECT 'bench-' || i, 'private', now() FROM generate_series(1, 1000) AS i""",
    """UPDATE bucket SET versioning = 'enabled', versioned_since = '2026-01-01'
    WHERE name = 'bench'""",
    """INSERT INTO stored_object (bucket_id, key, version_id, is_latest,
    is_delete_marker, blob_id, sha256, size, etag, content_type, headers, metadata,
    tags, node_id, created_at, superseded_at)
    SELECT bucket.id, given.key, given.version, given.superseded IS NULL, false,
    blob.id, blob.sha256, blob.size, blob.sha256, 'text/plain', '{}', '{}', '{}',
    'bench', given.created, given.superseded
    FROM (
      SELECT 'flat/' || lpad(i::text, 7, '0') AS key, 'v' || i AS version,
        '2026-01-01 12:00'::timestamptz + i %% 2 * interval '1 day' AS created,
        NULL::timestamptz AS superseded, i
      FROM generate_series(1, %(keys)s) AS i
      UNION ALL
      SELECT 'folder-' || lpad(i::text, 4, '0') || '/a', 'f' || i,
        '2026-01-01 12:00', NULL, i FROM generate_series(1, 1000) AS i
      UNION ALL
      SELECT 'many', 'm' || i, '2026-01-01'::timestamptz + i * interval '1 hour',
        CASE WHEN i < %(versions)s
        THEN '2026-01-01'::timestamptz + (i + 1) * interval '1 hour' END, i
      FROM generate_series(1, %(versions)s) AS i
    ) given
    JOIN bucket ON bucket.name = 'bench'
    JOIN blob ON blob.sha256
      = lpad(to_hex(1 + given.i %% (%(keys)s / 10)::int), 64, '0')""",
    """INSERT INTO journal_entry (bucket_id, bucket_name, key, version_id, operation,
    objects_delta, bytes_delta, sha256, actor, node_id, request_id, created_at)
    SELECT id, name, 'flat/' || lpad(i::text, 7, '0'), 'v' || i, 'put', 1, 1000, '',
    'user-' || i %% 100, 'bench', md5(i::text),
    now() - (%(keys)s - i) * interval '1 second'
    FROM bucket, generate_series(1, %(keys)s) AS i WHERE name = 'bench'""",
    """INSERT INTO journal_entry (bucket_id, bucket_name, key, version_id, operation,
    objects_delta, bytes_delta, sha256, actor, node_id, request_id, created_at)
    SELECT id, name, '', '', 'create_bucket', 0, 0, '', 'user-1', 'bench', '',
    '2026-01-01' FROM bucket""",
    """INSERT INTO auth_user (password, is_superuser, username, first_name, last_name,
    email, is_staff, is_active, date_joined)
    SELECT '!', false, 'user-' || i, '', '', '', false, true, now()
    FROM generate_series(1, 1000) AS i""",
    """INSERT INTO job (job_id, kind, state, bucket_id, parameters, actor, after,
    keys_total, keys_done, problem, error)
    SELECT md5(i::text), 'delete', 'done', id,
    '{"bucket": "bench", "prefix": "", "to_bucket": null, "to_prefix": "", "at": ""}',
    '["user-1", "bench", "request"]', '', 1, 1, '', ''
    FROM bucket, generate_series(1, 1000) AS i WHERE name = 'bench'""",
    """INSERT INTO upload (upload_id, bucket_id, key, content_type, headers, metadata,
    tags, conditions, actor, expires_at)
    SELECT md5(i::text), id, 'film-' || i, '', '{}', '{}', '{}', '{}', 'user-1',
    now() + interval '1 day'
    FROM bucket, generate_series(1, 1000) AS i WHERE name = 'bench'""",
)


def fill(*, keys: int) -> dict[str, str]:
    """Insert rows straight into the tables, no bytes belong to them; return what the
    addresses of pages need."""
    call_command("collectstatic", interactive=False, verbosity=0)
    with connection.cursor() as cursor:
        for statement in _FILL:
            cursor.execute(statement, {"keys": keys, "versions": _VERSIONS})
        cursor.execute("SET session_replication_role = DEFAULT")
    call_command("build_search_index", stdout=io.StringIO())
    journal.fold()
    figures.measure()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")  # else autovacuum comes in between
    bucket = reads.find_bucket("bench")
    assert bucket is not None
    page = listing.list_bucket(
        bucket=bucket,
        prefix="flat/",
        delimiter="/",
        start_after=f"flat/{keys // 2:07}",
        limit=100,
    )
    assert page.next_cursor is not None
    return {"cursor": quote(page.next_cursor), "at": _MOMENT}


def page(*, path: str, seconds: float) -> tuple[float, float]:
    """Return what a page takes on the average of so many seconds: in milliseconds, and
    in microseconds of a processor, those of the database not counted."""
    begun, worked, asked = time.perf_counter(), time.process_time(), 0
    while not asked or time.perf_counter() < begun + seconds:
        _get(path)
        asked += 1
    took, worked = time.perf_counter() - begun, time.process_time() - worked
    return took / asked * 1000, worked / asked * 1e6


def statements(*, path: str) -> int:
    """Return how many statements a page takes."""
    with CaptureQueriesContext(connection) as made:
        _get(path)
    return len(made)


def _get(path: str) -> None:
    response = _chief().get(path, headers={"host": "localhost"}, secure=True)
    if response.status_code != 200:
        raise RuntimeError(f"{path}: {response.status_code}")


@cache
def _chief() -> Client:
    logging.disable()
    client = Client()
    client.force_login(User.objects.create_superuser("chief"))
    return client


if __name__ == "__main__":
    answer(fill, page, statements)
