"""All that a prefix has goes for good: older versions and delete markers, too."""

from collections.abc import Callable
from typing import Any

import pytest

from objects_app.models import Blob, Bucket, Job, JournalEntry, Segment, StoredObject
from objects_app.queries import history, reads, sql
from objects_app.queries.changes import Removal
from objects_app.queries.rows import BucketRow, Totals
from objects_app.services import buckets, changes, jobs, prefixes, sweep
from objects_app.services.jobs import JobRow, Whose
from tests.blobs.bodies import digest
from tests.histories import passed_moment
from tests.services import uploading
from tests.services.store import ACTOR, Store
from tests.services.test_versions import assert_times_are_gapless

pytestmark = pytest.mark.django_db


def go_on() -> bool:
    return False


def stop_after(steps: int) -> Callable[[], bool]:
    """Return a worker's `stop` that lets it do so many transactions."""
    asked = iter(range(steps))
    return lambda: next(asked, None) is None


def look(job: JobRow) -> JobRow:
    return jobs.get_job(job_id=job.job_id, whose=Whose(everybody=True))


def empty(bucket: BucketRow, prefix: str = "") -> int | JobRow:
    done = jobs.delete_versions(bucket=bucket, prefix=prefix, user_id=None, by=ACTOR)
    passed_moment()
    return done


def left() -> list[str]:
    """Return the keys of all versions, delete markers among them."""
    rows = StoredObject.objects.order_by("key", "created_at")
    return list(rows.values_list("key", flat=True))


@pytest.fixture
def bucket(store: Store) -> BucketRow:
    """Seven versions of `busy`; of `gone` one and a delete marker; one of `plain`."""
    made = buckets.change_bucket(
        bucket=store.bucket(), changes={"versioning": "enabled"}, by=ACTOR
    )
    for number in range(7):
        store.put("busy", f"version {number}".encode(), bucket=made)
    store.put("gone", b"deleted", bucket=made)
    store.delete("gone", bucket=made)
    store.put("plain", bucket=made)
    return made


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three versions a transaction; more than two at once are a job."""
    monkeypatch.setattr(prefixes, "MOST_KEYS", 2)
    monkeypatch.setattr(jobs, "_CHUNK_KEYS", 3)


def test_versions_and_delete_markers_go_for_good_and_then_the_bucket_can(
    bucket: BucketRow,
) -> None:
    assert empty(bucket) == 10

    assert left() == []
    assert reads.bucket_totals(bucket.id) == Totals(0, 0)
    entries = JournalEntry.objects.filter(operation="delete_version")
    told = entries.values_list("key", "objects_delta", "detail").order_by("id")
    assert sorted(told) == [
        *[("busy", -1, "")] * 7,
        ("gone", -1, ""),
        ("gone", 0, "delete marker"),
        ("plain", -1, ""),
    ]
    assert {entry.actor for entry in entries} == {ACTOR.label}
    buckets.delete_bucket(bucket=bucket, by=ACTOR)


@pytest.mark.parametrize("versioning", ["off", "suspended"])
def test_it_empties_buckets_that_make_no_versions_now(
    store: Store, versioning: str
) -> None:
    row = store.bucket()
    Bucket.objects.update(versioning=versioning)
    for key in ("a", "b"):
        store.put(key, key.encode(), bucket=store.bucket())
    assert empty(row) == 2
    assert left() == []
    assert reads.bucket_totals(row.id) == Totals(0, 0)


def test_an_empty_bucket_is_emptied_again_without_a_word(store: Store) -> None:
    assert empty(store.bucket()) == 0


def test_only_keys_of_the_prefix_go(bucket: BucketRow) -> None:
    assert empty(bucket, "g") == 2
    assert set(left()) == {"busy", "plain"}


def test_only_the_sweep_deletes_bytes_afterwards(
    store: Store, bucket: BucketRow
) -> None:
    upload = uploading.begin(store, "in parts")
    uploading.put(upload, 1, b"part")
    uploading.complete(upload)

    assert empty(bucket) == 11

    assert not Segment.objects.exists()
    assert store.backend.stat(digest(b"deleted")) == 7
    sweep.sweep(grace_seconds=0)
    assert not Blob.objects.exists()
    assert store.backend.stat(digest(b"deleted")) is None


@pytest.mark.usefixtures("small_steps")
def test_many_versions_are_a_job_that_counts_each(bucket: BucketRow) -> None:
    job = empty(bucket)

    assert isinstance(job, JobRow)
    assert (job.kind, job.keys_total) == ("delete_versions", 10)
    assert jobs.run_next(stop=go_on) == 10
    assert (look(job).state, look(job).keys_done) == ("done", 10)
    assert left() == []
    assert reads.bucket_totals(bucket.id) == Totals(0, 0)


@pytest.mark.usefixtures("small_steps")
def test_what_was_overwritten_or_deleted_does_not_come_to_light_on_the_way(
    store: Store, bucket: BucketRow
) -> None:
    for number in range(4):
        store.put("gone", f"again {number}".encode(), bucket=bucket)
    store.delete("gone", bucket=bucket)
    empty(bucket)

    while left():
        jobs.run_next(stop=stop_after(1))
        for key in ("busy", "gone"):
            assert_times_are_gapless(key)
        found = reads.find_object("test", "gone")
        assert found is None or found[1] is None
        if "busy" in left():
            assert store.read("busy") == b"version 6"


@pytest.mark.usefixtures("small_steps")
def test_a_worker_that_ends_leaves_the_rest_to_the_next(bucket: BucketRow) -> None:
    job = empty(bucket)
    assert isinstance(job, JobRow)

    jobs.run_next(stop=stop_after(2))

    assert (look(job).state, look(job).keys_done) == ("running", 6)
    assert left() == ["busy", "gone", "gone", "plain"]
    jobs.run_next(stop=go_on)
    assert (look(job).state, look(job).keys_done) == ("done", 10)
    assert left() == []


@pytest.mark.usefixtures("small_steps")
def test_two_workers_within_one_key_count_nothing_twice(bucket: BucketRow) -> None:
    job = empty(bucket)
    assert isinstance(job, JobRow)
    stale = Job.objects.get(job_id=job.job_id)
    jobs.run_next(stop=stop_after(1))

    assert jobs._attempt(stale) is None

    assert look(job).keys_done == 3
    assert len(left()) == 7


@pytest.mark.usefixtures("small_steps")
def test_once_a_cancel_is_answered_no_more_goes(bucket: BucketRow) -> None:
    job = empty(bucket)
    assert isinstance(job, JobRow)
    jobs.run_next(stop=stop_after(1))
    jobs.cancel_job(job_id=job.job_id, whose=Whose())
    jobs.run_next(stop=go_on)
    assert len(left()) == 7


@pytest.mark.usefixtures("small_steps")
def test_what_is_written_after_it_was_asked_for_stays(
    store: Store, bucket: BucketRow
) -> None:
    job = empty(bucket)
    assert isinstance(job, JobRow)
    store.put("busy", b"written later", bucket=bucket)
    store.put("new", b"new", bucket=bucket)
    store.delete("plain", bucket=bucket)

    jobs.run_next(stop=go_on)

    assert (look(job).state, look(job).keys_done) == ("done", 10)
    assert left() == ["busy", "new", "plain"]
    assert store.read("busy") == b"written later"
    for key in left():
        assert_times_are_gapless(key)
    passed_moment()
    empty(bucket)
    jobs.run_next(stop=go_on)
    assert left() == []


@pytest.mark.usefixtures("small_steps")
def test_what_was_written_over_a_key_without_versions_since_stays(
    store: Store,
) -> None:
    row = store.bucket()
    for key in "abcde":
        store.put(key)
    empty(row)
    store.put("d", b"written later")
    jobs.run_next(stop=go_on)
    assert left() == ["d"]
    assert store.read("d") == b"written later"


def test_what_is_written_over_between_the_look_and_the_lock_stays(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = store.bucket()
    for key in "ab":
        store.put(key)
    real = history.begun_by
    looks: list[int] = []

    def looked(**asked: Any) -> list[history.Begun]:
        found = real(**asked)
        if not looks:
            passed_moment()
            store.put("b", b"written meanwhile")
        looks.append(len(found))
        return found

    monkeypatch.setattr(history, "begun_by", looked)
    assert empty(row) == 1
    assert looks == [2, 1]
    assert store.read("b") == b"written meanwhile"


@pytest.mark.parametrize(
    ("numbers", "latest"),
    [((1, 2), 6), ((0, 1, 3, 4), 6), ((2, 3, 6), 5), ((4, 5, 6), 3), ((0, 6), 5)],
)
def test_the_time_of_versions_that_go_together_is_the_one_befores(
    store: Store, bucket: BucketRow, numbers: tuple[int, ...], latest: int
) -> None:
    rows = list(StoredObject.objects.filter(key="busy").order_by("created_at"))
    ends = [
        changes.change(
            bucket=bucket,
            key="busy",
            operation="delete_version",
            what=Removal(rows[number].version_id),
        )
        for number in numbers
    ]

    sql.apply(changes=ends, by=ACTOR)

    assert len(left()) == 10 - len(numbers)
    assert_times_are_gapless("busy")
    assert store.read("busy") == f"version {latest}".encode()


def test_one_transaction_does_not_write_a_key_and_end_its_versions(
    bucket: BucketRow,
) -> None:
    removal, deletion = (
        changes.change(bucket=bucket, key="busy", operation="delete", what=what)
        for what in (Removal("any"), None)
    )
    for both in ([removal, deletion], [removal, removal], [deletion, deletion]):
        with pytest.raises(ValueError, match="twice"):
            sql.apply(changes=both, by=ACTOR)
