"""Races over the versions of a key, on the database of the run."""

import threading
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection, transaction

from objects_app.errors import NoSuchKey, NoSuchVersion
from objects_app.models import Segment, StoredObject
from objects_app.queries.changes import Change, Mark
from objects_app.queries.rows import Preconditions
from objects_app.services import buckets, changes, journal, objects
from tests.races.soak_world import BY, World
from tests.races.threads import Pausing, race, wait_until_somebody_waits_for_a_lock

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

PARTIES = 6
ROUNDS = 5


def switch(store: World, versioning: str) -> None:
    bucket = buckets.again(store.bucket)
    changed = {"versioning": versioning}
    store.bucket = buckets.change_bucket(bucket=bucket, changes=changed, by=BY)
    store.bucket = buckets.again(bucket)


@pytest.fixture
def versioned(store: World) -> World:
    """A bucket that keeps versions."""
    switch(store, "enabled")
    return store


def history(store: World, key: str) -> list[StoredObject]:
    """Return the key's versions, oldest first: each until the next, one the latest."""
    rows = list(
        StoredObject.objects.filter(bucket_id=store.bucket.id, key=key).order_by(
            "created_at"
        )
    )
    for earlier, later in pairwise(rows):
        assert earlier.created_at < later.created_at
        assert earlier.superseded_at == later.created_at
        assert not earlier.is_latest
    for last in rows[-1:]:
        assert last.is_latest
        assert last.superseded_at is None
    return rows


def check_totals(store: World) -> None:
    store.check_totals()
    journal.fold()
    store.check_totals()
    store.check_references()
    assert store.losses == []


def raised(results: list[Any]) -> list[Exception]:
    return [one for one in results if isinstance(one, Exception)]


def puts(store: World, key: str, name: str) -> Callable[[], list[objects.StoredResult]]:
    """Return a party that puts a key again and again, each time other bytes."""

    def put() -> list[objects.StoredResult]:
        return [store.put(key, f"{name} {i}".encode()) for i in range(ROUNDS)]

    return put


def putters(store: World, key: str) -> list[Callable[[], Any]]:
    return [puts(store, key, f"{key} {i}") for i in range(PARTIES)]


def ids(results: list[Any]) -> list[str]:
    """Return the versions that the putters were told of."""
    return [one.version_id for puts in results if puts for one in puts]


def copied(store: World, source: str, target: str) -> tuple[Change, list[Mark]]:
    """Return the change that copies a key's latest version. Raises NoSuchKey."""
    row = store.look_up(source)
    if row is None:
        raise NoSuchKey(source)
    content, marks = changes.copy_of(row)
    bucket = buckets.again(store.bucket)
    return changes.change(
        bucket=bucket, key=target, operation="copy", what=content
    ), marks


def move(store: World, source: str, target: str) -> None:
    """Copy and delete in one transaction. Raises NoSuchKey."""

    def prepare() -> tuple[list[Change], list[Mark]]:
        row = store.look_up(source)
        if row is None:
            raise NoSuchKey(source)
        content, marks = changes.copy_of(row)
        bucket = buckets.again(store.bucket)
        change = partial(changes.change, bucket=bucket, operation="move")
        return [
            change(key=target, what=content),
            change(key=source, what=None, only=row),
        ], marks

    changes.commit(prepare=prepare, by=BY)


def test_every_one_of_many_puts_becomes_a_version(versioned: World) -> None:
    results = race(*putters(versioned, "hot"))

    assert raised(results) == []
    rows = history(versioned, "hot")
    assert sorted(row.version_id for row in rows) == sorted(ids(results))
    assert len(set(ids(results))) == PARTIES * ROUNDS
    answered = {one.version_id: one for puts in results for one in puts}
    assert all(answered[row.version_id].created_at == row.created_at for row in rows)
    assert [one.replaced for one in answered.values()].count(False) == 1
    check_totals(versioned)


def test_no_put_is_lost_while_the_latest_version_is_removed_again_and_again(
    versioned: World,
) -> None:
    removed: list[str] = []

    def remove() -> None:
        for _ in range(ROUNDS * 2):
            if (row := versioned.look_up("hot")) is not None:
                objects.delete_version(
                    bucket=versioned.bucket,
                    key="hot",
                    version_id=row.version_id,
                    by=BY,
                )
                removed.append(row.version_id)

    results = race(*putters(versioned, "hot"), remove)

    assert raised(results) == []
    rows = history(versioned, "hot")
    assert sorted([*removed, *(row.version_id for row in rows)]) == sorted(
        ids(results[:-1])
    )
    check_totals(versioned)


def test_of_many_that_remove_all_versions_one_removes_each(versioned: World) -> None:
    wanted = ids([puts(versioned, "hot", "x")()])

    def remove() -> int:
        done = 0
        for version_id in wanted:
            try:
                objects.delete_version(
                    bucket=versioned.bucket, key="hot", version_id=version_id, by=BY
                )
                done += 1
            except NoSuchVersion:
                continue
        return done

    results = race(*[remove] * PARTIES)

    assert raised(results) == []
    assert sum(results) == ROUNDS
    assert history(versioned, "hot") == []
    check_totals(versioned)


def test_a_delete_among_puts_of_a_key_that_is_there_always_finds_it(
    versioned: World,
) -> None:
    for number in range(ROUNDS):
        key = f"hot {number}"
        versioned.put(key, b"there before")

        results = race(*putters(versioned, key), partial(versioned.delete, key))

        assert raised(results) == []
        rows = history(versioned, key)
        assert [row.is_delete_marker for row in rows].count(True) == 1
        assert len(rows) == PARTIES * ROUNDS + 2


@pytest.mark.postgresql_only
def test_a_delete_that_waits_for_one_put_after_the_other_is_not_told_of_no_key(
    versioned: World,
) -> None:
    """Its second look, too, comes while somebody makes the next version."""
    versioned.put("hot", b"1")
    first = Pausing("INSERT INTO stored_object", before=False)
    second = Pausing("INSERT INTO stored_object", before=False)
    looked = Pausing("FOR UPDATE OF o", before=False)

    def put(pausing: Pausing, body: bytes) -> None:
        with connection.execute_wrapper(pausing), transaction.atomic():
            versioned.put("hot", body)

    def put_next() -> None:
        assert looked.reached.wait(10)
        put(second, b"3")

    def delete() -> None:
        assert first.reached.wait(10)
        with connection.execute_wrapper(looked):
            versioned.delete("hot")

    def watch() -> None:
        assert first.reached.wait(10)
        wait_until_somebody_waits_for_a_lock()
        first.go_on.set()
        assert second.reached.wait(10)
        looked.go_on.set()
        wait_until_somebody_waits_for_a_lock()
        second.go_on.set()

    results = race(partial(put, first, b"2"), put_next, delete, watch)

    assert raised(results) == []
    rows = history(versioned, "hot")
    assert [row.is_delete_marker for row in rows] == [False, False, False, True]


@pytest.mark.parametrize("versioning", ["off", "enabled", "suspended"])
def test_moves_to_and_fro_among_puts_and_deletes_refuse_nobody(
    versioned: World, versioning: str
) -> None:
    if versioning == "off":
        versioned.bucket = buckets.create_bucket(
            new=buckets.NewBucket("without", None), by=BY
        ).row
    else:
        switch(versioned, versioning)
    keys = ["a", "b", "c"]

    def work(party: Callable[[], object]) -> None:
        for _ in range(ROUNDS * 2):
            try:
                party()
            except NoSuchKey:
                continue

    results = race(
        *(partial(work, partial(move, versioned, "a", "b")),) * 2,
        *(partial(work, partial(move, versioned, "b", "a")),) * 2,
        partial(work, partial(move, versioned, "c", "a")),
        partial(work, partial(versioned.delete, "b")),
        *(puts(versioned, key, key) for key in keys),
    )

    assert raised(results) == []
    for key in keys:
        history(versioned, key)
    check_totals(versioned)


@pytest.mark.parametrize("versioning", ["enabled", "suspended"])
def test_nobody_sees_half_of_a_batch_and_batches_never_wait_in_a_circle(
    versioned: World, versioning: str
) -> None:
    switch(versioned, versioning)
    keys = [f"batch/{number}" for number in range(8)]
    done = threading.Event()
    for source in ("x", "y"):
        versioned.put(source, source.encode())

    def batch(source: str, targets: list[str]) -> None:
        def prepare() -> tuple[list[Change], list[Mark]]:
            copies = [copied(versioned, source, key) for key in targets]
            return [one for one, _ in copies], copies[0][1]

        for _ in range(ROUNDS):
            changes.commit(prepare=prepare, by=BY)

    def watch() -> int:
        looks = 0
        while not done.is_set():
            rows = StoredObject.objects.filter(key__in=keys, is_latest=True)
            assert len(set(rows.values_list("etag", flat=True))) <= 1
            looks += 1
        return looks

    def work() -> None:
        try:
            parties = [
                partial(batch, "x", keys),
                partial(batch, "y", keys[::-1]),
                partial(batch, "x", [*keys[4:], *keys[:4]]),
            ]
            found = race(*parties)
        finally:
            done.set()
        assert raised(found) == []

    results = race(work, watch)

    assert raised(results) == []
    assert results[1] > 0
    for key in keys:
        history(versioned, key)
    check_totals(versioned)


def test_of_batches_with_one_etag_exactly_one_is_written(versioned: World) -> None:
    etag = versioned.put("a", b"first").etag
    versioned.put("b", b"beside")

    def batch(name: str) -> None:
        new = versioned.put(name, name.encode())

        def prepare() -> tuple[list[Change], list[Mark]]:
            first, marks = copied(versioned, name, "a")
            conditions = Preconditions(if_match=(etag,))
            second, _ = copied(versioned, name, "b")
            return [second, first._replace(conditions=conditions)], marks

        changes.commit(prepare=prepare, by=BY)
        assert new.etag

    results = race(*(partial(batch, f"new {i}") for i in range(PARTIES)))

    refused = raised(results)
    assert len(refused) == PARTIES - 1
    assert {type(one) for one in refused} == {changes.ChangesRefused}
    assert {tuple(one.failures) for one in refused} == {(1,)}  # type: ignore[attr-defined]
    assert len(history(versioned, "a")) == len(history(versioned, "b")) == 2
    check_totals(versioned)


def test_versions_switched_on_among_puts_keep_the_last_one_without_an_id(
    store: World,
) -> None:
    store.put("hot", b"there before")
    started = threading.Barrier(PARTIES + 1)

    def put(number: int) -> list[objects.StoredResult]:
        started.wait(10)
        return puts(store, "hot", f"{number}")()

    def enable() -> None:
        started.wait(10)
        switch(store, "enabled")

    results = race(*(partial(put, i) for i in range(PARTIES)), enable)

    assert raised(results) == []
    answered = [one for done in results[:-1] for one in done]
    kept = {one.version_id for one in answered if one.version_id != "null"}
    rows = history(store, "hot")
    assert {row.version_id for row in rows} == {"null"} | kept
    unversioned = [one for one in answered if one.version_id == "null"]
    last = max((one.created_at for one in unversioned), default=rows[0].created_at)
    assert rows[0].created_at == last
    check_totals(store)


@pytest.mark.postgresql_only
def test_who_switches_versions_on_waits_for_a_batch_that_saw_them_off(
    store: World,
) -> None:
    """It would overwrite in place, and what was there is gone from the past."""
    store.put("source", b"1")
    before = store.put("target", b"2")
    looked = Pausing("JOIN bucket b", before=False)

    def copy() -> None:
        def prepare() -> tuple[list[Change], list[Mark]]:
            change, marks = copied(store, "source", "target")
            return [change], marks

        with connection.execute_wrapper(looked):
            changes.commit(prepare=prepare, by=BY)

    def enable() -> None:
        assert looked.reached.wait(10)
        switch(store, "enabled")

    def watch() -> None:
        assert looked.reached.wait(10)
        wait_until_somebody_waits_for_a_lock()
        looked.go_on.set()

    results = race(copy, enable, watch)

    assert raised(results) == []
    assert store.bucket.versioning == "enabled"
    [row] = history(store, "target")
    assert row.created_at > before.created_at


def test_suspended_and_enabled_again_among_puts_no_version_with_an_id_is_lost(
    versioned: World,
) -> None:
    def toggle() -> None:
        for mode in ("suspended", "enabled", "suspended"):
            switch(versioned, mode)

    results = race(*putters(versioned, "hot"), toggle)

    assert raised(results) == []
    answered = [one for done in results[:-1] for one in done]
    kept = {one.version_id for one in answered if one.version_id != "null"}
    rows = history(versioned, "hot")
    assert {row.version_id for row in rows} - {"null"} == kept
    unversioned = [one.created_at for one in answered if one.version_id == "null"]
    assert [row.created_at for row in rows if row.version_id == "null"] == sorted(
        unversioned
    )[-1:]
    check_totals(versioned)


def test_suspended_of_many_puts_the_last_is_the_null_version(versioned: World) -> None:
    kept = versioned.put("hot", b"kept").version_id
    switch(versioned, "suspended")

    results = race(*putters(versioned, "hot"))

    assert raised(results) == []
    rows = history(versioned, "hot")
    assert [row.version_id for row in rows] == [kept, "null"]
    last = max((one for done in results for one in done), key=lambda r: r.created_at)
    assert rows[-1].sha256 == last.sha256
    check_totals(versioned)


@pytest.mark.parametrize("versioning", ["off", "suspended"])
def test_objects_made_of_parts_change_places_in_one_batch(
    store: World, versioning: str
) -> None:
    """Each is overwritten in place while the other one's segments are copied."""
    if versioning != "off":
        switch(store, "enabled")
        switch(store, versioning)
    pieces = list(store.contents.values())[1:4]
    for key, chosen in (("a", pieces[:2]), ("b", pieces)):
        upload = store.begin(key)
        listed = [store.put_part(upload, i, one) for i, one in enumerate(chosen, 1)]
        store.complete(upload, listed)

    def prepare() -> tuple[list[Change], list[Mark]]:
        return [copied(store, "a", "b")[0], copied(store, "b", "a")[0]], []

    changes.commit(prepare=prepare, by=BY)

    assert (store.read("a"), store.read("b")) == (
        b"".join(pieces),
        b"".join(pieces[:2]),
    )
    assert Segment.objects.count() == 5
    check_totals(store)


@pytest.mark.postgresql_only
@pytest.mark.parametrize("what", ["put", "put if it is there", "delete"])
def test_who_waits_for_an_upload_to_be_completed_leaves_no_segment_behind(
    store: World, what: str
) -> None:
    """Its statement began before they were there."""
    store.put("hot", b"there before")
    upload = store.begin("hot")
    pieces = list(store.contents.values())[1:3]
    listed = [store.put_part(upload, i, one) for i, one in enumerate(pieces, 1)]
    completed = Pausing("INSERT INTO segment", before=False)

    def complete() -> None:
        with connection.execute_wrapper(completed):
            store.complete(upload, listed)

    def follow() -> None:
        assert completed.reached.wait(10)
        if what == "delete":
            store.delete("hot")
        elif what == "put":
            store.put("hot", b"after")
        else:
            store.put("hot", b"after", Preconditions(if_match=("*",)))

    def watch() -> None:
        assert completed.reached.wait(10)
        wait_until_somebody_waits_for_a_lock()
        completed.go_on.set()

    results = race(complete, follow, watch)

    assert raised(results) == []
    assert store.read("hot") == (None if what == "delete" else b"after")
    assert Segment.objects.count() == 0
    check_totals(store)
