"""Single races on the database of the run, each with one outcome that is right."""

import time
from functools import partial
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction

from objects_app.errors import (
    BucketNotEmpty,
    BucketTaken,
    NoSuchBucket,
    PreconditionFailed,
)
from objects_app.models import Blob, Bucket, JournalEntry, StoredObject
from objects_app.queries import sql, upkeep
from objects_app.queries.rows import (
    Deleted,
    Preconditions,
)
from objects_app.services import buckets, journal, objects, sweep
from tests.races.soak_world import BY, CREATE_ONLY, World, condemned
from tests.races.threads import Pausing, race, wait_until_somebody_waits_for_a_lock

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

PARTIES = 8
ROUNDS = 5
CREATIONS = 20


def won(results: list[Any]) -> list[Any]:
    return [one for one in results if not isinstance(one, Exception)]


def lost(results: list[Any]) -> list[type[Exception]]:
    return [type(one) for one in results if isinstance(one, Exception)]


def test_of_many_creators_of_one_key_exactly_one_wins(store: World) -> None:
    for number in range(CREATIONS):
        key = f"new {number}"
        bodies = [f"{number} {i}".encode() for i in range(PARTIES)]

        results = race(*(partial(store.put, key, body, CREATE_ONLY) for body in bodies))

        assert len(won(results)) == 1
        assert lost(results) == [PreconditionFailed] * (PARTIES - 1)
        assert store.look_up(key).sha256 == won(results)[0].sha256  # type: ignore[union-attr]


def test_of_many_puts_that_create_one_key_none_is_refused(store: World) -> None:
    for number in range(CREATIONS):
        key = f"new {number}"
        bodies = [f"{number} {i}".encode() for i in range(PARTIES)]

        results = race(*(partial(store.put, key, body) for body in bodies))

        assert lost(results) == []
        assert [one.replaced for one in results].count(False) == 1
        last = max(results, key=lambda one: one.created_at)
        assert store.look_up(key).sha256 == last.sha256  # type: ignore[union-attr]


@pytest.mark.postgresql_only
def test_a_creator_refused_by_the_index_that_nobody_watches_tries_again(
    store: World,
) -> None:
    refused: list[str] = []

    def refuse_once(execute: Any, statement: str, *arguments: Any) -> Any:
        if "INSERT INTO stored_object" in statement and not refused:
            refused.append(statement)
            raise IntegrityError from psycopg.errors.UniqueViolation()
        return execute(statement, *arguments)

    with connection.execute_wrapper(refuse_once):
        stored = store.put("new", b"content")

    assert len(refused) == 1
    assert store.look_up("new").sha256 == stored.sha256  # type: ignore[union-attr]


def test_of_many_overwriters_exactly_one_wins_per_etag(store: World) -> None:
    etag = store.put("hot", b"first").etag
    for number in range(ROUNDS):
        bodies = [f"{number} {i}".encode() for i in range(PARTIES)]
        if_match = Preconditions(if_match=(etag,))

        results = race(*(partial(store.put, "hot", body, if_match) for body in bodies))

        assert len(won(results)) == 1
        assert lost(results) == [PreconditionFailed] * (PARTIES - 1)
        etag = won(results)[0].etag


def test_an_overwriter_and_a_deleter_of_one_etag_do_not_both_win(
    store: World,
) -> None:
    for number in range(ROUNDS):
        etag = store.put("hot", f"{number}".encode()).etag
        if_match = Preconditions(if_match=(etag,))

        results = race(
            partial(store.put, "hot", f"{number} over".encode(), if_match),
            partial(store.delete, "hot", if_match),
        )

        assert len(lost(results)) == 1
        present = store.look_up("hot")
        assert (present is not None) == isinstance(results[1], PreconditionFailed)


@pytest.mark.postgresql_only
def test_a_delete_that_waited_for_an_overwrite_fails_its_if_match(
    store: World,
) -> None:
    """Not "no such key": the key was there before, meanwhile and after."""
    etag = store.put("hot", b"first").etag
    other = store.put("other", b"second")
    overwriter = Pausing("INSERT INTO stored_object", before=False)
    found: list[Deleted | None] = []

    def overwrite() -> None:
        with connection.execute_wrapper(overwriter), transaction.atomic():
            store.put("hot", b"second")

    def delete() -> None:
        assert overwriter.reached.wait(10)
        found.append(
            sql.delete_object(
                bucket_id=store.bucket.id,
                bucket_name=store.bucket.name,
                key="hot",
                conditions=Preconditions(if_match=(etag,)),
                by=BY,
            )
        )

    def watch() -> None:
        assert overwriter.reached.wait(10)
        wait_until_somebody_waits_for_a_lock()
        overwriter.go_on.set()

    assert lost(race(overwrite, delete, watch)) == []

    assert found == [Deleted(removed=False)]
    assert store.look_up("hot").sha256 == other.sha256  # type: ignore[union-attr]


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_bucket_deleted_under_a_put_never_keeps_an_object(
    store: World, number: int
) -> None:
    name = f"vanishing-{number}"
    bucket = buckets.create_bucket(new=buckets.NewBucket(name, None), by=BY).row
    store.bucket = bucket

    results = race(
        partial(store.put, "key", b"content"),
        partial(buckets.delete_bucket, bucket=bucket, by=BY),
    )

    assert lost(results) in ([NoSuchBucket], [BucketNotEmpty])
    kept = StoredObject.objects.filter(bucket_id=bucket.id).count()
    assert kept == Bucket.objects.filter(name=name).count()


def test_of_two_owners_that_create_one_bucket_one_is_told_it_is_taken(
    alice: User, bob: User
) -> None:
    for number in range(ROUNDS):
        name = f"wanted-{number}"
        results = race(
            *(
                partial(
                    buckets.create_bucket, new=buckets.NewBucket(name, who.pk), by=BY
                )
                for who in (alice, bob)
            )
        )

        assert lost(results) == [BucketTaken]
        assert won(results)[0].created
        assert Bucket.objects.get(name=name).owner_id == won(results)[0].row.owner_id


def test_a_writer_that_meets_a_deleting_blob_waits_and_succeeds(
    store: World,
) -> None:
    content = b"removed and put again"
    condemned(store, content)
    [marked], _ = upkeep.mark(grace_seconds=0, lease_seconds=60, limit=10)
    waiting = Pausing("FROM blob WHERE sha256", before=False)

    def write() -> objects.StoredResult:
        with connection.execute_wrapper(waiting):
            return store.put("again", content)

    def remove() -> bool:
        assert waiting.reached.wait(10)  # the writer has seen the row deleting
        waiting.go_on.set()
        return sweep.remove(store=store.store, marked=marked, started=time.monotonic())

    stored, removed = race(write, remove)

    assert removed is True
    assert not stored.deduplicated
    assert store.read("again") == content
    assert Blob.objects.get().deleting_since is None


def test_a_put_that_comes_while_its_blob_is_being_marked_is_not_lost(
    store: World,
) -> None:
    """Either the mark's second look sees it, or its commit finds no row to mark."""
    content = b"between the two statements of the mark"
    sha256 = condemned(store, content)
    marking = Pausing("condemned_at <=", before=False)
    committing = Pausing(
        "UPDATE blob SET verified_at" if on_postgresql() else "BEGIN", before=True
    )
    committing.go_on.set()

    def mark_and_remove() -> int:
        with connection.execute_wrapper(marking):
            return sweep.sweep(grace_seconds=0).removed

    def write() -> objects.StoredResult:
        assert marking.reached.wait(10)
        with connection.execute_wrapper(committing):
            return store.put("rescued", content)

    def let_go() -> None:
        assert committing.reached.wait(10)
        if on_postgresql():
            wait_until_somebody_waits_for_a_lock()
        marking.go_on.set()

    results = race(mark_and_remove, write, let_go)

    assert lost(results) == []
    assert results[0] == 1
    assert store.read("rescued") == content
    assert store.losses == []
    assert Blob.objects.get(sha256=sha256).condemned_at is None


def on_postgresql() -> bool:
    return connection.vendor == "postgresql"


@pytest.mark.postgresql_only
def test_a_mark_passes_by_a_blob_that_an_open_commit_holds(store: World) -> None:
    content = b"held by a commit"
    condemned(store, content)
    committing = Pausing("INSERT INTO stored_object", before=False)

    def write() -> None:
        with connection.execute_wrapper(committing), transaction.atomic():
            store.put("held", content)

    def mark() -> Any:
        assert committing.reached.wait(10)
        try:
            return upkeep.mark(grace_seconds=0, lease_seconds=60, limit=10)
        finally:
            committing.go_on.set()

    _, marked = race(write, mark)

    assert marked == ([], 0)
    assert store.read("held") == content


def test_the_time_of_a_hot_keys_versions_only_moves_forward(store: World) -> None:
    bodies = [f"{i}".encode() for i in range(PARTIES)]

    def overwrite(body: bytes) -> list[Any]:
        return [store.put("hot", body).created_at for _ in range(ROUNDS)]

    results = race(*(partial(overwrite, body) for body in bodies))

    assert lost(results) == []
    assert all(times == sorted(times) for times in results)
    everyone = sorted(moment for times in results for moment in times)
    assert len(set(everyone)) == PARTIES * ROUNDS
    assert store.look_up("hot").created_at == everyone[-1]  # type: ignore[union-attr]


@pytest.mark.alone
def test_totals_are_exact_at_every_moment_while_the_journal_is_folded(
    store: World,
) -> None:
    def work(number: int) -> None:
        for i in range(ROUNDS):
            store.put(f"{number % 3}", f"{number} {i}".encode() * i)
            store.put(f"only {number}", b"x" * i)
            store.delete(f"only {number}")
        store.stop.set()

    def follow() -> int:
        folded = 0
        while not store.stop.is_set():
            folded += journal.fold()
            store.check_totals()
        return folded

    results = race(*(partial(work, number) for number in range(4)), follow, follow)
    store.check_totals()

    assert lost(results) == []
    assert store.losses == []
    assert results[4] + results[5] + journal.fold() == JournalEntry.objects.count()
    store.check_totals()
    assert store.losses == []
