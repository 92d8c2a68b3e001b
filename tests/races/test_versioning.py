"""A bucket begins to keep versions while others write to it."""

import threading
from functools import partial
from itertools import pairwise

import pytest
from django.db import OperationalError, transaction

from objects_app.models import Bucket, StoredObject
from objects_app.queries import postgresql_upkeep
from objects_app.services import buckets
from tests.races.soak_world import BY, World
from tests.races.threads import (
    JOIN_SECONDS,
    race,
    wait_until_somebody_waits_for_a_lock,
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
