"""Sessions of the console: whose, from where, and ended by their users."""

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.test import Client

from objects_app.access import sessions
from objects_app.models import ConsoleSession, JournalEntry
from tests.access.people import BY, make_user, password_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def olga() -> User:
    return make_user("olga")


def sign_in(user: User, agent: str = "Firefox") -> Client:
    client = Client(headers={"user-agent": agent}, REMOTE_ADDR="192.0.2.7")
    data = {"username": user.username, "password": password_of(user.username)}
    assert client.post("/ui/login/", data).status_code == 302
    return client


def cookie(client: Client) -> str:
    return client.cookies[django_settings.SESSION_COOKIE_NAME].value


def is_signed_in(client: Client) -> bool:
    return client.get("/ui/password/").status_code == 200


def test_a_session_tells_where_it_began_and_which_is_this(olga: User) -> None:
    here, _ = sign_in(olga), sign_in(olga, "x" * 1000)
    sign_in(make_user("bob"))
    rows = sessions.list_sessions(user_id=olga.pk, this=cookie(here))
    assert [row.is_this for row in rows] == [False, True]
    assert {row.address for row in rows} == {"192.0.2.7"}
    assert [row.user_agent for row in rows] == ["x" * 300, "Firefox"]
    for row in rows:
        assert row.began_at is not None
        assert row.began_at < row.expires_at
        assert row.session_id not in cookie(here)


def test_a_session_of_which_nothing_was_written_down_is_listed(olga: User) -> None:
    Client().force_login(olga)
    [row] = sessions.list_sessions(user_id=olga.pk, this=None)
    assert (row.began_at, row.address, row.user_agent) == (None, "", "")


def test_one_session_is_ended_and_others_go_on(olga: User) -> None:
    here, there = sign_in(olga), sign_in(olga)
    [row] = [
        row
        for row in sessions.list_sessions(user_id=olga.pk, this=cookie(here))
        if not row.is_this
    ]
    sessions.end_session(user_id=olga.pk, session_id=row.session_id, by=BY)
    assert (is_signed_in(here), is_signed_in(there)) == (True, False)
    entry = JournalEntry.objects.latest("id")
    assert (entry.operation, entry.detail) == ("end_session", "1 of olga")
    sessions.end_session(user_id=olga.pk, session_id=row.session_id, by=BY)
    assert JournalEntry.objects.latest("id") == entry


def test_nobody_ends_a_session_of_somebody_else(olga: User) -> None:
    here = sign_in(olga)
    row = ConsoleSession.objects.get(user=olga)
    bob = make_user("bob")
    sessions.end_session(user_id=bob.pk, session_id=row.session_key, by=BY)
    sessions.end_others(user_id=bob.pk, this=None, by=BY)
    assert is_signed_in(here)


def test_all_others_are_ended_or_all(olga: User) -> None:
    here, there, elsewhere = sign_in(olga), sign_in(olga), sign_in(olga)
    assert sessions.end_others(user_id=olga.pk, this=cookie(here), by=BY) == 2
    assert [is_signed_in(c) for c in (here, there, elsewhere)] == [True, False, False]
    assert sessions.end_others(user_id=olga.pk, this=None, by=BY) == 1
    assert not is_signed_in(here)


def test_a_deleted_user_has_no_session(olga: User) -> None:
    here = sign_in(olga)
    olga.delete()
    assert not is_signed_in(here)
    assert not ConsoleSession.objects.exists()
