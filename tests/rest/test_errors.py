"""Every error code is produced here, and none of them is HTML."""

import errno
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import SuspiciousOperation
from django.db import connection
from django.test import RequestFactory
from pytest_django import Settings

from objects_app import errors
from objects_app.blobs import ingest
from objects_app.models import StoredObject
from objects_app.rest import problems
from tests.client import Answer, DataPlane
from tests.rest.postgresql import (
    another_connection,
    own_session,
    wait_until_nobody_waits,
)
from tests.rest.problem import assert_problem
from tests.rest.producers import PATH, PRODUCERS, Stage, internal_error
from tests.servers.ports import free_port
from tests.stored import take_storage_away

pytestmark = pytest.mark.django_db

PROBLEMS = [*problems.TABLE.values()] + [
    value for value in vars(problems).values() if isinstance(value, problems.Problem)
]


@pytest.fixture
def stage(
    data_plane: DataPlane,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    alice: User,
) -> Stage:
    return Stage(data_plane, settings, monkeypatch, alice)


# Not to be had from a request here, and why; each has a test of its own below.
OTHERS = {
    "bad_request": "Django raises SuspiciousOperation in parts that are not used here",
    "database_unavailable": "the database has to fail, outside of a test's transaction",
    "issuer_unavailable": "an identity provider has to fail (test_oidc.py)",
    "too_many_uploads": "all slots have to be taken (e2e/test_wire.py)",
    "rate_limited": "the limits are chosen at the start (test_rate_limits.py)",
    "no_such_user": "only the console has users (access/test_users.py)",
    "last_administrator": "only the console has users (access/test_users.py)",
    "no_such_group": "only the console has groups (access/test_groups.py)",
    "group_in_use": "only the console has groups (access/test_groups.py)",
    "too_many_buckets": "only those who are known are limited (test_quotas.py)",
}


def test_every_code_is_produced_or_accounted_for() -> None:
    codes = [problem.code for problem in PROBLEMS]
    assert len(codes) == len(set(codes))
    assert sorted(codes) == sorted([*PRODUCERS, *OTHERS])


@pytest.mark.parametrize("code", PRODUCERS)
def test_a_request_comes_to_this_problem(stage: Stage, code: str) -> None:
    [status] = [problem.status for problem in PROBLEMS if problem.code == code]
    answer = PRODUCERS[code](stage)
    members = ["operations"] if code == "batch_refused" else []
    assert_problem(answer, status, code, *members)
    assert ("Retry-After" in answer.headers) == (status in {429, 503})
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert ("Content-Range" in answer.headers) == (status == 416)
    assert ("Allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SuspiciousOperation("secret"), "bad_request"),
    ],
)
def test_what_requests_do_not_come_to_has_its_problem(
    error: Exception, code: str
) -> None:
    answer = problems.response(RequestFactory().get("/"), error)
    told = json.loads(answer.content)
    assert told["code"] == code
    assert "secret" not in told["detail"]


def test_every_domain_error_has_a_problem() -> None:
    declared = {
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.StoreError)
    }
    assert declared - {errors.StoreError} <= set(problems.TABLE)


def test_an_unexpected_error_is_logged_and_not_told(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    answer = internal_error(stage)
    assert b"hunter2" not in answer.body
    [record] = [r for r in caplog.records if r.name == problems.logger.name]
    assert answer.json()["request_id"] in record.getMessage()
    assert record.exc_info is not None


def test_a_refusal_is_one_line_of_the_log_with_the_request_id(
    data_plane: DataPlane, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    answer = data_plane.get("/buckets/test/objects/a%0Ab")
    [record] = [r for r in caplog.records if r.name == problems.logger.name]
    assert answer.json()["request_id"] in record.getMessage()
    assert "\n" not in record.getMessage()


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/objects/",
        "/buckets/",
        "/buckets/test/",
        "/buckets/test/other",
        "/buckets/test/objectsx",
        "//buckets/test",
        "/buckets//objects/a",
        "/healthz/",
        "/uix",
        "/%FF",
        "/%00",
        "/a%0Ab",
        "/" + "x" * 4000,
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST", "OPTIONS"])
def test_a_path_that_is_none_gets_a_problem_for_every_method(
    data_plane: DataPlane, method: str, path: str
) -> None:
    answer = data_plane.request(method, path, body=b"x" if method == "PUT" else None)
    if method == "OPTIONS" and answer.status == 204:
        return
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.status in {400, 404, 405}
    assert_problem(answer, answer.status, answer.json()["code"])


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", "GET, HEAD, OPTIONS"),
        ("/objects", "GET, HEAD, OPTIONS"),
        ("/buckets", "GET, HEAD, OPTIONS"),
        ("/healthz", "GET, HEAD, OPTIONS"),
        ("/readyz", "GET, HEAD, OPTIONS"),
        ("/buckets/test", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        (PATH, "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
    ],
)
def test_405_says_what_is_allowed(
    data_plane: DataPlane, path: str, allowed: str
) -> None:
    some = {"POST", "PATCH", "TRACE", "CONNECT", "BREW"}
    for method in some - set(allowed.split(", ")):
        answer = data_plane.request(method, path)
        assert_problem(answer, 405, "method_not_allowed")
        assert answer.headers["Allow"] == allowed


# The disk failing


def assert_unavailable(answer: Answer, code: str) -> None:
    assert_problem(answer, 503, code)
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.files_only
def test_a_missing_data_dir_is_503_until_it_is_back(
    data_plane: DataPlane, data_dir: Path
) -> None:
    data_plane.put(PATH, b"before")
    away = data_dir.rename(data_dir.with_name("away"))
    for body in (b"small", bytes(2 * 1024 * 1024)):
        answer = data_plane.put("/buckets/test/objects/b", body)
        assert_unavailable(answer, "storage_unavailable")
        assert str(data_dir) not in answer.body.decode()
    assert_unavailable(data_plane.get(PATH), "storage_unavailable")
    assert data_plane.head(PATH).status == 200
    assert len(data_plane.get("/objects").json()["objects"]) == 1
    away.rename(data_dir)
    assert data_plane.get(PATH).body == b"before"
    assert data_plane.put("/buckets/test/objects/b", b"small").status == 201


def test_storage_that_fails_leaves_no_new_bucket_behind(
    data_plane: DataPlane,
) -> None:
    data_plane.put(PATH, b"before")
    take_storage_away()
    answer = data_plane.put("/buckets/another/objects/a", b"small")
    assert_unavailable(answer, "storage_unavailable")
    assert data_plane.get("/buckets/another").status == 404


@pytest.mark.files_only
def test_an_empty_mount_point_is_not_a_store_without_bytes(
    data_plane: DataPlane, data_dir: Path
) -> None:
    data_plane.put(PATH, b"before")
    data_dir.rename(data_dir.with_name("away"))
    data_dir.mkdir()
    assert_unavailable(data_plane.get(PATH), "storage_unavailable")


@pytest.mark.files_only
@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_a_data_dir_that_became_read_only_is_503(
    data_plane: DataPlane, data_dir: Path
) -> None:
    data_plane.put(PATH, b"before")
    folders = [data_dir, *(p for p in data_dir.rglob("*") if p.is_dir())]
    for folder in folders:
        folder.chmod(0o500)
    try:
        answer = data_plane.put("/buckets/test/objects/b", b"after")
        assert data_plane.get(PATH).body == b"before"
    finally:
        for folder in folders:
            folder.chmod(0o700)
    assert_unavailable(answer, "storage_unavailable")


@pytest.mark.files_only
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
def test_a_disk_that_refuses_to_write_is_503(
    data_plane: DataPlane, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(descriptor: int, content: bytes) -> None:
        raise OSError(number, os.strerror(number), "/secret/place")

    data_plane.put(PATH, b"before")
    with monkeypatch.context() as patched:
        patched.setattr(ingest, "write_all", refuse)
        for body in (b"small", bytes(2 * 1024 * 1024)):
            answer = data_plane.put(PATH, body)
            assert_unavailable(answer, "storage_unavailable")
            assert b"/secret/place" not in answer.body
    assert data_plane.get(PATH).body == b"before"


# The database failing

REQUESTS = [
    ("GET", PATH),
    ("HEAD", PATH),
    ("PUT", PATH),
    ("DELETE", PATH),
    ("GET", "/objects"),
    ("GET", "/objects?bucket=test"),
    ("GET", "/buckets"),
    ("GET", "/buckets/test"),
    ("PUT", "/buckets/new"),
    ("DELETE", "/buckets/test"),
]


@contextmanager
def database_settings(**changes: Any) -> Iterator[None]:
    """Connect with other settings, as if the server had gone from where it was."""
    before = dict(connection.settings_dict)
    connection.close()
    connection.settings_dict |= changes
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict |= before


def assert_all_unavailable(data_plane: DataPlane) -> None:
    for method, path in REQUESTS:
        answer = data_plane.request(
            method, path, body=b"x" if method == "PUT" else None
        )
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        if method != "HEAD":
            assert_unavailable(answer, "database_unavailable")
    ready = data_plane.get("/readyz")
    assert ready.status == 503
    assert ready.json()["dependencies"]["database"]["ok"] is False
    assert data_plane.get("/healthz").status == 200


@pytest.mark.sqlite_only
@pytest.mark.django_db(transaction=True)
def test_a_sqlite_file_that_cannot_be_opened_is_503(
    data_plane: DataPlane, tmp_path: Path
) -> None:
    data_plane.put(PATH, b"before")
    with database_settings(NAME=tmp_path / "gone" / "objectstore.sqlite3"):
        assert_all_unavailable(data_plane)
    assert data_plane.get(PATH).body == b"before"


@pytest.mark.sqlite_only
@pytest.mark.django_db(transaction=True)
def test_a_sqlite_file_without_our_tables_is_503(
    data_plane: DataPlane, tmp_path: Path
) -> None:
    with database_settings(NAME=tmp_path / "empty.sqlite3"):
        assert_all_unavailable(data_plane)


@pytest.mark.sqlite_only
@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_no_database_is_503(
    data_plane: DataPlane, tmp_path: Path
) -> None:
    (tmp_path / "damaged.sqlite3").write_bytes(b"not a database" * 1000)
    with database_settings(NAME=tmp_path / "damaged.sqlite3"):
        assert_all_unavailable(data_plane)


@pytest.mark.sqlite_only
@pytest.mark.django_db(transaction=True)
def test_a_locked_sqlite_database_reads_on_and_refuses_writes_with_503(
    data_plane: DataPlane,
) -> None:
    data_plane.put(PATH, b"before")
    options = {**connection.settings_dict["OPTIONS"], "timeout": 0.1}
    with database_settings(OPTIONS=options):
        other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        try:
            for answer in (
                data_plane.put(PATH, b"after"),
                data_plane.put("/buckets/new/objects/a", b"after"),
                data_plane.delete(PATH),
                data_plane.put("/buckets/new"),
            ):
                assert_unavailable(answer, "database_unavailable")
            assert data_plane.get(PATH).body == b"before"
        finally:
            other.execute("ROLLBACK")
            other.close()
        assert data_plane.put(PATH, b"after").status == 200


@pytest.mark.postgresql_only
@pytest.mark.django_db(transaction=True)
def test_a_postgresql_that_refuses_connections_is_503(data_plane: DataPlane) -> None:
    data_plane.put(PATH, b"before")
    with database_settings(HOST="127.0.0.1", PORT=str(free_port())):
        assert_all_unavailable(data_plane)
    assert data_plane.get(PATH).body == b"before"


@pytest.mark.postgresql_only
@own_session
@pytest.mark.django_db(transaction=True)
def test_a_connection_that_postgresql_cut_is_replaced_unnoticed(
    data_plane: DataPlane,
) -> None:
    data_plane.put(PATH, b"before")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    with another_connection() as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    assert data_plane.get(PATH).body == b"before"


@pytest.mark.postgresql_only
@own_session
@pytest.mark.django_db(transaction=True)
def test_a_postgresql_that_does_not_answer_in_time_is_503(
    data_plane: DataPlane,
) -> None:
    data_plane.put(PATH, b"before")
    options = {
        **connection.settings_dict["OPTIONS"],
        "options": "-c statement_timeout=200",
    }
    with (
        database_settings(OPTIONS=options),
        another_connection() as other,
        other.transaction(),
    ):
        other.execute("LOCK TABLE stored_object IN ACCESS EXCLUSIVE MODE")
        for answer in (data_plane.get(PATH), data_plane.put(PATH, b"after")):
            assert_unavailable(answer, "database_unavailable")
    assert data_plane.get(PATH).body == b"before"
    assert data_plane.put(PATH, b"after").status == 200


@pytest.mark.postgresql_only
@pytest.mark.django_db(transaction=True)
def test_a_server_that_keeps_no_limit_of_its_own_is_given_up_and_told(
    data_plane: DataPlane,
) -> None:
    """As behind a pooler in transaction mode, which cannot be asked for one."""
    data_plane.put(PATH, b"before")
    options = {**connection.settings_dict["OPTIONS"], "answer_seconds": 0.2}
    with (
        database_settings(OPTIONS=options),
        another_connection() as other,
        other.transaction(),
    ):
        other.execute("LOCK TABLE stored_object IN ACCESS EXCLUSIVE MODE")
        for answer in (data_plane.get(PATH), data_plane.put(PATH, b"after")):
            assert_unavailable(answer, "database_unavailable")
        wait_until_nobody_waits(seconds=3)  # PostgreSQL itself is told 8
    assert data_plane.get(PATH).body == b"before"
    assert data_plane.put(PATH, b"after").status == 200


@pytest.mark.postgresql_only
@own_session
@pytest.mark.django_db(transaction=True)
def test_a_postgresql_that_only_reads_refuses_writes_with_503(
    data_plane: DataPlane,
) -> None:
    data_plane.put(PATH, b"before")
    options = {
        **connection.settings_dict["OPTIONS"],
        "options": "-c default_transaction_read_only=on",
    }
    with database_settings(OPTIONS=options):
        answer = data_plane.put(PATH, b"after")
        assert_unavailable(answer, "database_unavailable")
        assert data_plane.get(PATH).body == b"before"
        connection.close()
    assert StoredObject.objects.get().size == 6
