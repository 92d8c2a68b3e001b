"""A bucket begins to keep versions, or ends it, while others write to it."""

import threading
from functools import partial
from itertools import pairwise

import pytest
from django.db import OperationalError, connection, transaction

from objects_app.models import Bucket, StoredObject
from objects_app.queries import postgresql_upkeep
from objects_app.queries.changes import Change, Mark
from objects_app.services import buckets, changes, objects
from tests.races.soak_world import BY, World
from tests.races.threads import (
    JOIN_SECONDS,
    Pausing,
    race,
    wait_until_somebody_waits_for_a_lock,
)
from tests.races.versions import (
    PARTIES,
    check_totals,
    copied,
    history,
    puts,
    putters,
    raised,
)

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

PUTS = 30


def set_versioning(store: World, mode: str) -> None:
    changes = {"versioning": mode}
    buckets.change_bucket(bucket=store.bucket, changes=changes, by=BY)


def test_no_overwrite_in_place_comes_after_versioning_was_enabled(
    store: World,
) -> None:
    half_done = threading.Event()

    def write(number: int) -> int:
        """Put over and over; return how many versions that made."""
        made = 0
        for count in range(PUTS):
            made += store.put("a", b"%d %d" % (number, count)).version_id != "null"
            if count == PUTS // 2:
                half_done.set()
        return made

    def enable() -> None:
        assert half_done.wait(JOIN_SECONDS)
        set_versioning(store, "enabled")

    *made, _ = race(*(partial(write, number) for number in range(3)), enable)

    rows = list(StoredObject.objects.filter(key="a").order_by("created_at"))
    ids = [row.version_id for row in rows]
    assert ids.count("null") == 1
    assert ids[0] == "null"
    assert len(ids) == 1 + sum(made)
    assert sum(made) > 0
    for earlier, later in pairwise(rows):
        assert earlier.superseded_at == later.created_at


@pytest.mark.postgresql_only
def test_the_change_waits_for_who_is_writing(store: World) -> None:
    written, done = threading.Event(), threading.Event()
    order: list[str] = []

    def write() -> None:
        with transaction.atomic():
            store.put("a", b"content")
            written.set()
            wait_until_somebody_waits_for_a_lock()
            order.append("put")
        done.set()

    def enable() -> None:
        assert written.wait(JOIN_SECONDS)
        set_versioning(store, "enabled")
        assert done.wait(JOIN_SECONDS)
        order.append("enabled")

    assert race(write, enable) == [None, None]
    assert order == ["put", "enabled"]


@pytest.mark.postgresql_only
def test_a_writer_that_takes_too_long_is_not_waited_for(
    store: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_upkeep, "_WRITERS_LOCK_MS", 100)
    written, refused = threading.Event(), threading.Event()

    def write() -> None:
        with transaction.atomic():
            store.put("a", b"content")
            written.set()
            assert refused.wait(JOIN_SECONDS)

    def enable() -> None:
        assert written.wait(JOIN_SECONDS)
        try:
            with pytest.raises(OperationalError, match="lock timeout"):
                set_versioning(store, "enabled")
        finally:
            refused.set()

    assert race(write, enable) == [None, None]
    assert Bucket.objects.get(pk=store.bucket.id).versioning == "off"


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
        store.switch("enabled")

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
        store.switch("enabled")

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
            versioned.switch(mode)

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
