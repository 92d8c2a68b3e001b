"""Races over the versions of a key, on the database of the run."""

from functools import partial

import pytest
from django.db import connection, transaction

from objects_app.errors import NoSuchVersion
from objects_app.models import Segment
from objects_app.queries.rows import Preconditions
from objects_app.services import objects
from tests.races.soak_world import BY, World
from tests.races.threads import Pausing, race, wait_until_somebody_waits_for_a_lock
from tests.races.versions import (
    PARTIES,
    ROUNDS,
    check_totals,
    history,
    ids,
    puts,
    putters,
    raised,
)

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


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


def test_suspended_of_many_puts_the_last_is_the_null_version(versioned: World) -> None:
    kept = versioned.put("hot", b"kept").version_id
    versioned.switch("suspended")

    results = race(*putters(versioned, "hot"))

    assert raised(results) == []
    rows = history(versioned, "hot")
    assert [row.version_id for row in rows] == [kept, "null"]
    last = max((one for done in results for one in done), key=lambda r: r.created_at)
    assert rows[-1].sha256 == last.sha256
    check_totals(versioned)


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
