"""The versions of a key in a race, and what is asked of them at its end."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

from objects_app.errors import NoSuchKey
from objects_app.models import StoredObject
from objects_app.queries.changes import Change, Mark
from objects_app.services import buckets, changes, journal, objects
from tests.races.soak_world import BY, World

PARTIES = 6
ROUNDS = 5


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
