"""My account on the screen."""

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Group
from django.test import Client

from objects_app.access.console_sessions import kept_as
from objects_app.models import (
    Allowance,
    Bucket,
    ConsoleSession,
    Grant,
    OidcIdentity,
    Role,
)
from objects_app.templatetags.browsers import browser_name
from tests.access.people import make_user, password_of
from tests.web.people import at_browser, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


def sign_in(name: str) -> Client:
    client = Client(REMOTE_ADDR="192.0.2.7", headers={"user-agent": FIREFOX})
    sent = {"username": name, "password": password_of(name)}
    assert client.post("/ui/login/", sent).status_code == 302
    return client


def test_it_says_what_one_owns_and_was_granted() -> None:
    olga = make_user("olga")
    Bucket.objects.create(name="mine", owner=olga)
    other = Bucket.objects.create(name="photos")
    press = Group.objects.create(name="press")
    olga.groups.add(press)
    Grant.objects.create(bucket=other, group=press, role=Role.WRITER, prefix="in/")
    Allowance.objects.create(user=olga, buckets=3, bytes_quota=10 * 2**30)
    OidcIdentity.objects.create(issuer="https://id.example", subject="o", user=olga)
    page = words(at_browser(olga), "/ui/account/")
    for told in ("photos/in/", "press", "writer", "of 3", "of 10.0 GiB", "id.example"):
        assert told in page


def test_sessions_are_shown_and_this_one_cannot_be_ended_by_mistake() -> None:
    make_user("olga")
    here = sign_in("olga")
    sign_in("olga")
    page = words(here, "/ui/account/")
    assert page.count("192.0.2.7") >= 2
    assert "Firefox, Linux" in page
    assert page.count("this one") == 1
    assert page.count('name="session"') == 1


def test_one_session_or_all_others_are_ended() -> None:
    make_user("olga")
    here, there, elsewhere = sign_in("olga"), sign_in("olga"), sign_in("olga")
    cookie = there.cookies[django_settings.SESSION_COOKIE_NAME].value
    row = ConsoleSession.objects.get(session_key=kept_as(cookie))
    here.post("/ui/account/end", {"session": row.session_key})
    assert there.get("/ui/account/").status_code == 302
    assert elsewhere.get("/ui/account/").status_code == 200
    answer = here.post("/ui/account/end-others", follow=True)
    assert "1 session is over." in answer.content.decode()
    assert elsewhere.get("/ui/account/").status_code == 302
    assert here.get("/ui/account/").status_code == 200


@pytest.mark.parametrize("path", ["account", "keys", "activity"])
def test_who_is_not_signed_in_is_sent_to_do_so(path: str) -> None:
    answer = Client(REMOTE_ADDR="192.0.2.1").get(f"/ui/{path}/")
    assert answer["Location"] == f"/ui/login/?next=/ui/{path}/"


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (FIREFOX, "Firefox, Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/1 Safari/1 Edg/1", "Edge, Windows"),
        ("Mozilla/5.0 (iPhone; like Mac OS X) Version/1 Safari/1", "Safari, iOS"),
        ("curl/8.1 x", "curl/8.1"),
        ("", "Unknown browser"),
    ],
)
def test_browsers_are_called_by_names_that_people_know(said: str, name: str) -> None:
    assert browser_name(said) == name
