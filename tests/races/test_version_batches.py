"""Races of moves and batches over keys that keep versions."""

import threading
from collections.abc import Callable
from functools import partial

import pytest

from objects_app.errors import NoSuchKey
from objects_app.models import Segment, StoredObject
from objects_app.queries.changes import Change, Mark
from objects_app.queries.rows import Preconditions
from objects_app.services import buckets, changes
from tests.races.soak_world import BY, World
from tests.races.threads import race
from tests.races.versions import (
    PARTIES,
    ROUNDS,
    check_totals,
    copied,
    history,
    move,
    puts,
    raised,
)

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("versioning", ["off", "enabled", "suspended"])
def test_moves_to_and_fro_among_puts_and_deletes_refuse_nobody(
    versioned: World, versioning: str
) -> None:
    if versioning == "off":
        versioned.bucket = buckets.create_bucket(
            new=buckets.NewBucket("without", None), by=BY
        ).row
    else:
        versioned.switch(versioning)
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
    versioned.switch(versioning)
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


@pytest.mark.parametrize("versioning", ["off", "suspended"])
def test_objects_made_of_parts_change_places_in_one_batch(
    store: World, versioning: str
) -> None:
    """Each is overwritten in place while the other one's segments are copied."""
    if versioning != "off":
        store.switch("enabled")
        store.switch(versioning)
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
