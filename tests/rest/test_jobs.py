"""GET and DELETE /jobs."""

import json

import pytest
from django.contrib.auth.models import User
from django.db import DataError

from objects_app.models import Bucket, Job, Role
from objects_app.services import jobs, prefixes
from tests.access.people import (
    Caller,
    grant,
    make_key,
    make_user,
    with_key,
)
from tests.client import Answer, DataPlane
from tests.rest.problem import assert_problem

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_steps(data_plane: DataPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefixes, "MOST_KEYS", 1)
    monkeypatch.setattr(jobs, "_CHUNK_KEYS", 2)
    for number in range(3):
        data_plane.put(f"/buckets/test/objects/{number}", b"x")


def make(data_plane: DataPlane, caller: Caller | None = None) -> str:
    body = json.dumps({"bucket": "test", "prefix": ""}).encode()
    answer = (
        caller.ask(data_plane, "POST", "/delete", body=body)
        if caller
        else data_plane.request("POST", "/delete", body=body)
    )
    assert answer.status == 202, answer.body
    return str(answer.json()["id"])


def ids(answer: Answer) -> list[str]:
    return [job["id"] for job in answer.json()["jobs"]]


def test_a_job_tells_how_far_it_is(data_plane: DataPlane) -> None:
    path = f"/jobs/{make(data_plane)}"
    steps = iter([False, True])
    jobs.run_next(stop=lambda: next(steps))
    told = data_plane.get(path).json()
    assert (told["state"], told["keys_done"], told["keys_total"]) == ("running", 2, 3)
    assert told["finished_at"] is None
    jobs.run_next(stop=lambda: False)
    told = data_plane.get(path).json()
    assert (told["state"], told["keys_done"], told["problem"]) == ("done", 3, None)
    assert told["created_at"] <= told["started_at"] <= told["finished_at"]


def test_a_failed_job_tells_why_with_the_code_that_a_request_would_get(
    data_plane: DataPlane,
) -> None:
    path = f"/jobs/{make(data_plane)}"
    Bucket.objects.update(name="another")
    jobs.run_next(stop=lambda: False)
    told = data_plane.get(path).json()
    assert (told["state"], told["problem"]) == (
        "failed",
        {"code": "no_such_bucket", "detail": "Bucket test was deleted meanwhile."},
    )


def test_a_job_that_fails_unexpectedly_is_an_internal_error(
    data_plane: DataPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/jobs/{make(data_plane)}"

    def fail(*_: object) -> None:
        raise DataError("out of range")

    monkeypatch.setattr(jobs, "_run", fail)
    jobs.run_next(stop=lambda: False)
    told = data_plane.get(path).json()
    assert told["state"] == "failed"
    assert told["problem"]["code"] == "internal_error"
    assert "out of range" not in told["problem"]["detail"]


def test_a_job_is_cancelled_with_delete(data_plane: DataPlane) -> None:
    path = f"/jobs/{make(data_plane)}"
    assert data_plane.delete(path).json()["state"] == "cancelled"
    assert data_plane.get(path).json()["state"] == "cancelled"
    assert data_plane.delete(path).status == 200
    jobs.run_next(stop=lambda: False)
    assert len(data_plane.get("/objects").json()["objects"]) == 3


def test_jobs_are_listed_by_state(data_plane: DataPlane) -> None:
    first, second = make(data_plane), make(data_plane)
    data_plane.delete(f"/jobs/{first}")
    assert ids(data_plane.get("/jobs")) == [second, first]
    assert ids(data_plane.get("/jobs?state=queued")) == [second]
    assert data_plane.get("/jobs").json()["next_cursor"] is None
    answer = data_plane.get("/jobs?state=lost")
    assert_problem(answer, 400, "invalid_argument")


def test_jobs_come_in_pages(
    data_plane: DataPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [make(data_plane) for _ in range(3)]
    monkeypatch.setattr(jobs, "PAGE_MAX", 2)
    page = data_plane.get("/jobs").json()
    rest = data_plane.get(f"/jobs?cursor={page['next_cursor']}").json()
    told = [job["id"] for job in page["jobs"] + rest["jobs"]]
    assert told == made[::-1]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize("cursor", ["x", "-1", "9" * 30, "%C2%B2"])
def test_a_cursor_of_somebody_else_is_an_error(
    data_plane: DataPlane, cursor: str
) -> None:
    answer = data_plane.get(f"/jobs?cursor={cursor}")
    assert_problem(answer, 400, "invalid_argument")


@pytest.mark.parametrize("job_id", ["none", "%FF", "%00", "0" * 32])
def test_a_job_that_is_not_there_is_no_such_job(
    data_plane: DataPlane, job_id: str
) -> None:
    for method in ("GET", "DELETE"):
        answer = data_plane.request(method, f"/jobs/{job_id}")
        assert_problem(answer, 404, "no_such_job")


def test_jobs_of_others_are_not_to_be_seen(data_plane: DataPlane, alice: User) -> None:
    Bucket.objects.update(owner=alice)
    owner = with_key(make_key(alice))
    bob = make_user("bob")
    grant(bob, Role.OWNER, bucket="test")
    other, chief = (
        with_key(make_key(user))
        for user in (bob, make_user("chief", is_superuser=True))
    )
    path = f"/jobs/{make(data_plane, owner)}"
    for caller, sees in ((owner, True), (other, False), (chief, True)):
        answer = caller.ask(data_plane, "GET", path)
        assert answer.status == (200 if sees else 404)
        assert bool(ids(caller.ask(data_plane, "GET", "/jobs"))) == sees
    assert_problem(other.ask(data_plane, "DELETE", path), 404, "no_such_job")
    assert Job.objects.get().state == "queued"
    assert chief.ask(data_plane, "DELETE", path).status == 200


def test_a_key_with_limits_sees_its_own_jobs_alone(
    data_plane: DataPlane, alice: User
) -> None:
    Bucket.objects.update(owner=alice)
    whole, limited = (
        with_key(make_key(alice, only_bucket=name)) for name in ("", "test")
    )
    reading = with_key(make_key(alice, read_only=True))
    by_whole, by_limited = make(data_plane, whole), make(data_plane, limited)
    assert ids(whole.ask(data_plane, "GET", "/jobs")) == [by_limited, by_whole]
    assert ids(limited.ask(data_plane, "GET", "/jobs")) == [by_limited]
    assert len(ids(reading.ask(data_plane, "GET", "/jobs"))) == 2
    answer = reading.ask(data_plane, "DELETE", f"/jobs/{by_whole}")
    assert_problem(answer, 403, "access_denied")


def test_nobody_in_particular_sees_no_jobs_where_they_may_not_write(
    data_plane: DataPlane, settings: object
) -> None:
    make(data_plane)
    settings.ANONYMOUS_ACCESS = "read"  # type: ignore[attr-defined]
    assert_problem(data_plane.get("/jobs"), 401, "credentials_required")
