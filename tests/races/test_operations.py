"""Batches, moves and jobs that race: no deadlock, nothing half, nothing lost."""

import random
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from objects_app.errors import (
    BatchRefused,
    NoSuchKey,
    PreconditionFailed,
)
from objects_app.models import Job, StoredObject
from objects_app.queries import reads, sources, sql
from objects_app.queries.changes import Rewrite
from objects_app.queries.plans import Again
from objects_app.queries.rows import Span
from objects_app.services import jobs, operations, prefixes
from objects_app.services.operations import (
    Copy,
    Delete,
    Describe,
    Move,
    Operation,
    Source,
    Target,
)
from objects_app.services.prefixes import Work
from tests.races.soak_world import BY, CREATE_ONLY, World
from tests.races.threads import race, wait_until_somebody_waits_for_a_lock

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

KEYS = [f"k/{n}" for n in range(8)]
ROUNDS = 40
EXPECTED = (BatchRefused, NoSuchKey, PreconditionFailed)


def perform(*wanted: Operation) -> bool:
    """Do it; False where it cannot be done as things are at this moment."""
    try:
        operations.perform(operations=wanted, by=BY)
    except EXPECTED:
        return False
    return True


def unexpected(results: list[Any]) -> list[Any]:
    return [one for one in results if isinstance(one, Exception)]


def times(count: int, act: Callable[[int], object]) -> None:
    for number in range(count):
        act(number)


def until(over: threading.Event, act: Callable[[], object]) -> int:
    seen = 0
    while not over.is_set():
        act()
        seen += 1
    return seen


def ending(over: threading.Event, act: Callable[[], object]) -> None:
    try:
        act()
    finally:
        over.set()


def test_batches_over_the_same_keys_never_meet_in_a_deadlock(store: World) -> None:
    """In opposite and random orders, with single PUTs, DELETEs and moves between."""

    def target(key: str) -> Target:
        return Target(store.bucket, key)

    def source(key: str) -> Source:
        return Source(store.bucket, key)

    def batch(order: Callable[[list[str]], list[str]], number: int) -> None:
        one, two, three, four, five, six, *rest = order(KEYS)
        perform(
            Copy(source(one), target(two)),
            Move(source(three), target(four)),
            Delete(target(five)),
            Describe(target(six), Rewrite(metadata={"n": str(number)})),
        )
        perform(*(Describe(target(key), Rewrite(tags={"n": "1"})) for key in rest))

    def put(number: int) -> None:
        key = KEYS[number % len(KEYS)]
        store.put(key, store.contents[sorted(store.contents)[number % 4]])

    def delete(number: int) -> None:
        try:
            store.delete(KEYS[-number % len(KEYS)])
        except NoSuchKey:
            return

    dice = random.Random(5)  # noqa: S311
    for key in KEYS:
        store.put(key, b"first")
    results = race(
        partial(times, ROUNDS, partial(batch, list)),
        partial(times, ROUNDS, partial(batch, lambda keys: keys[::-1])),
        partial(times, ROUNDS, partial(batch, lambda keys: dice.sample(keys, 8))),
        partial(times, ROUNDS, partial(batch, lambda keys: keys[4:] + keys[:4])),
        partial(times, 4 * ROUNDS, put),
        partial(times, 2 * ROUNDS, delete),
    )

    assert unexpected(results) == []
    store.check_totals()
    store.check_references()
    assert store.losses == []


def test_a_reader_sees_all_of_a_batch_or_nothing(store: World) -> None:
    over = threading.Event()
    for key in KEYS:
        store.put(key, b"content")
    perform(*(_described(store, key, "first") for key in KEYS))

    def write(name: str, keys: list[str], number: int) -> None:
        assert perform(*(_described(store, key, f"{name}{number}") for key in keys))

    def look() -> None:
        rows = sources.latest_of(bucket_id=store.bucket.id, keys=KEYS)
        assert len({row.metadata["by"] for row in rows.values()}) == 1
        assert len(rows) == len(KEYS)

    results = race(
        partial(ending, over, partial(times, ROUNDS, partial(write, "forth", KEYS))),
        partial(times, ROUNDS, partial(write, "back", KEYS[::-1])),
        partial(until, over, look),
    )

    assert unexpected(results) == []
    assert results[-1] > 0


def test_a_reader_never_sees_half_of_a_prefix_move(store: World) -> None:
    over = threading.Event()
    for key in KEYS:
        store.put(key, b"content")

    def move(prefix: str, to: str, number: int) -> None:
        work = Work(store.bucket, prefix, store.bucket, to)
        jobs.perform(kind="move", work=work, user_id=None, by=BY)

    def look() -> None:
        everything = Span("", inclusive=True, end=None)
        found = reads.key_range(bucket=store.bucket, span=everything, limit=100)
        names = [entry.key for entry in found]
        assert len(names) == len(KEYS)
        assert len({name.partition("/")[0] for name in names}) == 1

    def forth(number: int) -> None:
        move("k/", "m/", number)
        move("m/", "k/", number)

    results = race(
        partial(ending, over, partial(times, ROUNDS, forth)),
        partial(times, ROUNDS, partial(move, "m/", "n/")),
        partial(times, ROUNDS, partial(move, "n/", "k/")),
        partial(until, over, look),
    )

    assert unexpected(results) == []
    assert results[-1] > 0
    store.check_totals()
    assert store.losses == []


def test_what_is_put_under_a_key_that_is_moved_away_is_neither_lost_nor_twice(
    store: World,
) -> None:
    over = threading.Event()
    put: list[str] = []

    def create(number: int) -> None:
        while True:
            try:
                put.append(store.put("in", b"%d" % number, CREATE_ONLY).sha256)
            except PreconditionFailed:
                continue
            return

    moved: Iterator[int] = iter(range(10**6))

    def move(name: str) -> None:
        key = f"out/{name}{next(moved)}"
        perform(Move(Source(store.bucket, "in"), Target(store.bucket, key)))

    results = race(
        partial(ending, over, partial(times, 2 * ROUNDS, create)),
        partial(until, over, partial(move, "a")),
        partial(until, over, partial(move, "b")),
    )

    assert unexpected(results) == []
    there = StoredObject.objects.values_list("sha256", flat=True)
    assert sorted(there) == sorted(put)


def test_a_description_that_was_answered_goes_along_with_a_move(store: World) -> None:
    """PATCH keeps row and time: a move that read just before has to notice."""
    over = threading.Event()
    store.put("a", b"content")
    answered = ["0"]

    def describe(number: int) -> None:
        there = [k for k in "ab" if perform(_described(store, k, str(number)))]
        answered.extend(str(number) for _ in there)

    def move() -> None:
        for source, target in (("a", "b"), ("b", "a")):
            perform(Move(Source(store.bucket, source), Target(store.bucket, target)))

    results = race(
        partial(ending, over, partial(times, 3 * ROUNDS, describe)),
        partial(until, over, move),
    )

    assert unexpected(results) == []
    assert StoredObject.objects.get().metadata == {"by": answered[-1]}


def test_two_workers_and_a_cancel_leave_a_job_that_says_what_was_done(
    store: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefixes, "MOST_KEYS", 1)
    monkeypatch.setattr(jobs, "_CHUNK_KEYS", 2)
    store.put("in/000", b"content")
    many = [Target(store.bucket, f"in/{n:03}") for n in range(1, 120)]
    assert perform(*(Copy(Source(store.bucket, "in/000"), one) for one in many))
    work = Work(store.bucket, "in/", store.bucket, "out/")
    made = jobs.perform(kind="move", work=work, user_id=None, by=BY)
    assert isinstance(made, jobs.JobRow)

    def run() -> None:
        for _ in range(200):
            jobs.run_next(stop=lambda: False)

    def cancel() -> int:
        while True:
            done = Job.objects.get().keys_done
            if done >= 20:
                cancelled = jobs.cancel_job(job_id=made.job_id, whose=jobs.Whose())
                assert cancelled.state == "cancelled"
                return StoredObject.objects.filter(key__startswith="out/").count()

    results = race(run, run, cancel)

    assert unexpected(results) == []
    job = Job.objects.get()
    moved = StoredObject.objects.filter(key__startswith="out/").count()
    assert job.state == "cancelled"
    assert moved == job.keys_done == results[-1]
    store.check_totals()
    assert store.losses == []


def _described(store: World, key: str, by: str) -> Describe:
    return Describe(Target(store.bucket, key), Rewrite(metadata={"by": by}))


@pytest.mark.postgresql_only
def test_who_must_give_way_over_keys_is_told_to_look_again() -> None:
    """Each waits for a key that the other holds: PostgreSQL ends one of the two."""
    first, second = (1, "a"), (1, "b")
    one_holds, other_holds = threading.Event(), threading.Event()

    def hold(mine: tuple[int, str], told: threading.Event) -> None:
        sql.lock_keys([mine])
        told.set()

    def one() -> str:
        with transaction.atomic():
            hold(first, one_holds)
            assert other_holds.wait(10)
            sql.lock_keys([second])
        return "done"

    def other() -> str:
        with transaction.atomic():
            hold(second, other_holds)
            assert one_holds.wait(10)
            wait_until_somebody_waits_for_a_lock()
            sql.lock_keys([first])
        return "done"

    results = race(one, other)
    assert sorted(map(type, results), key=str) == sorted([str, Again], key=str)
