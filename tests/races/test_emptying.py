"""A bucket is emptied by two workers at once while others write to it."""

from collections.abc import Callable
from functools import partial

import pytest

from objects_app.errors import NoSuchKey
from objects_app.models import Job, StoredObject
from objects_app.services import buckets, jobs, prefixes
from objects_app.services.jobs import Whose
from tests.histories import passed_moment
from tests.races.soak_world import BY, World
from tests.races.threads import race
from tests.races.versions import ROUNDS, check_totals, history, move, puts, raised

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

KEYS = ("a", "b", "c", "d")


def fill(world: World, versioning: str) -> None:
    if versioning == "off":
        new = buckets.NewBucket("without", None)
        world.bucket = buckets.create_bucket(new=new, by=BY).row
    for key in KEYS:
        for number in range(ROUNDS):
            world.put(key, f"old {key} {number}".encode())
    world.delete("c")
    if versioning == "suspended":
        world.switch(versioning)


def work() -> None:
    while Job.objects.filter(finished_at=None).exists():
        jobs.run_next(stop=lambda: False)


def again_and_again(party: Callable[[], object]) -> None:
    for _ in range(ROUNDS):
        try:
            party()
        except NoSuchKey:
            continue


@pytest.mark.parametrize("versioning", ["off", "enabled", "suspended"])
def test_all_that_was_there_goes_and_all_that_is_written_meanwhile_stays(
    versioned: World, versioning: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefixes, "MOST_KEYS", 2)
    monkeypatch.setattr(jobs, "_CHUNK_KEYS", 3)
    fill(versioned, versioning)
    old = set(StoredObject.objects.values_list("id", "created_at"))
    job = jobs.delete_versions(
        bucket=buckets.again(versioned.bucket), prefix="", user_id=None, by=BY
    )
    assert isinstance(job, jobs.JobRow)
    passed_moment()

    results = race(
        work,
        work,
        puts(versioned, "a", "new a"),
        puts(versioned, "b", "new b"),
        partial(again_and_again, partial(versioned.delete, "b")),
        partial(again_and_again, partial(move, versioned, "a", "d")),
    )

    assert raised(results) == []
    done = jobs.get_job(job_id=job.job_id, whose=Whose())
    assert (done.state, done.problem) == ("done", "")
    assert done.keys_done <= done.keys_total == len(old)
    present = set(StoredObject.objects.values_list("id", "created_at"))
    assert not old & present
    for key in KEYS:
        history(versioned, key)
    check_totals(versioned)
    if versioning == "enabled":
        assert done.keys_done == done.keys_total
        written = [one.version_id for put in results[2:4] for one in put]
        kept = StoredObject.objects.values_list("version_id", flat=True)
        assert set(written) <= set(kept)
