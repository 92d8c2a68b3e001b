"""Access keys over REST: made by persons, shown once, ended by themselves or us."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from objects_app.access import accounts, keys
from objects_app.access.principals import Principal
from objects_app.models import AccessKey, Bucket, JournalEntry
from tests.access.people import (
    Caller,
    make_key,
    make_user,
    session,
    with_csrf,
    with_key,
    with_token,
)
from tests.client import Answer, DataPlane
from tests.rest.problem import assert_problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]

Make = Callable[..., Answer]


@pytest.fixture
def olga() -> User:
    return make_user("olga")


@pytest.fixture
def person(olga: User) -> Caller:
    return with_token(olga)


@pytest.fixture
def make(data_plane: DataPlane, person: Caller) -> Make:
    """Ask for a key as olga."""

    def ask(**members: Any) -> Answer:
        return person.tell(data_plane, "POST", "/auth/keys", **members)

    return ask


def showing(made: Answer) -> Caller:
    told = made.json()
    return Caller({"Authorization": f"Bearer {told['key_id']}.{told['secret']}"})


def listed(data_plane: DataPlane, caller: Caller) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = caller.ask(data_plane, "GET", "/auth/keys").json()[
        "keys"
    ]
    return found


def test_a_key_is_made_used_listed_and_revoked(
    data_plane: DataPlane, person: Caller, make: Make
) -> None:
    made = make(label="backup of März")
    assert made.status == 201
    told = made.json()
    path = f"/auth/keys/{told['key_id']}"
    assert made.headers["Location"] == path
    assert made.headers["Cache-Control"] == "no-store"
    secret = told.pop("secret")
    assert len(secret) >= 40

    assert listed(data_plane, person) == [told]
    me = showing(made).ask(data_plane, "GET", "/auth/me").json()
    assert (me["user"], me["key"]["key_id"]) == ("olga", told["key_id"])

    assert person.ask(data_plane, "DELETE", path).status == 204
    [after] = listed(data_plane, person)
    assert after.pop("revoked_at") is not None
    assert after == {n: v for n, v in told.items() if n != "revoked_at"}
    answer = showing(made).ask(data_plane, "GET", "/auth/me")
    assert_problem(answer, 401, "invalid_credentials")


def test_all_that_was_chosen_is_told_and_kept(
    data_plane: DataPlane, person: Caller, make: Make
) -> None:
    chosen = {"read_only": True, "bucket": "photos", "prefix": "2026/ä/", "label": "é"}
    told = make(**chosen, expires_in=3600).json()
    assert told | chosen == told
    ends = datetime.fromisoformat(told["expires_at"]) - timedelta(hours=1)
    assert abs(datetime.now(UTC) - ends) < timedelta(minutes=1)
    assert listed(data_plane, person)[0] | chosen == listed(data_plane, person)[0]


def test_without_limits_a_key_does_not_end(make: Make) -> None:
    for members in ({}, {"expires_in": None}):
        told = make(**members).json()
        assert (told["expires_at"], told["read_only"], told["bucket"]) == (
            None,
            False,
            "",
        )


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"label": "x" * 101}, "invalid_argument"),
    ({"label": "a\nb"}, "invalid_argument"),
    ({"label": "a\0b"}, "invalid_argument"),
    ({"label": "\ud800"}, "invalid_argument"),
    ({"label": "\u202e"}, "invalid_argument"),
    ({"label": None}, "invalid_argument"),
    ({"label": 1}, "invalid_argument"),
    ({"expires_in": 0}, "invalid_argument"),
    ({"expires_in": -1}, "invalid_argument"),
    ({"expires_in": keys.MOST_SECONDS + 1}, "invalid_argument"),
    ({"expires_in": 10**400}, "invalid_argument"),
    ({"expires_in": 1.5}, "invalid_argument"),
    ({"expires_in": 60.0}, "invalid_argument"),
    ({"expires_in": "60"}, "invalid_argument"),
    ({"expires_in": True}, "invalid_argument"),
    ({"expires_in": float("inf")}, "invalid_argument"),
    ({"read_only": "yes"}, "invalid_argument"),
    ({"read_only": 1}, "invalid_argument"),
    ({"read_only": None}, "invalid_argument"),
    ({"bucket": "Photos"}, "invalid_bucket_name"),
    ({"bucket": "a\0b"}, "invalid_bucket_name"),
    ({"bucket": "../a"}, "invalid_bucket_name"),
    ({"bucket": ["photos"]}, "invalid_argument"),
    ({"prefix": "in/"}, "invalid_argument"),
    ({"bucket": "photos", "prefix": "a\0b"}, "invalid_key"),
    ({"bucket": "photos", "prefix": "\ud800"}, "invalid_argument"),
    ({"bucket": "photos", "prefix": "é" * 513}, "invalid_key"),
    ({"user": "chief"}, "invalid_argument"),
    ({"user_id": 1}, "invalid_argument"),
    ({"key_id": "OSMINE"}, "invalid_argument"),
    ({"secret": "mine"}, "invalid_argument"),
]


def test_limits_that_are_none_are_refused_and_nothing_is_made(make: Make) -> None:
    for members, code in REFUSED:
        assert_problem(make(**members), 400, code)
    assert not AccessKey.objects.exists()
    assert not JournalEntry.objects.exists()


def test_the_longest_label_life_and_prefix_are_taken(make: Make) -> None:
    for members in (
        {"label": "\U0001f600" * 100},
        {"expires_in": keys.MOST_SECONDS},
        {"bucket": "b" * 63, "prefix": "é" * 512},
    ):
        assert make(**members).status == 201


def test_a_user_has_so_many_keys_and_no_more(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "MOST_KEYS", 2)
    assert [make().status for _ in range(2)] == [201, 201]
    assert_problem(make(), 400, "invalid_argument")
    assert AccessKey.objects.count() == 2


def test_keys_are_listed_newest_first_and_nobody_elses(
    data_plane: DataPlane, person: Caller, make: Make
) -> None:
    make_key(make_user("charlie"))
    made = [make().json()["key_id"] for _ in range(3)]
    assert [k["key_id"] for k in listed(data_plane, person)] == made[::-1]


# Who may make and end which


def test_sessions_and_tokens_of_a_password_make_keys(
    data_plane: DataPlane, olga: User
) -> None:
    for caller in (with_csrf(session(olga)), with_token(olga)):
        assert caller.tell(data_plane, "POST", "/auth/keys").status == 201


def test_neither_a_key_nor_its_token_makes_a_key(
    data_plane: DataPlane, olga: User
) -> None:
    key = make_key(olga)
    for caller in (with_key(key), with_token(olga, key_id=key.row.key_id)):
        answer = caller.tell(data_plane, "POST", "/auth/keys")
        assert_problem(answer, 403, "access_denied")
    assert AccessKey.objects.count() == 1


def test_a_key_ends_itself_and_no_other(data_plane: DataPlane, olga: User) -> None:
    one, other = make_key(olga), make_key(olga)
    path = f"/auth/keys/{other.row.key_id}"
    answer = with_key(one).ask(data_plane, "DELETE", path)
    assert_problem(answer, 403, "access_denied")
    assert with_key(other).ask(data_plane, "DELETE", path).status == 204
    assert with_key(one).ask(data_plane, "GET", "/auth/me").status == 200
    assert with_key(other).ask(data_plane, "GET", "/auth/me").status == 401


def test_the_key_of_somebody_else_is_as_if_it_were_none(
    data_plane: DataPlane, person: Caller
) -> None:
    other = make_key(make_user("charlie"))
    told = []
    for key_id in (other.row.key_id, "OSAAAAAAAAAAAAAAAA"):
        answer = person.ask(data_plane, "DELETE", f"/auth/keys/{key_id}")
        problem = assert_problem(answer, 404, "no_such_access_key")
        told.append(problem["detail"].replace(key_id, "it"))
    assert told[0] == told[1]
    assert with_key(other).ask(data_plane, "GET", "/auth/me").status == 200


def test_an_administrator_ends_anybodys_key(data_plane: DataPlane, olga: User) -> None:
    key = make_key(olga)
    chief = with_token(make_user("chief", is_superuser=True))
    path = f"/auth/keys/{key.row.key_id}"
    assert chief.ask(data_plane, "DELETE", path).status == 204
    assert with_key(key).ask(data_plane, "GET", "/auth/me").status == 401


def test_ending_it_again_changes_nothing(
    data_plane: DataPlane, person: Caller, make: Make
) -> None:
    path = make().headers["Location"]
    assert person.ask(data_plane, "DELETE", path).status == 204
    [before] = listed(data_plane, person)
    assert person.ask(data_plane, "DELETE", path).status == 204
    assert listed(data_plane, person) == [before]
    assert JournalEntry.objects.filter(operation="revoke_key").count() == 1


@pytest.mark.parametrize(
    "key_id",
    ["%00", "a%00b", "%FF", "%ED%A0%80", "%0A", "x" * 4000, "..", "%C3%A9", "a%2Fb"],
)
def test_what_can_be_no_key_is_none(
    data_plane: DataPlane, person: Caller, key_id: str
) -> None:
    answer = person.ask(data_plane, "DELETE", f"/auth/keys/{key_id}")
    assert answer.status == 404, answer.body


# Secrets


def test_a_secret_is_shown_once_and_is_nowhere_else(
    data_plane: DataPlane,
    person: Caller,
    make: Make,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    made = make(label="mine")
    secret, key_id = made.json()["secret"], made.json()["key_id"]
    answers = [
        showing(made).ask(data_plane, method, path)
        for method, path in (
            ("GET", "/auth/keys"),
            ("GET", "/auth/me"),
            ("POST", "/auth/token"),
            ("PUT", "/buckets/photos"),
            ("POST", "/auth/keys"),
            ("DELETE", f"/auth/keys/{key_id}"),
        )
    ]
    answers.append(person.ask(data_plane, "GET", "/auth/keys"))
    wrong = f"{key_id}.{secret}"[:-1]
    authorization = {"Authorization": f"Bearer {wrong}"}
    answers.append(Caller(authorization).ask(data_plane, "GET", "/auth/me"))
    for answer in answers:
        assert secret[:-1].encode() not in answer.body
        assert secret not in str(answer.headers)
    rows = [*JournalEntry.objects.values(), *AccessKey.objects.values()]
    assert secret not in str(rows)
    assert secret[:-1] not in caplog.text


def test_a_secret_is_in_no_representation(olga: User) -> None:
    made = make_key(olga)
    account = accounts.key_account(made.row.key_id)
    assert account is not None
    assert account.secret == made.secret
    principal = Principal("olga", "", False, key_id=made.row.key_id)
    stored = AccessKey.objects.get()
    for value in (made, account, principal, stored):
        assert made.secret not in f"{value!r} {value!s}"


def test_no_two_keys_are_alike(make: Make) -> None:
    made = [make().json() for _ in range(10)]
    assert len({told["key_id"] for told in made}) == 10
    assert len({told["secret"] for told in made}) == 10


# Who am I


def test_a_key_is_told_its_own_limits(data_plane: DataPlane, olga: User) -> None:
    Bucket.objects.create(name="photos", owner=olga)
    key = make_key(olga, read_only=True, only_bucket="photos", only_prefix="in/")
    assert with_key(key).ask(data_plane, "GET", "/auth/me").json() == {
        "user": "olga",
        "kind": "key",
        "superuser": False,
        "may_create_buckets": False,
        "key": {
            "key_id": key.row.key_id,
            "read_only": True,
            "bucket": "photos",
            "prefix": "in/",
        },
        "grants": [],
    }


def test_a_key_for_one_bucket_sees_no_other_key(
    data_plane: DataPlane, olga: User
) -> None:
    elsewhere = make_key(olga, only_bucket="secret-plans")
    limited = make_key(olga, only_bucket="photos", only_prefix="in/")
    token = with_token(olga, key_id=limited.row.key_id)
    for caller in (with_key(limited), token):
        [seen] = listed(data_plane, caller)
        assert seen["key_id"] == limited.row.key_id
    assert len(listed(data_plane, with_key(make_key(olga)))) == 3
    assert listed(data_plane, with_key(elsewhere))[0]["bucket"] == "secret-plans"
