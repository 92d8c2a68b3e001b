"""Jobs on the screen."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from objects_app import errors
from objects_app.models import Job
from objects_app.rest.problems import TABLE
from objects_app.web.jobs import code_of

pytestmark = pytest.mark.django_db


def make(user: User | None = None, **fields: object) -> Job:
    """Leave a job to a worker that never comes."""
    given = {
        "bucket": "photos",
        "prefix": "2025/",
        "to_bucket": None,
        "to_prefix": "",
        "rewrite": None,
        "at": "",
    }
    given |= fields.pop("parameters", {})  # type: ignore[call-overload]
    whole = {
        "job_id": f"{Job.objects.count():032x}",
        "kind": "delete",
        "bucket_id": 1,
        "actor": ["alice", "node-1", "request-1", "", ""],
        "keys_total": 40_000,
        "keys_done": 10_000,
        "state": "running",
        **fields,
    }
    return Job.objects.create(user=user, parameters=given, **whole)


@pytest.fixture
def hers(alice: User, client: Client) -> Client:
    client.force_login(alice)
    return client


def test_no_jobs_yet_says_what_makes_one(hers: Client) -> None:
    page = hers.get("/ui/jobs/").content.decode()
    assert "No jobs yet" in page
    assert "hx-get" not in page
    assert "No such jobs" in hers.get("/ui/jobs/?state=failed").content.decode()


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("copy", "Copy photos/2025/ to archive/old/"),
        ("move", "Move photos/2025/ to archive/old/"),
        ("delete", "Delete photos/2025/"),
        ("restore", "Restore photos/2025/"),
        ("delete_versions", "Delete photos/2025/ for good"),
    ],
)
def test_a_job_is_told_in_words(
    hers: Client, alice: User, kind: str, words: str
) -> None:
    to = {"to_bucket": "archive", "to_prefix": "old/"}
    make(alice, kind=kind, parameters=to if "to" in words.split() else {})
    page = hers.get("/ui/jobs/").content.decode()
    assert words in page
    counted = "versions" if kind == "delete_versions" else "keys"
    assert f"10,000 of 40,000 {counted}" in page
    assert '<progress value="10000" max="40000"' in " ".join(page.split())


def test_a_job_that_deletes_versions_says_how_many_and_until_when(
    hers: Client, alice: User
) -> None:
    at = {"at": "2026-05-02T10:30:00+00:00"}
    job = make(alice, kind="delete_versions", state="done", parameters=at)
    page = hers.get(f"/ui/jobs/{job.job_id}/").content.decode()
    assert "What was written until" in page
    assert 'datetime="2026-05-02T10:30:00' in page
    assert "10,000 versions" in page


def test_the_list_asks_again_only_while_something_runs(
    hers: Client, alice: User
) -> None:
    job = make(alice, state="queued")
    assert 'hx-trigger="every 2s"' in hers.get("/ui/jobs/").content.decode()
    Job.objects.filter(pk=job.pk).update(state="done")
    part = hers.get("/ui/jobs/", headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith('<div id="jobs"')
    assert "hx-trigger" not in part


def test_jobs_come_page_by_page_from_the_newest(
    hers: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("objects_app.web.jobs._PAGE", 2)
    made = [make(alice, state="failed").job_id for _ in range(3)]
    make(alice)
    first = hers.get("/ui/jobs/?state=failed")
    assert [job.job_id for job in first.context["jobs"]] == made[:0:-1]
    before = first.context["next_position"]
    assert f"?before={before}&amp;state=failed" in first.content.decode()
    rest = hers.get(f"/ui/jobs/?state=failed&before={before}")
    assert [job.job_id for job in rest.context["jobs"]] == made[:1]
    assert "Newest" in rest.content.decode()


@pytest.mark.parametrize("query", ["before=x", "before=-1", "state=lost"])
def test_a_strange_page_is_refused(hers: Client, query: str) -> None:
    assert hers.get(f"/ui/jobs/?{query}").status_code == 400


def test_one_sees_ones_own_and_administrators_see_all(
    client: Client, alice: User, bob: User
) -> None:
    job = make(alice)
    client.force_login(bob)
    assert not client.get("/ui/jobs/").context["jobs"]
    assert client.get(f"/ui/jobs/{job.job_id}/").status_code == 404
    assert client.post(f"/ui/jobs/{job.job_id}/cancel").status_code == 404
    client.force_login(User.objects.create_superuser("chief"))
    page = client.get("/ui/jobs/").content.decode()
    assert ">alice</td>" in page
    job.refresh_from_db()
    assert job.state == "running"


def test_a_failed_job_says_why_and_with_which_code(hers: Client, alice: User) -> None:
    job = make(
        alice,
        state="failed",
        problem="Bucket photos was deleted meanwhile.",
        error="NoSuchBucket",
    )
    page = hers.get(f"/ui/jobs/{job.job_id}/").content.decode()
    assert "Bucket photos was deleted meanwhile." in page
    assert "no_such_bucket" in page
    assert "hx-trigger" not in page


def test_a_restore_says_to_which_moment_and_where_all_is(
    hers: Client, alice: User
) -> None:
    now = timezone.now()
    job = make(
        alice,
        kind="restore",
        parameters={"at": "2026-05-02T10:30:00+00:00"},
        started_at=now,
        finished_at=now,
        state="done",
    )
    page = hers.get(f"/ui/jobs/{job.job_id}/").content.decode()
    assert "2026-05-02 10:30 UTC" in page
    assert "/ui/buckets/photos/?prefix=2025%2F" in page
    assert "10,000 keys" in page


def test_a_running_job_s_page_asks_for_its_part(hers: Client, alice: User) -> None:
    job = make(alice, parameters={"to_bucket": "archive"}, kind="copy")
    part = hers.get(f"/ui/jobs/{job.job_id}/", headers={"HX-Request": "true"})
    text = part.content.decode()
    assert text.lstrip().startswith('<div id="job"')
    assert 'hx-trigger="every 1s"' in text
    assert "/ui/buckets/archive/" in text


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("running", "cancelled", "What it had done stays done"),
        ("done", "done", "It had ended before"),
    ],
)
def test_what_has_not_ended_is_cancelled(
    hers: Client, alice: User, before: str, after: str, said: str
) -> None:
    job = make(alice, state=before)
    answer = hers.post(f"/ui/jobs/{job.job_id}/cancel", follow=True)
    assert answer.redirect_chain == [(f"/ui/jobs/{job.job_id}/", 302)]
    assert said in answer.content.decode()
    job.refresh_from_db()
    assert job.state == after


def test_a_code_is_the_one_that_the_rest_api_gives() -> None:
    listed = {e: problem.code for e, problem in TABLE.items()}
    ours = {e: listed[e] for e in listed if e.__module__ == errors.__name__}
    assert errors.NoSuchBucket in ours
    assert {e: code_of(e.__name__) for e in ours} == ours
    assert code_of("") == "internal_error"
