"""Jobs: work in many transactions, each whole, gone on with after a crash."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, transaction
from django.db.models.functions import Now

from objects_app.errors import (
    InvalidArgument,
    NoSuchJob,
    StorageBusy,
    StorageUnavailable,
)
from objects_app.models import Blob, Bucket, Job, StoredObject
from objects_app.queries import reads, sql
from objects_app.queries.changes import Rewrite
from objects_app.queries.rows import BucketRow
from objects_app.services import buckets, changes, drafts, jobs, prefixes
from objects_app.services import restore as restores
from objects_app.services.jobs import JobRow, Whose
from objects_app.services.prefixes import Work
from tests.histories import passed_moment
from tests.services.store import ACTOR, Store
from tests.stored import lose

pytestmark = pytest.mark.django_db

KEYS = [f"p/{n:02}" for n in range(10)]
ANYBODY = Whose()


def go_on() -> bool:
    return False


def keys(prefix: str) -> list[str]:
    rows = StoredObject.objects.filter(is_latest=True, is_delete_marker=False)
    return sorted(k for k in rows.values_list("key", flat=True) if k.startswith(prefix))


def make(
    kind: str, work: Work, *, user: User | None = None, key_id: str = ""
) -> JobRow:
    made = jobs.perform(
        kind=kind,
        work=work,
        user_id=user.pk if user else None,
        by=ACTOR._replace(key_id=key_id),
    )
    assert isinstance(made, JobRow)
    return made


def look(job: JobRow) -> JobRow:
    return jobs.get_job(job_id=job.job_id, whose=Whose(everybody=True))


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three keys a transaction; more than two at once are a job."""
    monkeypatch.setattr(prefixes, "MOST_KEYS", 2)
    monkeypatch.setattr(jobs, "_CHUNK_KEYS", 3)


@pytest.fixture
def bucket(store: Store) -> BucketRow:
    made = store.bucket()
    for key in KEYS:
        store.put(key, key.encode())
    return made


def stop_after(steps: int) -> Callable[[], bool]:
    """Return a worker's `stop` that lets it do so many transactions."""
    asked = iter(range(steps))
    return lambda: next(asked, None) is None


@pytest.mark.parametrize("kind", ["copy", "move"])
def test_a_job_does_all_keys_in_order(
    store: Store, bucket: BucketRow, kind: str
) -> None:
    job = make(kind, Work(bucket, "p/", bucket, "q/", Rewrite(tags={"a": "b"})))

    assert jobs.run_next(stop=go_on) == len(KEYS)

    done = look(job)
    assert (done.state, done.keys_done, done.problem) == ("done", 10, "")
    assert done.started_at is not None
    assert done.finished_at is not None
    assert done.finished_at >= done.started_at
    assert keys("q/") == [f"q/{key.removeprefix('p/')}" for key in KEYS]
    assert keys("p/") == ([] if kind == "move" else KEYS)
    assert store.read("q/07") == b"p/07"
    made = StoredObject.objects.filter(key__startswith="q/")
    assert all(row.tags == {"a": "b"} for row in made)


def test_a_job_deletes(bucket: BucketRow) -> None:
    job = make("delete", Work(bucket, "p/"))
    jobs.run_next(stop=go_on)
    assert look(job).state == "done"
    assert keys("") == []
    assert reads.bucket_totals(bucket.id) == (0, 0)


def test_a_worker_that_ends_leaves_the_rest_to_the_next(bucket: BucketRow) -> None:
    job = make("move", Work(bucket, "p/", bucket, "q/"))

    jobs.run_next(stop=stop_after(2))

    assert (look(job).state, look(job).keys_done) == ("running", 6)
    assert len(keys("q/")) == 6
    jobs.run_next(stop=go_on)
    assert (look(job).state, look(job).keys_done) == ("done", 10)
    assert len(keys("q/")) == 10


def test_what_a_crash_undid_is_not_counted_as_done(
    bucket: BucketRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make("move", Work(bucket, "p/", bucket, "q/"))
    jobs.run_next(stop=stop_after(1))

    def crash(**given: Any) -> None:
        given["first"]()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(changes, "commit", in_a_transaction(crash))
        with pytest.raises(KeyboardInterrupt):
            jobs.run_next(stop=go_on)

    assert (look(job).state, look(job).keys_done) == ("running", 3)
    jobs.run_next(stop=go_on)
    assert (look(job).state, look(job).keys_done) == ("done", 10)
    assert len(keys("q/")) == 10


def in_a_transaction(crash: Callable[..., None]) -> Callable[..., None]:
    def commit(*, prepare: changes.Prepare, **given: Any) -> None:
        prepare()
        with transaction.atomic():
            crash(**given)

    return commit


def test_keys_whose_bytes_have_to_be_looked_at_first_are_not_passed_by(
    store: Store, bucket: BucketRow
) -> None:
    """Then the engine's first transaction is rolled back, with what it wrote here."""
    job = make("copy", Work(bucket, "p/", bucket, "q/"))
    Blob.objects.update(verified_at=None)
    jobs.run_next(stop=go_on)
    assert (look(job).state, look(job).keys_done) == ("done", 10)
    assert len(keys("q/")) == 10


def test_bytes_that_are_missing_fail_the_job(store: Store, bucket: BucketRow) -> None:
    job = make("copy", Work(bucket, "p/", bucket, "q/"))
    Blob.objects.update(verified_at=None)
    lose(store.blob(b"p/04").sha256)
    jobs.run_next(stop=go_on)
    assert (look(job).state, look(job).keys_done) == ("failed", 3)
    assert store.blob(b"p/04").sha256 in look(job).problem


def test_two_workers_never_do_the_same_keys(bucket: BucketRow) -> None:
    job = make("copy", Work(bucket, "p/", bucket, "q/"))
    stale = Job.objects.get(job_id=job.job_id)
    jobs.run_next(stop=stop_after(1))

    assert jobs._attempt(stale) is None

    assert look(job).keys_done == 3
    assert len(keys("q/")) == 3


def test_a_cancelled_job_changes_nothing_more(bucket: BucketRow) -> None:
    job = make("move", Work(bucket, "p/", bucket, "q/"))
    jobs.run_next(stop=stop_after(1))
    stale = Job.objects.get(job_id=job.job_id)

    cancelled = jobs.cancel_job(job_id=job.job_id, whose=ANYBODY)

    assert cancelled.state == "cancelled"
    assert cancelled.finished_at is not None
    assert jobs._attempt(stale) is None
    assert jobs.run_next(stop=go_on) == 0
    assert look(job) == cancelled
    assert len(keys("q/")) == 3


def test_a_job_that_waits_is_cancelled(bucket: BucketRow) -> None:
    job = make("delete", Work(bucket, "p/"))
    jobs.cancel_job(job_id=job.job_id, whose=ANYBODY)
    jobs.run_next(stop=go_on)
    assert keys("") == KEYS


def test_a_job_that_is_done_cannot_be_cancelled(bucket: BucketRow) -> None:
    job = make("delete", Work(bucket, "p/"))
    jobs.run_next(stop=go_on)
    assert jobs.cancel_job(job_id=job.job_id, whose=ANYBODY).state == "done"


def test_jobs_take_turns(store: Store, bucket: BucketRow) -> None:
    first = make("copy", Work(bucket, "p/", bucket, "q/"))
    second = make("copy", Work(bucket, "p/", bucket, "r/"))
    jobs.run_next(stop=stop_after(3))
    assert (look(first).keys_done, look(second).keys_done) == (6, 3)


def test_a_turn_ends_in_time(
    bucket: BucketRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("copy", Work(bucket, "p/", bucket, "q/"))
    clock = iter(range(0, 1000, 4))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    assert jobs.run_next(stop=go_on) == 6


def test_a_bucket_that_was_deleted_fails_the_job(
    store: Store, bucket: BucketRow
) -> None:
    other = store.bucket("other")
    job = make("copy", Work(bucket, "p/", other, "q/"))
    Bucket.objects.filter(pk=other.id).delete()
    store.bucket("other")
    jobs.run_next(stop=go_on)
    assert look(job).state == "failed"
    assert "Bucket other was deleted" in look(job).problem


def test_a_user_who_may_not_sign_in_any_more_fails_the_job(
    bucket: BucketRow, alice: User
) -> None:
    job = make("delete", Work(bucket, "p/"), user=alice)
    User.objects.update(is_active=False)
    jobs.run_next(stop=go_on)
    assert (look(job).state, look(job).keys_done) == ("failed", 0)
    assert "sign in" in look(job).problem
    assert keys("") == KEYS


def test_the_jobs_of_a_user_go_with_the_user(bucket: BucketRow, alice: User) -> None:
    make("delete", Work(bucket, "p/"), user=alice)
    stale = Job.objects.get()
    alice.delete()
    assert jobs.run_next(stop=go_on) == 0
    assert jobs._attempt(stale) == 0
    assert keys("") == KEYS


def test_a_key_that_is_taken_fails_the_job_and_what_is_done_stays(
    store: Store, bucket: BucketRow
) -> None:
    store.put("q/05", b"present")
    job = make("copy", Work(bucket, "p/", bucket, "q/", new_only=True))
    jobs.run_next(stop=go_on)
    assert (look(job).state, look(job).keys_done) == ("failed", 3)
    assert keys("q/") == ["q/00", "q/01", "q/02", "q/05"]


def test_a_quota_fails_the_job_where_it_is_reached(bucket: BucketRow) -> None:
    job = make("copy", Work(bucket, "p/", bucket, "q/"))
    Bucket.objects.update(quota_objects=len(KEYS) + 4)
    jobs.run_next(stop=go_on)
    assert (look(job).state, look(job).keys_done) == ("failed", 3)
    assert "quota" in look(job).problem


@pytest.mark.parametrize(
    "error", [OperationalError("gone"), StorageUnavailable("off"), StorageBusy("hot")]
)
def test_what_cannot_answer_just_now_is_waited_for(
    bucket: BucketRow,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    job = make("copy", Work(bucket, "p/", bucket, "q/"))

    def fail(**_: Any) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(drafts, "commit", fail)
        assert jobs.run_next(stop=go_on) == 0
    assert look(job).state == "running"
    [told] = [r for r in caplog.records if r.name == jobs.logger.name]
    assert (told.levelno, str(error) in told.getMessage()) == (logging.WARNING, True)
    jobs.run_next(stop=go_on)
    assert look(job).state == "done"


def test_keys_that_are_written_all_the_time_are_done_one_by_one(
    bucket: BucketRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make("move", Work(bucket, "p/", bucket, "q/"))
    real = changes.commit

    def busy(*, prepare: changes.Prepare, **given: Any) -> Any:
        if len(prepare()[0]) > 2:
            raise StorageBusy("These keys kept changing.")
        return real(prepare=prepare, **given)

    monkeypatch.setattr(changes, "commit", busy)
    jobs.run_next(stop=go_on)
    assert (look(job).state, look(job).keys_done) == ("done", 10)
    assert len(keys("q/")) == 10


def test_keys_that_come_behind_the_job_are_left_and_those_before_it_done(
    store: Store, bucket: BucketRow
) -> None:
    make("move", Work(bucket, "p/", bucket, "q/"))
    jobs.run_next(stop=stop_after(1))
    store.put("p/00")
    store.put("p/99")
    jobs.run_next(stop=go_on)
    assert keys("p/") == ["p/00"]
    assert "q/99" in keys("q/")


@pytest.fixture
def versioned(store: Store) -> BucketRow:
    made = store.bucket("versioned")
    return buckets.change_bucket(
        bucket=made, changes={"versioning": "enabled"}, by=ACTOR
    )


def test_a_restore_of_many_keys_is_a_job(
    store: Store, versioned: BucketRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restores, "MOST_KEYS", 2)
    for key in KEYS:
        store.put(key, key.encode(), bucket=versioned)
    moment = passed_moment()
    for key in KEYS[4:]:
        store.put(key, b"changed", bucket=versioned)
    store.put("p/new", bucket=versioned)

    job = jobs.restore(
        bucket=versioned, prefix="p/", moment=moment, user_id=None, by=ACTOR
    )

    assert isinstance(job, JobRow)
    assert (job.kind, job.keys_total) == ("restore", 11)
    jobs.run_next(stop=go_on)
    done = look(job)
    assert (done.state, done.problem, done.keys_done) == ("done", "", 11)
    assert keys("p/") == KEYS
    assert {store.read(k, bucket="versioned") for k in KEYS} == {
        key.encode() for key in KEYS
    }


def test_a_few_keys_are_restored_at_once(store: Store, versioned: BucketRow) -> None:
    moment = sql.clock()
    store.put("p/new", bucket=versioned)
    done = jobs.restore(
        bucket=versioned, prefix="", moment=moment, user_id=None, by=ACTOR
    )
    assert isinstance(done, restores.Outcome)
    assert done.removed == 1
    assert not Job.objects.exists()


# Whose they are


def test_a_job_is_seen_by_its_user_and_by_administrators(
    bucket: BucketRow, alice: User, bob: User
) -> None:
    job = make("delete", Work(bucket, "p/"), user=alice, key_id="OSK1")
    for whose, sees in {
        Whose(alice.pk): True,
        Whose(bob.pk, everybody=True): True,
        Whose(alice.pk, key_id="OSK1"): True,
        Whose(alice.pk, key_id="OSK2"): False,
        Whose(bob.pk): False,
        Whose(): False,
    }.items():
        assert bool(jobs.list_jobs(whose=whose, limit=9).jobs) == sees
        if sees:
            assert jobs.get_job(job_id=job.job_id, whose=whose) == look(job)
            continue
        for function in (jobs.get_job, jobs.cancel_job):
            with pytest.raises(NoSuchJob):
                function(job_id=job.job_id, whose=whose)
    assert look(job).state == "queued"


def test_jobs_are_listed_from_the_newest_by_state_and_page(bucket: BucketRow) -> None:
    made = [make("delete", Work(bucket, "p/")) for _ in range(3)]
    jobs.cancel_job(job_id=made[1].job_id, whose=ANYBODY)

    page = jobs.list_jobs(whose=ANYBODY, limit=2)
    rest = jobs.list_jobs(whose=ANYBODY, before=page.next_position, limit=2)

    ids = [job.job_id for job in page.jobs + rest.jobs]
    assert ids == [job.job_id for job in reversed(made)]
    assert rest.next_position is None
    [cancelled] = jobs.list_jobs(whose=ANYBODY, state="cancelled", limit=9).jobs
    assert cancelled.job_id == made[1].job_id
    with pytest.raises(InvalidArgument):
        jobs.list_jobs(whose=ANYBODY, state="lost", limit=9)


def test_jobs_are_forgotten_a_month_after_they_ended(bucket: BucketRow) -> None:
    old, young, waiting = (make("delete", Work(bucket, "p/")) for _ in range(3))
    for job, days in ((old, 31), (young, 29)):
        jobs.cancel_job(job_id=job.job_id, whose=ANYBODY)
        past = Now() - timedelta(days=days)
        Job.objects.filter(job_id=job.job_id).update(finished_at=past)
    assert jobs.prune() == 1
    left = set(Job.objects.values_list("job_id", flat=True))
    assert left == {young.job_id, waiting.job_id}
