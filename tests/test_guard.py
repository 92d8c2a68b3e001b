"""The guard in the database itself, whatever Python does (DESIGN section 5, rule 3)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.db import IntegrityError, connection, transaction

from objects_app.models import (
    Blob,
    Bucket,
    Segment,
    StoredObject,
    Upload,
    UploadPart,
)
from objects_app.queries import postgresql_upkeep, sqlite_upkeep, upkeep
from objects_app.services import sweep
from tests.blobs.bodies import digest
from tests.races.soak_world import World, world

pytestmark = pytest.mark.django_db(transaction=True)

REFERRING = ["stored_object", "segment", "upload_part"]
MARK = "UPDATE blob SET deleting_since = CURRENT_TIMESTAMP WHERE id = %s"


def execute(statement: str, *parameters: Any) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


def make_blob(content: bytes) -> int:
    return Blob.objects.create(sha256=digest(content), size=len(content)).pk


def make_object(key: str, blob_id: int | None = None) -> StoredObject:
    bucket, _ = Bucket.objects.get_or_create(name="guarded")
    return StoredObject.objects.create(
        bucket=bucket,
        key=key,
        blob_id=blob_id,
        sha256=digest(b""),
        size=0,
        etag="",
        content_type="text/plain",
        node_id="node",
    )


def refer(table: str, blob_id: int) -> None:
    """Insert a row of that table which refers to the blob."""
    if table == "stored_object":
        make_object("referring", blob_id)
    elif table == "segment":
        Segment.objects.create(
            object=make_object("of segments"),
            number=1,
            offset=0,
            size=0,
            blob_id=blob_id,
        )
    else:
        bucket, _ = Bucket.objects.get_or_create(name="guarded")
        upload = Upload.objects.create(upload_id="u", bucket=bucket, key="uploading")
        UploadPart.objects.create(upload=upload, number=1, size=0, blob_id=blob_id)


@pytest.mark.parametrize("table", REFERRING)
def test_a_referenced_blob_cannot_be_marked_as_deleting(table: str) -> None:
    blob_id = make_blob(b"referenced")
    refer(table, blob_id)

    with pytest.raises(IntegrityError):
        execute(MARK, blob_id)

    assert Blob.objects.get(pk=blob_id).deleting_since is None


@pytest.mark.parametrize("table", REFERRING)
def test_a_referenced_blob_cannot_be_dropped(table: str) -> None:
    blob_id = make_blob(b"referenced")
    refer(table, blob_id)

    with pytest.raises(IntegrityError):
        execute("DELETE FROM blob WHERE id = %s", blob_id)

    assert Blob.objects.filter(pk=blob_id).exists()


@pytest.mark.parametrize("table", REFERRING)
def test_nothing_can_begin_to_refer_to_a_deleting_blob(table: str) -> None:
    blob_id = make_blob(b"deleting")
    execute(MARK, blob_id)

    with pytest.raises(IntegrityError):
        refer(table, blob_id)


@pytest.mark.parametrize("table", REFERRING)
def test_no_reference_can_be_moved_to_a_deleting_blob(table: str) -> None:
    live, deleting = make_blob(b"live"), make_blob(b"deleting")
    refer(table, live)
    execute(MARK, deleting)

    with pytest.raises(IntegrityError):
        execute(
            f"UPDATE {table} SET blob_id = %s WHERE blob_id = %s",  # noqa: S608
            deleting,
            live,
        )


@pytest.mark.parametrize("table", REFERRING)
def test_nothing_can_refer_to_a_blob_that_is_not_there(table: str) -> None:
    with pytest.raises(IntegrityError):
        refer(table, 999_999)


@pytest.mark.postgresql_only
@pytest.mark.parametrize("table", REFERRING)
def test_no_reference_can_opt_out_of_the_guard(table: str) -> None:
    blob_id = make_blob(b"live")
    refer(table, blob_id)

    with pytest.raises(IntegrityError):
        execute(opt_out(table), blob_id)


@pytest.mark.sqlite_only
@pytest.mark.parametrize("table", REFERRING)
def test_the_triggers_do_not_ask_a_reference_whether_it_counts(table: str) -> None:
    blob_id = make_blob(b"live")
    refer(table, blob_id)
    execute(opt_out(table), blob_id)

    with pytest.raises(IntegrityError):
        execute(MARK, blob_id)


def opt_out(table: str) -> str:
    return f"UPDATE {table} SET blob_usable = false WHERE blob_id = %s"  # noqa: S608


def test_a_blob_that_nothing_refers_to_can_be_marked_and_dropped() -> None:
    blob_id = make_blob(b"free")

    marked = execute(MARK, blob_id)
    dropped = execute("DELETE FROM blob WHERE id = %s", blob_id)

    assert (marked, dropped) == (1, 1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, seed="guard") as made:
        yield made


def test_a_sweep_that_marks_what_is_referenced_is_refused_and_deletes_nothing(
    store: World,
) -> None:
    stored = store.put("kept", b"kept by the guard")
    Blob.objects.update(condemned_at=stored.created_at)

    with never_looking(), pytest.raises(IntegrityError):
        sweep.sweep(grace_seconds=0)

    assert store.store.stat(stored.sha256) == stored.size
    assert Blob.objects.get(sha256=stored.sha256).deleting_since is None


def test_a_sweep_that_looks_rescues_the_same_blob(store: World) -> None:
    stored = store.put("kept", b"kept by the look")
    Blob.objects.update(condemned_at=stored.created_at)

    swept = sweep.sweep(grace_seconds=0)

    assert (swept.rescued, swept.removed) == (1, 0)
    assert store.store.stat(stored.sha256) == stored.size
    assert Blob.objects.get(sha256=stored.sha256).condemned_at is None


def never_looking() -> Any:
    """Break the mark: every blob counts as referred to by nothing."""
    if upkeep is sqlite_upkeep:
        return patch.object(sqlite_upkeep, "_REFERRED", "0")
    blind = postgresql_upkeep._MARK_DECIDE.replace(postgresql_upkeep._REFERRED, "false")
    assert blind != postgresql_upkeep._MARK_DECIDE
    return patch.object(postgresql_upkeep, "_MARK_DECIDE", blind)
