"""The life of bytes as a put, a re-upload and a repair see it; and what it costs."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from objects_app import metrics
from objects_app.blobs.backend import BlobBackend, backend
from objects_app.errors import (
    BytesMissing,
    NoSuchKey,
    PreconditionFailed,
    StorageBusy,
    StorageUnavailable,
)
from objects_app.models import Blob, Segment, StoredObject
from objects_app.queries import sql
from objects_app.queries.rows import Preconditions
from objects_app.services import objects, verify
from tests.blobs.bodies import digest
from tests.client import DataPlane
from tests.services.store import Store
from tests.stored import lose, replace, stored_bytes

pytestmark = pytest.mark.django_db

CONTENT = b"content"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The backend's methods in the order they are called."""
    made: list[str] = []
    kind = type(backend())

    def spy(name: str) -> Callable[..., Any]:
        original = getattr(kind, name)

        def method(self: BlobBackend, *arguments: Any, **options: Any) -> Any:
            made.append(name)
            return original(self, *arguments, **options)

        return method

    for name in ("write", "open", "stat", "delete", "walk"):
        monkeypatch.setattr(kind, name, spy(name))
    return made


@contextmanager
def counted(metric: Any, *labels: str) -> Iterator[list[float]]:
    """Yield a list that holds, after the block, by how much a counter grew."""
    counter = metric.labels(*labels) if labels else metric
    before = counter._value.get()
    grown: list[float] = []
    yield grown
    grown.append(counter._value.get() - before)


def test_new_content_is_claimed_written_once_and_live(
    store: Store, calls: list[str]
) -> None:
    stored = store.put("a", CONTENT)
    assert calls == ["write"]
    blob = store.blob(CONTENT)
    assert (blob.size, blob.sha256) == (7, stored.sha256)
    assert blob.verified_at is not None
    assert blob.condemned_at is None


def test_a_trusted_hit_asks_nothing_of_the_backend(
    store: Store, calls: list[str]
) -> None:
    store.put("a", CONTENT)
    before = store.blob(CONTENT)
    calls.clear()
    with counted(metrics.DEDUP_HITS) as hits:
        assert store.put("b", CONTENT).deduplicated is True
    assert calls == []
    assert hits == [1]
    after = store.blob(CONTENT)
    assert (after.pk, after.verified_at) == (before.pk, before.verified_at)


def test_bytes_not_seen_for_long_are_looked_at_before_they_are_believed(
    store: Store, settings: Settings, calls: list[str]
) -> None:
    store.put("a", CONTENT)
    long_ago = timedelta(seconds=settings.BLOB_TRUST_SECONDS + 60)
    Blob.objects.update(verified_at=Now() - long_ago)
    calls.clear()
    store.put("b", CONTENT)
    assert calls == ["stat"]
    calls.clear()
    store.put("c", CONTENT)
    assert calls == [], "the look has renewed the trust"


def test_after_distrust_an_upload_looks_first(store: Store, calls: list[str]) -> None:
    store.put("a", CONTENT)
    assert verify.distrust() == 1
    calls.clear()
    store.put("b", CONTENT)
    assert calls == ["stat"]


@pytest.mark.parametrize("damage", ["missing", "short"])
def test_after_distrust_uploading_again_repairs(store: Store, damage: str) -> None:
    store.put("a", CONTENT)
    verify.distrust()
    replace(digest(CONTENT), None if damage == "missing" else CONTENT[:-1])
    with counted(metrics.REPAIRS) as repairs:
        store.put("b", CONTENT)
    assert repairs == [1]
    assert store.read("a") == CONTENT
    assert store.read("b") == CONTENT


def test_reading_bytes_that_are_gone_says_so(store: Store) -> None:
    store.put("a", CONTENT)
    lose(digest(CONTENT))
    with pytest.raises(BytesMissing):
        store.read("a")


def test_a_condemned_blob_is_seen_and_rescued_by_an_upload(
    store: Store, calls: list[str]
) -> None:
    store.put("a", CONTENT)
    store.delete("a")
    Blob.objects.update(condemned_at=Now())
    calls.clear()
    store.put("b", CONTENT)
    assert calls == ["stat"]
    assert store.blob(CONTENT).condemned_at is None


def test_content_somebody_else_claimed_is_written_again(
    store: Store, calls: list[str]
) -> None:
    sql.claim(sha256=digest(CONTENT), size=len(CONTENT), trust_seconds=60)
    store.put("a", CONTENT)
    assert calls == ["write"]
    assert store.read("a") == CONTENT


def test_a_trusted_hit_that_is_condemned_meanwhile_starts_over(
    store: Store, monkeypatch: pytest.MonkeyPatch, calls: list[str]
) -> None:
    store.put("a", CONTENT)
    secure = objects.secure_bytes
    condemn = iter([True])

    def overtaken(**arguments: Any) -> bool:
        trusted = secure(**arguments)
        if next(condemn, False):
            Blob.objects.update(condemned_at=Now())
        return trusted

    monkeypatch.setattr(objects, "secure_bytes", overtaken)
    calls.clear()
    with counted(metrics.LOST_RACES, "commit") as lost:
        store.put("b", CONTENT)
    assert lost == [1]
    assert calls == ["stat"]
    assert store.read("b") == CONTENT


def test_a_blob_whose_row_is_replaced_meanwhile_is_written_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, calls: list[str]
) -> None:
    secure = objects.secure_bytes
    lose = iter([True])

    def overtaken(**arguments: Any) -> bool:
        wrote = secure(**arguments)
        if next(lose, False):
            Blob.objects.update(created_at=F("created_at") - timedelta(seconds=1))
        return wrote

    monkeypatch.setattr(objects, "secure_bytes", overtaken)
    store.put("a", CONTENT)
    assert calls == ["write", "write"]
    assert store.read("a") == CONTENT


def test_content_that_keeps_changing_ends_in_busy_not_in_a_loop(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "commit", lambda **_: None)
    with pytest.raises(StorageBusy):
        store.put("a", CONTENT)
    assert not StoredObject.objects.exists()


def test_a_put_waits_until_the_old_bytes_are_gone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a", CONTENT)
    store.delete("a")
    Blob.objects.update(condemned_at=Now(), deleting_since=Now())
    monkeypatch.setattr(time, "sleep", lambda _: Blob.objects.all().delete())
    store.put("b", CONTENT)
    assert store.read("b") == CONTENT


def test_a_put_does_not_wait_for_ever_for_old_bytes_to_go(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a", CONTENT)
    store.delete("a")
    Blob.objects.update(condemned_at=Now(), deleting_since=Now())
    monkeypatch.setattr(objects, "_DELETING_WAIT_SECONDS", 0.1)
    with pytest.raises(StorageBusy, match="again"):
        store.put("b", CONTENT)
    assert not StoredObject.objects.exists()


def test_bytes_that_cannot_be_written_leave_no_object(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StorageUnavailable("Try again.")

    monkeypatch.setattr(type(store.backend), "write", refuse)
    with pytest.raises(StorageUnavailable):
        store.put("a", CONTENT)
    assert not StoredObject.objects.exists()
    assert store.blob(CONTENT).verified_at is None


def test_overwriting_and_deleting_leave_the_bytes_to_the_sweep(
    store: Store, calls: list[str]
) -> None:
    store.put("a", CONTENT)
    store.put("a", b"other")
    store.delete("a")
    assert calls == ["write", "write"]
    assert stored_bytes(digest(CONTENT)) == CONTENT
    assert Blob.objects.filter(condemned_at__isnull=True).count() == 2


def made_of_a_segment(stored: StoredObject, blob: Blob) -> None:
    StoredObject.objects.filter(pk=stored.pk).update(blob=None, sha256="")
    Segment.objects.create(object=stored, number=1, offset=0, size=blob.size, blob=blob)


def test_overwriting_removes_the_segments_of_what_was_there(store: Store) -> None:
    store.put("a", CONTENT)
    stored = StoredObject.objects.get()
    made_of_a_segment(stored, store.blob(CONTENT))
    store.put("a", b"other")
    assert not Segment.objects.exists()


def test_deleting_removes_the_segments_too(store: Store) -> None:
    store.put("a", CONTENT)
    stored = StoredObject.objects.get()
    made_of_a_segment(stored, store.blob(CONTENT))
    store.delete("a")
    assert not Segment.objects.exists()


def test_version_time_only_moves_forward(store: Store) -> None:
    store.put("a", CONTENT)
    StoredObject.objects.update(created_at=Now() + timedelta(hours=1))
    future = StoredObject.objects.get().created_at
    stored = store.put("a", b"other")
    assert stored.created_at == future + timedelta(microseconds=1)
    assert StoredObject.objects.get().created_at == stored.created_at


def test_owners_share_bytes_but_not_the_knowledge_of_them(
    store: Store, alice: User, bob: User
) -> None:
    hers, his = store.bucket("hers", owner=alice), store.bucket("his", owner=bob)
    assert store.put("a", CONTENT, bucket=hers).deduplicated is False
    assert store.put("a", CONTENT, bucket=his).deduplicated is False
    assert store.put("b", CONTENT, bucket=his).deduplicated is True
    assert store.put("a", CONTENT).deduplicated is False
    assert Blob.objects.count() == 1


def test_a_condition_that_fails_leaves_everything_as_it_was(store: Store) -> None:
    store.put("a", CONTENT)
    before = StoredObject.objects.values().get()
    for conditions in (
        Preconditions(if_none_match=("*",)),
        Preconditions(if_match=("other",)),
        Preconditions(if_none_match=(digest(CONTENT),)),
    ):
        with pytest.raises(PreconditionFailed):
            store.put("a", b"other", conditions=conditions)
        with pytest.raises(PreconditionFailed):
            store.delete("a", conditions=conditions)
    assert StoredObject.objects.values().get() == before


def test_deleting_what_is_not_there_says_so(store: Store) -> None:
    with pytest.raises(NoSuchKey):
        store.delete("a")
    with pytest.raises(NoSuchKey):
        store.delete("a", conditions=Preconditions(if_match=("*",)))


# What it may cost (DESIGN section 7)


@contextmanager
def statements() -> Iterator[list[str]]:
    captured: list[str] = []
    with CaptureQueriesContext(connection) as context:
        yield captured
    captured += [query["sql"] for query in context.captured_queries]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("size", [10, 1_000_000])
def test_a_get_is_one_statement_and_one_open(
    data_plane: DataPlane, settings: Settings, calls: list[str], size: int
) -> None:
    settings.ANONYMOUS_ACCESS = "write"
    data_plane.put("/buckets/test/objects/a", bytes(size))
    calls.clear()
    for method, opened in (("GET", ["open"]), ("HEAD", [])):
        with statements() as run:
            data_plane.request(method, "/buckets/test/objects/a")
        assert len(run) == 1
        assert calls == opened
        calls.clear()


@pytest.mark.postgresql_only
@pytest.mark.django_db(transaction=True)
def test_a_put_is_gate_claim_commit_and_one_write(
    data_plane: DataPlane, settings: Settings, calls: list[str]
) -> None:
    settings.ANONYMOUS_ACCESS = "write"

    def put(key: str, body: bytes, **headers: str) -> int:
        calls.clear()
        with statements() as run:
            path = f"/buckets/test/objects/{key}"
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            data_plane.put(path, body, headers=sent)
        return len(run)

    assert put("a", b"1") == 4, "one more makes the bucket"
    assert put("b", b"2") == 3
    assert calls == ["write"]
    assert put("a", b"3") == 3, "an overwrite costs what a new one does"
    assert put("c", b"4", If_None_Match="*") == 3, "a condition costs nothing"
    assert put("d", b"2") == 4, "a hit asks whether the caller knows the content"
    assert calls == []


@pytest.mark.sqlite_only
@pytest.mark.django_db(transaction=True)
def test_on_sqlite_a_put_is_one_transaction_after_gate_and_claim(
    data_plane: DataPlane, settings: Settings, calls: list[str]
) -> None:
    settings.ANONYMOUS_ACCESS = "write"

    def put(key: str, body: bytes) -> list[str]:
        calls.clear()
        with statements() as run:
            data_plane.put(f"/buckets/test/objects/{key}", body)
        return run

    assert len([s for s in put("a", b"1") if s.startswith("BEGIN")]) == 2
    new = put("b", b"2")
    assert len([s for s in new if s.startswith("BEGIN")]) == 1
    assert calls == ["write"]
    assert len(new) <= 11
    put("c", b"2")
    assert calls == []


@pytest.mark.django_db(transaction=True)
def test_a_delete_touches_no_bytes_and_is_cheap(
    data_plane: DataPlane, settings: Settings, calls: list[str]
) -> None:
    settings.ANONYMOUS_ACCESS = "write"
    data_plane.put("/buckets/test/objects/a", b"1")
    calls.clear()
    with statements() as run:
        data_plane.delete("/buckets/test/objects/a")
    assert calls == []
    on_postgresql = connection.vendor == "postgresql"
    assert len(run) == (2 if on_postgresql else 9), run
