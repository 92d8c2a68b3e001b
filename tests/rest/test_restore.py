"""POST /buckets/{bucket}/restore; what it does is in services/test_restore.py."""

import json
from datetime import timedelta
from typing import Any

import pytest

from objects_app.queries import sql
from objects_app.services import restore as restore_service
from tests.client import Answer, DataPlane
from tests.histories import passed_moment
from tests.rest.problem import assert_problem
from tests.rest.test_at import rfc3339
from tests.rest.test_versions import BUCKET, PATH, put, versioned

pytestmark = pytest.mark.django_db

__all__ = ["versioned"]


def restore(data_plane: DataPlane, **members: Any) -> Answer:
    body = json.dumps({"prefix": "", **members}).encode()
    return data_plane.request("POST", f"{BUCKET}/restore", body=body)


def test_a_dry_run_tells_and_the_restore_does_it(versioned: DataPlane) -> None:
    put(versioned, b"first")
    moment = rfc3339(passed_moment())
    put(versioned, b"second")
    put(versioned, b"new", f"{BUCKET}/objects/b")
    expected = {
        "bucket": "test",
        "prefix": "",
        "at": moment,
        "restored": 1,
        "removed": 1,
        "unchanged": 0,
        "keys": ["a", "b"],
    }
    told = restore(versioned, at=moment, dry_run=True)
    assert (told.status, told.json()) == (200, {**expected, "dry_run": True})
    assert versioned.get(PATH).body == b"second"
    done = restore(versioned, at=moment, prefix="")
    assert (done.status, done.json()) == (200, {**expected, "dry_run": False})
    assert versioned.get(PATH).body == b"first"
    assert versioned.get(f"{BUCKET}/objects/b").status == 404


def test_a_restore_to_the_future_is_refused(versioned: DataPlane) -> None:
    put(versioned, b"first")
    soon = rfc3339(sql.clock() + timedelta(hours=1))
    for dry_run in (True, False):
        answer = restore(versioned, at=soon, dry_run=dry_run)
        assert_problem(answer, 400, "future_moment")


def test_a_restore_of_a_bucket_without_versions_is_refused(
    data_plane: DataPlane,
) -> None:
    put(data_plane, b"first")
    answer = restore(data_plane, at=rfc3339(passed_moment()))
    assert_problem(answer, 409, "not_versioned")


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"at": "yesterday"},
        {"at": 1},
        {"at": "2026-01-01T00:00:00Z", "prefix": 1},
        {"at": "2026-01-01T00:00:00Z", "dry_run": "yes"},
        {"at": "2026-01-01T00:00:00Z", "keys": []},
    ],
)
def test_what_it_does_not_know_is_refused(
    versioned: DataPlane, members: dict[str, Any]
) -> None:
    assert_problem(restore(versioned, **members), 400, "invalid_argument")


def test_a_prefix_that_no_key_can_have_is_refused(versioned: DataPlane) -> None:
    answer = restore(versioned, at="2026-01-01T00:00:00Z", prefix="x" * 1025)
    assert_problem(answer, 400, "invalid_key")


def test_a_restore_of_more_keys_than_a_transaction_takes_is_a_job(
    versioned: DataPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore_service, "MOST_KEYS", 1)
    moment = rfc3339(passed_moment())
    for key in ("b", "c"):
        put(versioned, b"new", f"{BUCKET}/objects/{key}")
    answer = restore(versioned, at=moment)
    assert answer.status == 202
    told = answer.json()
    assert (told["kind"], told["at"], told["keys_total"]) == ("restore", moment, 2)
    assert versioned.get(answer.headers["Location"]).json() == told
