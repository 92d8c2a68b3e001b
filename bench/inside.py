"""The store's own code called without HTTP, and its SQL without the store.

As a child process with a store's environment it answers the functions below.
"""

import os
import re
import secrets
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, cast

import django
import psycopg

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "objectstore.settings")
django.setup(set_prefix=False)

# These need Django set up.
from django.conf import settings  # noqa: E402
from django.contrib.auth.models import Group, User  # noqa: E402
from django.db import connection, connections  # noqa: E402
from django.db.models.functions import Now  # noqa: E402

from bench.children import answer  # noqa: E402
from objects_app import metrics  # noqa: E402
from objects_app.access import keys, tokens  # noqa: E402
from objects_app.blobs.backend import BlobReader, backend  # noqa: E402
from objects_app.models import Blob, Bucket, UploadPart  # noqa: E402
from objects_app.queries import reads, sql  # noqa: E402
from objects_app.queries.rows import (  # noqa: E402
    ANYTHING,
    Actor,
    BucketRow,
    NewObject,
)
from objects_app.services import grants, listing, multipart  # noqa: E402
from objects_app.services.objects import Description  # noqa: E402

Statement = tuple[str, Any]

_ACTOR = Actor(label="bench", node_id="bench", request_id="0" * 32)
_recorded: dict[str, list[Statement]] = {}


def commits(
    *, bucket: str, sha256: str, size: int, threads: int, seconds: float
) -> float:
    """Return the pairs of claim and commit a second, of new keys.

    Of one content with this digest, or of new ones where it is empty. The threads and
    their connections stay for the next time, as the server's do.
    """
    pool = _pool(threads)
    row = _bucket(bucket)
    end = time.perf_counter() + seconds

    def write() -> int:
        count = 0
        while time.perf_counter() < end:
            _commit(row, sha256 or secrets.token_hex(32), size, seen=not sha256)
            count += 1
        return count

    written = [pool.submit(write) for _ in range(threads)]
    return sum(future.result() for future in written) / seconds


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)


def _commit(bucket: BucketRow, sha256: str, size: int, *, seen: bool) -> None:
    claim = sql.claim(
        sha256=sha256, size=size, trust_seconds=settings.BLOB_TRUST_SECONDS
    )
    assert claim is not None
    new = NewObject(
        bucket_id=bucket.id,
        bucket_name=bucket.name,
        key=str(time.time_ns() * 16 + secrets.randbits(4)),
        sha256=sha256,
        size=size,
        etag=sha256,
        content_type="application/octet-stream",
        headers={},
        metadata={},
        tags={},
        versioning="off",
    )
    done = sql.commit(claim=claim, new=new, conditions=ANYTHING, wrote=seen, by=_ACTOR)
    assert done is not None


def credentials(*, bucket: str) -> dict[str, str]:
    """Return values of Authorization for a reader of a bucket that is somebody else's.

    By the name of the row that uses them. The reader is in a group, which is granted.
    """
    owner = User.objects.create(username=f"owner of {bucket}")
    reader = User.objects.create(username=f"reader of {bucket}")
    group = Group.objects.create(name=f"readers of {bucket}")
    reader.groups.add(group)
    Bucket.objects.filter(name=bucket).update(owner=owner)
    grants.put_grant(
        bucket=_bucket(bucket),
        grantee=grants.Grantee(None, group.name),
        role="reader",
        by=_ACTOR,
    )
    key = keys.create_key(user_id=reader.pk, by=_ACTOR)
    token = tokens.issue(
        user_id=reader.pk,
        key_id="",
        auth_hash=reader.get_session_auth_hash(),
        seconds=86_400,
    )
    return {
        "get-4k-key": f"Bearer {key.row.key_id}.{key.secret}",
        "get-4k-token": f"Bearer {token.token}",
    }


def begin_upload(*, bucket: str, parts: int) -> dict[str, Any]:
    """Return the path of an upload with so many parts, and their list.

    There are rows only, for blobs that are the same each time; no bytes.
    """
    size = settings.MULTIPART_MIN_PART_BYTES
    digests = [f"{number:064x}" for number in range(1, parts + 1)]
    Blob.objects.bulk_create(
        [Blob(sha256=sha256, size=size, verified_at=Now()) for sha256 in digests],
        ignore_conflicts=True,
        batch_size=1000,
    )
    upload = multipart.create_upload(
        bucket=_bucket(bucket),
        key=secrets.token_hex(8),
        description=Description("application/octet-stream", {}, {}),
        by=_ACTOR,
    )
    blobs = dict(
        Blob.objects.filter(sha256__startswith="0" * 40).values_list("sha256", "pk")
    )
    numbered = list(enumerate(digests, start=1))
    UploadPart.objects.bulk_create(
        [
            UploadPart(
                upload=upload,
                number=number,
                size=size,
                sha256=sha256,
                blob_id=blobs[sha256],
            )
            for number, sha256 in numbered
        ],
        batch_size=1000,
    )
    listed = [{"number": n, "sha256": d} for n, d in numbered]
    return {"path": f"/multipart/{upload.upload_id}", "parts": listed}


def find(*, bucket: str, key: str, times: int) -> float:
    """Return the CPU seconds of one look-up by the store."""
    assert reads.find_object(bucket, key) is not None
    begun = time.thread_time()
    for _ in range(times):
        reads.find_object(bucket, key)
    return (time.thread_time() - begun) / times


def find_bare(*, bucket: str, key: str, times: int) -> float:
    """Return the CPU seconds of the same statement by the driver alone."""
    [(text, parameters)] = _record(lambda: reads.find_object(bucket, key))
    execute = _driver()
    execute(text, parameters)
    begun = time.thread_time()
    for _ in range(times):
        execute(text, parameters).fetchone()
    return (time.thread_time() - begun) / times


def read_cached(*, sha256: str, size: int, times: int) -> float:
    """Return the CPU seconds of reading a small blob of S3 that the cache has."""
    store = backend()
    store.open(sha256, length=size).close()
    hits = metrics.CACHE_LOOKUPS.labels("memory")
    before = hits._value.get()
    spent = _reading(lambda: store.open(sha256, length=size), times)
    assert hits._value.get() - before == times
    return spent


def read_uncached(*, sha256: str, times: int) -> float:
    """Return the same when S3 is asked each time, as for a blob without a length."""
    return _reading(lambda: backend().open(sha256), times)


def _reading(open_blob: Callable[[], BlobReader], times: int) -> float:
    begun = time.thread_time()
    for _ in range(times):
        with open_blob() as reader:
            reader.read()
    return (time.thread_time() - begun) / times


def page_bare(
    *, bucket: str, delimiter: str, starts: list[str], seconds: float
) -> float:
    """Return the seconds of a listing's statements by the driver alone, per page."""
    asked = _recorded.get(delimiter)
    if asked is None:
        row = _bucket(bucket)
        page = partial(listing.list_bucket, bucket=row, delimiter=delimiter)
        asked = _recorded[delimiter] = [
            statement
            for start in starts
            for statement in _record(partial(page, start_after=start))
        ]
    execute = _driver()
    begun, rounds = time.perf_counter(), 0
    while time.perf_counter() < begun + seconds:
        for text, parameters in asked:
            execute(text, parameters).fetchall()
        rounds += 1
    return (time.perf_counter() - begun) / rounds / len(starts)


def _bucket(name: str) -> BucketRow:
    row = reads.find_bucket(name)
    assert row is not None
    return row


def _record(call: Callable[[], object]) -> list[Statement]:
    """Return the statements of a call, in the driver's own form."""
    statements: list[Statement] = []

    def note(execute: Any, text: str, parameters: Any, *rest: Any) -> Any:
        statements.append((_in_drivers_form(text), parameters))
        return execute(text, parameters, *rest)

    with connection.execute_wrapper(note):
        call()
    return statements


def _in_drivers_form(text: str) -> str:
    if connection.vendor == "postgresql":
        return text
    named = re.sub(r"%\((\w+)\)s", r":\1", text)
    return named.replace("%s", "?").replace("%%", "%")


def _driver() -> Callable[[str, Any], Any]:
    """Return `execute` of a connection of the driver's, without Django around it."""
    connections["default"].ensure_connection()
    if connection.vendor == "postgresql":
        return _psycopg()
    bare = sqlite3.connect(settings.DATABASES["default"]["NAME"], isolation_level=None)
    return bare.execute


def _psycopg() -> Callable[[str, Any], Any]:
    bare = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
    cursor = bare.cursor()
    return lambda text, parameters: cursor.execute(
        cast("Any", text), parameters, prepare=True
    )


if __name__ == "__main__":
    answer(
        begin_upload,
        commits,
        credentials,
        find,
        find_bare,
        page_bare,
        read_cached,
        read_uncached,
    )
