"""Changes made from what was read just before: somebody else may be faster."""

from collections.abc import Iterable

import pytest

from objects_app.models import StoredObject
from objects_app.queries import reads, sql
from objects_app.queries.plans import Again
from objects_app.queries.rows import BucketRow
from objects_app.services import changes, drafts
from objects_app.services.drafts import Draft
from tests.services.store import ACTOR, Store

pytestmark = pytest.mark.django_db


def move_to_b(draft: Draft, bucket: BucketRow) -> None:
    """Move "a" there, as it is now."""
    found = reads.find_object("test", "a")
    assert found is not None
    assert found[1] is not None
    draft.move(found[1], out_of=bucket, into=bucket, key="b")


def test_a_move_that_lost_some_races_reads_under_the_locks_of_its_keys(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = store.bucket()
    store.put("a")
    locked: list[list[tuple[int, str]]] = []
    lock_keys = sql.lock_keys

    def lock(keys: Iterable[tuple[int, str]]) -> None:
        locked.append(list(keys))
        lock_keys(locked[-1])

    def draw(draft: Draft) -> None:
        move_to_b(draft, bucket)
        if not locked:
            store.put("a")

    monkeypatch.setattr(sql, "lock_keys", lock)
    monkeypatch.setattr(changes, "_step_aside", lambda _: None)
    drafts.commit(draw=draw, by=ACTOR)
    assert locked == [[(bucket.id, "b"), (bucket.id, "a")]]
    assert list(StoredObject.objects.values_list("key", flat=True)) == ["b"]


def test_who_gives_way_to_another_over_the_locks_of_keys_reads_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = store.bucket()
    store.put("a")
    asked = 0
    lock_keys = sql.lock_keys

    def lock(keys: Iterable[tuple[int, str]]) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise Again
        lock_keys(keys)

    def draw(draft: Draft) -> None:
        move_to_b(draft, bucket)
        if not asked:
            store.put("a")

    monkeypatch.setattr(sql, "lock_keys", lock)
    monkeypatch.setattr(changes, "_step_aside", lambda _: None)
    drafts.commit(draw=draw, by=ACTOR)
    assert asked == 2
    assert list(StoredObject.objects.values_list("key", flat=True)) == ["b"]
