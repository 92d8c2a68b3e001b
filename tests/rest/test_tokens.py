"""POST /auth/token: a password or a key for a token; who guesses learns nothing."""

import base64
import logging
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from objects_app.models import AccessKey, Bucket, JournalEntry
from tests.access.people import (
    Caller,
    make_key,
    make_user,
    password_of,
    session,
    with_csrf,
    with_key,
    with_token,
    with_url,
)
from tests.client import Answer, DataPlane
from tests.rest.problem import assert_problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]

PATH = "/auth/token"


@pytest.fixture
def olga() -> User:
    return make_user("olga")


def login(data_plane: DataPlane, name: str, password: str) -> Answer:
    return Caller().tell(data_plane, "POST", PATH, username=name, password=password)


def holding(answer: Answer) -> Caller:
    return Caller({"Authorization": f"Bearer {answer.json()['access_token']}"})


def me(data_plane: DataPlane, caller: Caller) -> dict[str, Any]:
    told: dict[str, Any] = caller.ask(data_plane, "GET", "/auth/me").json()
    return told


def test_a_password_gets_a_token_of_the_user(
    data_plane: DataPlane, olga: User, settings: Settings
) -> None:
    settings.TOKEN_SECONDS = 77
    answer = login(data_plane, "olga", password_of("olga"))
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    told = answer.json()
    assert set(told) == {"access_token", "token_type", "expires_in"}
    assert (told["token_type"], told["expires_in"]) == ("Bearer", 77)
    found = me(data_plane, holding(answer))
    assert (found["user"], found["kind"], found["key"]) == ("olga", "token", None)


def test_a_key_gets_a_token_with_its_own_limits(
    data_plane: DataPlane, olga: User
) -> None:
    Bucket.objects.create(name="photos", owner=olga)
    key = make_key(olga, read_only=True, only_bucket="photos", only_prefix="in/")
    for body in (b"", b"{}"):
        answer = with_key(key).ask(data_plane, "POST", PATH, body=body)
        assert answer.status == 200
        caller = holding(answer)
        of_key = me(data_plane, with_key(key))
        assert me(data_plane, caller) == of_key | {"kind": "token"}
        for target in ("in/a", "out/a"):
            path = f"/buckets/photos/objects/{target}"
            put = caller.ask(data_plane, "PUT", path, body=b"x")
            assert put.status in {403, 404}


def test_only_keys_and_passwords_get_tokens(data_plane: DataPlane, olga: User) -> None:
    token_of_key = with_token(olga, key_id=make_key(olga).row.key_id)
    for caller in (
        Caller(),
        with_token(olga),
        token_of_key,
        with_csrf(session(olga)),
    ):
        answer = caller.ask(data_plane, "POST", PATH)
        assert_problem(answer, 401, "credentials_required")
    answer = with_url(olga, PATH, method="PUT").ask(data_plane, "POST", PATH)
    assert_problem(answer, 403, "invalid_presigned")


def test_a_token_ends_by_itself(
    data_plane: DataPlane, olga: User, settings: Settings
) -> None:
    settings.TOKEN_SECONDS = -60
    answer = login(data_plane, "olga", password_of("olga"))
    refused = holding(answer).ask(data_plane, "GET", "/auth/me")
    assert_problem(refused, 401, "invalid_credentials")


def test_a_wrong_password_is_refused_as_an_unknown_or_disabled_user_is(
    data_plane: DataPlane, olga: User
) -> None:
    make_user("gone", is_active=False)
    attempts = [
        ("olga", "wrong"),
        ("olga", ""),
        ("olga", password_of("olga") + "\0"),
        ("Olga", password_of("olga")),
        ("nobody", "wrong"),
        ("gone", password_of("gone")),
        ("", ""),
        ("a\0b", "x"),
        ("x" * 30_000, "x" * 30_000),
        ("'; DROP TABLE auth_user; --", "x"),
    ]
    answers = [login(data_plane, *attempt) for attempt in attempts]
    told = [
        assert_problem(a, 401, "invalid_credentials") | {"request_id": ""}
        for a in answers
    ]
    assert all(problem == told[0] for problem in told)
    headers = [{n.lower() for n in answer.headers} for answer in answers]
    assert all(names == headers[0] for names in headers)


def test_members_that_are_no_text_are_refused(data_plane: DataPlane) -> None:
    for members in (
        {"username": 1, "password": "x"},
        {"username": "olga", "password": None},
        {"username": ["olga"], "password": "x"},
        {"username": "\ud800", "password": "x"},
        {"username": "olga", "password": "\ud800"},
        {"username": "olga", "password": "x", "otp": "1"},
    ):
        answer = Caller().tell(data_plane, "POST", PATH, **members)
        assert_problem(answer, 400, "invalid_argument")
    assert not JournalEntry.objects.exists()


@pytest.mark.parametrize("name", ["olga", "nobody"])
def test_too_many_wrong_passwords_lock_the_account_whether_it_is_there_or_not(
    data_plane: DataPlane, olga: User, settings: Settings, name: str
) -> None:
    settings.AXES_FAILURE_LIMIT = settings.LOGIN_FAILURES = 3
    answers = [login(data_plane, name, "wrong") for _ in range(4)]
    assert [answer.status for answer in answers] == [401, 401, 429, 429]
    answer = login(data_plane, name, password_of("olga"))
    told = assert_problem(answer, 429, "login_locked")
    assert 0 < int(answer.headers["Retry-After"]) <= settings.LOGIN_LOCK_SECONDS
    assert name not in told["detail"]


def test_a_locked_account_goes_on_with_keys_and_tokens(
    data_plane: DataPlane, olga: User, settings: Settings
) -> None:
    settings.AXES_FAILURE_LIMIT = settings.LOGIN_FAILURES = 1
    login(data_plane, "olga", "wrong")
    assert login(data_plane, "olga", password_of("olga")).status == 429
    for caller in (with_key(make_key(olga)), with_token(olga)):
        assert me(data_plane, caller)["user"] == "olga"


def test_failures_and_tokens_are_in_the_journal_without_the_password(
    data_plane: DataPlane, olga: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    login(data_plane, "olga", "wrong-password")
    token = login(data_plane, "olga", password_of("olga")).json()["access_token"]
    key = make_key(olga)
    with_key(key).ask(data_plane, "POST", PATH)
    found = JournalEntry.objects.exclude(operation="create_key").order_by("id")
    assert [(e.operation, e.actor, e.key_id, e.detail) for e in found] == [
        ("login_failed", "anonymous", "", "olga"),
        ("create_token", "olga", "", ""),
        ("create_token", "olga", key.row.key_id, ""),
    ]
    assert {entry.address for entry in found} == {"192.0.2.1"}
    assert all(entry.request_id for entry in found)
    everything = f"{list(JournalEntry.objects.values())} {caplog.text}"
    for secret in ("wrong-password", password_of("olga"), token, key.secret):
        assert secret not in everything


def test_wrong_credentials_beside_the_right_password_are_refused(
    data_plane: DataPlane, olga: User
) -> None:
    wrong = Caller({"Authorization": "Bearer OSUNKNOWN.secret"})
    answer = wrong.tell(
        data_plane, "POST", PATH, username="olga", password=password_of("olga")
    )
    assert_problem(answer, 401, "invalid_credentials")


def test_a_password_is_taken_nowhere_else(data_plane: DataPlane, olga: User) -> None:
    pair = base64.b64encode(f"olga:{password_of('olga')}".encode()).decode()
    basic = Caller({"Authorization": f"Basic {pair}"})
    for method, path in (("GET", "/auth/me"), ("POST", PATH), ("GET", "/objects")):
        answer = basic.ask(data_plane, method, path)
        assert_problem(answer, 401, "invalid_credentials")


def test_a_token_makes_keys_only_when_a_password_got_it(
    data_plane: DataPlane, olga: User
) -> None:
    by_password = holding(login(data_plane, "olga", password_of("olga")))
    by_key = holding(with_key(make_key(olga)).ask(data_plane, "POST", PATH))
    assert by_password.tell(data_plane, "POST", "/auth/keys").status == 201
    refused = by_key.tell(data_plane, "POST", "/auth/keys")
    assert_problem(refused, 403, "access_denied")
    assert AccessKey.objects.count() == 2
