"""Passwords: what a caller learns, what is counted, what is written down."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event, Lock
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import settings as django_settings
from django.contrib import auth
from django.contrib.auth.hashers import PBKDF2PasswordHasher, identify_hasher
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils.timezone import now
from pytest_django import Settings

from objects_app.access import lockout, logins
from objects_app.access.addresses import client_address, client_network
from objects_app.errors import InvalidCredentials, LoginLocked, TooManyLogins
from objects_app.models import JournalEntry
from objects_app.queries.rows import Actor

pytestmark = pytest.mark.django_db

PASSWORD = "correct-horse"
WRONG = "wrong"
PATIENCE_SECONDS = 10.0


@pytest.fixture
def ann() -> User:
    """A user with a password."""
    return User.objects.create_user("ann", password=PASSWORD)


def request(address: str = "192.0.2.1", **meta: Any) -> HttpRequest:
    """Return a request from there, with a password under another name than usual."""
    made = RequestFactory().post(
        "/ui/login/?q=s3cret-query", {"pass": "s3cret-field"}, **meta
    )
    made.META["REMOTE_ADDR"] = address
    made.request_id = "abc"  # type: ignore[attr-defined]
    return made


def attempt(name: str, password: str = WRONG, address: str = "192.0.2.1") -> str:
    """Return what comes of a login: the user's name, "wrong" or "locked"."""
    try:
        return logins.check_password(request(address), name, password).username
    except InvalidCredentials:
        return "wrong"
    except LoginLocked:
        return "locked"


def test_the_right_password_finds_the_user(ann: User) -> None:
    assert logins.check_password(request(), " ann ", PASSWORD) == ann


@pytest.mark.parametrize("name", ["ann", "disabled", "nobody", "keyless"])
def test_an_account_is_locked_for_an_address_whether_it_is_there_or_not(
    ann: User, name: str
) -> None:
    User.objects.create_user("disabled", password=PASSWORD, is_active=False)
    User.objects.create_user("keyless")
    answers = [attempt(name) for _ in range(6)]
    assert answers == ["wrong"] * 4 + ["locked"] * 2


def test_the_right_password_does_not_open_a_lock(ann: User) -> None:
    for _ in range(5):
        attempt("ann")
    assert attempt("ann", PASSWORD) == "locked"


def test_a_lock_is_for_one_address(ann: User) -> None:
    for _ in range(5):
        attempt("ann")
    assert attempt("ann", PASSWORD, address="192.0.2.2") == "ann"


def test_a_lock_is_for_one_account(ann: User) -> None:
    for _ in range(5):
        attempt("bob")
    assert attempt("ann", PASSWORD) == "ann"


def test_a_disabled_user_is_as_wrong_as_an_unknown_one() -> None:
    User.objects.create_user("disabled", password=PASSWORD, is_active=False)
    said = set()
    for name in ("disabled", "nobody"):
        with pytest.raises(InvalidCredentials) as error:
            logins.check_password(request(), name, PASSWORD)
        said.add(str(error.value))
    assert len(said) == 1


def test_a_success_begins_the_count_anew(ann: User) -> None:
    for _ in range(3):
        assert [attempt("ann") for _ in range(4)] == ["wrong"] * 4
        assert attempt("ann", PASSWORD) == "ann"


def test_a_success_does_not_clear_what_the_address_did_to_others(ann: User) -> None:
    for _ in range(4):
        attempt("bob")
    attempt("ann", PASSWORD)
    assert attempt("bob") == "locked"


def test_trying_on_does_not_prolong_a_lock(ann: User) -> None:
    for _ in range(5):
        attempt("ann")
    [row] = AccessAttempt.objects.all()
    AccessAttempt.objects.update(attempt_time=now() - timedelta(seconds=600))
    with pytest.raises(LoginLocked) as error:
        logins.check_password(request(), "ann", "wrong")
    assert 280 <= error.value.retry_after <= 300
    past = now() - timedelta(seconds=django_settings.LOGIN_LOCK_SECONDS + 1)
    AccessAttempt.objects.update(attempt_time=past)
    assert attempt("ann", PASSWORD) == "ann"
    assert not AccessAttempt.objects.filter(pk=row.pk).exists()


def test_an_address_that_tries_many_accounts_is_locked_for_all(ann: User) -> None:
    answers = [attempt(f"user-{number}") for number in range(50)]
    assert answers == ["wrong"] * 49 + ["locked"]
    assert attempt("ann", PASSWORD) == "locked"
    assert attempt("ann", PASSWORD, address="192.0.2.2") == "ann"


def test_an_account_tried_from_many_addresses_is_locked_for_all(ann: User) -> None:
    answers = [attempt("ann", address=f"198.51.100.{n}") for n in range(100)]
    assert answers == ["wrong"] * 99 + ["locked"]
    assert attempt("ann", PASSWORD) == "locked"


def test_ipv6_addresses_of_one_subscriber_count_as_one() -> None:
    addresses = [f"2001:db8:1:2:{n:x}::1" for n in range(5)]
    answers = [attempt("ann", address=address) for address in addresses]
    assert answers[-1] == "locked"
    assert attempt("ann", address="2001:db8:1:3::1") == "wrong"


def test_the_limit_is_a_setting(settings: Settings, ann: User) -> None:
    settings.AXES_FAILURE_LIMIT = 2
    assert [attempt("ann"), attempt("ann")] == ["wrong", "locked"]


def test_nothing_of_a_request_but_where_it_came_from_is_kept(
    ann: User, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        for _ in range(6):
            attempt("ann", "s3cret-password")
    kept = [
        str(value) for row in AccessAttempt.objects.values() for value in row.values()
    ]
    assert "s3cret" not in " ".join(kept)
    assert "s3cret" not in caplog.text


def test_failures_and_the_lock_are_in_the_journal_and_what_a_lock_refuses_is_not(
    ann: User,
) -> None:
    for _ in range(8):
        attempt("ann")
    entries = JournalEntry.objects.order_by("pk")
    assert {e.operation for e in entries} == {"login_failed"}
    assert {(e.actor, e.address, e.bucket_id) for e in entries} == {
        ("anonymous", "192.0.2.1", 0)
    }
    *wrong, locked = [entry.detail for entry in entries]
    assert wrong == ["ann"] * 4
    assert re.fullmatch(r"ann \(locked for (900|8\d\d) s\)", locked)


@pytest.mark.parametrize(
    "name",
    ["", "a\0b", "\ud800", "x" * 5000, "'; --", "\N{FULLWIDTH LATIN SMALL LETTER A}"],
)
def test_any_text_may_be_a_name(name: str) -> None:
    assert attempt(name) == "wrong"


@pytest.mark.parametrize("password", ["", "\0", "\ud800", "x" * 100_000])
def test_any_text_may_be_a_password(ann: User, password: str) -> None:
    assert attempt("ann", password) == "wrong"


def test_new_passwords_are_argon2_and_old_ones_still_work(settings: Settings) -> None:
    from objectstore.settings import PASSWORD_HASHERS  # noqa: PLC0415 the store's own

    settings.PASSWORD_HASHERS = PASSWORD_HASHERS
    old = PBKDF2PasswordHasher().encode(PASSWORD, "salt", 1000)
    user = User.objects.create(username="ann", password=old)
    assert attempt("ann", PASSWORD) == "ann"
    user.refresh_from_db()
    assert identify_hasher(user.password).algorithm == "argon2"


@pytest.mark.slow
def test_an_unknown_user_takes_as_long_as_a_wrong_password(settings: Settings) -> None:
    from objectstore.settings import PASSWORD_HASHERS  # noqa: PLC0415 the store's own

    settings.PASSWORD_HASHERS = PASSWORD_HASHERS
    settings.AXES_FAILURE_LIMIT = 1000
    User.objects.create_user("ann", password=PASSWORD)
    User.objects.create_user("disabled", password=PASSWORD, is_active=False)
    User.objects.create_user("keyless")

    def quickest(name: str) -> float:
        took = []
        for _ in range(3):
            begun = time.perf_counter()
            attempt(name)
            took.append(time.perf_counter() - begun)
        return min(took)

    known = quickest("ann")
    others = [quickest(name) for name in ("nobody", "disabled", "keyless")]
    assert all(known / 4 < other < known * 4 for other in others), (known, others)


@pytest.mark.parametrize(
    ("meta", "address", "network"),
    [
        ({"REMOTE_ADDR": "192.0.2.1"}, "192.0.2.1", "192.0.2.1"),
        ({"REMOTE_ADDR": "::ffff:192.0.2.1"}, "192.0.2.1", "192.0.2.1"),
        ({"REMOTE_ADDR": "2001:db8::1:2"}, "2001:db8::1:2", "2001:db8::"),
        ({"REMOTE_ADDR": "fe80::1%eth0"}, "fe80::1", "fe80::"),
        (
            {"REMOTE_ADDR": "127.0.0.1", "objectstore.client": "192.0.2.9"},
            "192.0.2.9",
            "192.0.2.9",
        ),
        ({"REMOTE_ADDR": ""}, "", None),
        ({}, "", None),
    ],
)
def test_the_address_is_the_clients(
    meta: dict[str, str], address: str, network: str | None
) -> None:
    asked = HttpRequest()
    asked.META = meta
    assert (client_address(asked), client_network(asked)) == (address, network)


def test_callers_without_an_address_are_counted_together() -> None:
    assert [attempt("ann", address="") for _ in range(5)][-1] == "locked"


def test_few_passwords_are_hashed_at_once_and_few_wait_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Argon2 takes 100 MiB for each: sixteen logins must not take 1.6 GiB, nor keep
    all threads waiting."""
    present, most, lock = 0, 0, Lock()
    refused = Event()

    def slow(**_: Any) -> None:
        nonlocal present, most
        with lock:
            present += 1
            most = max(most, present)
        refused.wait(PATIENCE_SECONDS)
        with lock:
            present -= 1

    def attempt(_: int) -> str:
        try:
            logins.hash_and_compare(HttpRequest(), "ann", WRONG)
        except TooManyLogins:
            refused.set()
            return "refused"
        return "checked"

    monkeypatch.setattr(auth, "authenticate", slow)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(attempt, range(8)))
    assert most == 2
    assert "refused" in answers
    assert answers.count("checked") >= 4


# What administrators see and release


def locked() -> list[tuple[str | None, str | None, int]]:
    return [lock[:3] for lock in lockout.locks()]


def test_locks_are_shown_with_when_they_end(ann: User) -> None:
    for _ in range(5):
        attempt("ann")
    for _ in range(4):
        attempt("bob")
    [lock] = lockout.locks()
    assert lock[:3] == ("ann", "192.0.2.1", 5)
    left = (lock.ends_at - now()).total_seconds()
    assert 0 < left <= django_settings.LOGIN_LOCK_SECONDS
    AccessAttempt.objects.update(attempt_time=now() - timedelta(seconds=901))
    assert locked() == []


def test_locks_of_an_address_and_of_an_account_are_shown_too() -> None:
    for number in range(50):
        AccessAttempt.objects.create(
            username=f"n{number}", ip_address="192.0.2.1", failures_since_start=1
        )
    for number in range(25):
        AccessAttempt.objects.create(
            username="ann", ip_address=f"198.51.100.{number}", failures_since_start=4
        )
    assert locked() == [(None, "192.0.2.1", 50), ("ann", None, 100)]


@pytest.mark.parametrize(
    ("username", "address", "told"),
    [
        ("ann", "192.0.2.1", "ann from 192.0.2.1"),
        ("ann", None, "ann"),
        (None, "192.0.2.1", "192.0.2.1"),
    ],
)
def test_a_released_lock_lets_in_and_is_written_down(
    ann: User, username: str | None, address: str | None, told: str
) -> None:
    for _ in range(5):
        attempt("ann")
    by = Actor(label="chief", node_id="n", request_id="r")
    lockout.release(username="another", address=address, by=by)
    assert attempt("ann", PASSWORD) == "locked"
    lockout.release(username=username, address=address, by=by)
    assert attempt("ann", PASSWORD) == "ann"
    entry = JournalEntry.objects.get(operation="release_lock")
    assert (entry.actor, entry.detail) == ("chief", told)


def test_a_release_that_names_nobody_releases_nobody() -> None:
    for _ in range(5):
        attempt("ann")
    by = Actor(label="chief", node_id="n", request_id="r")
    lockout.release(username=None, address=None, by=by)
    assert len(locked()) == 1
