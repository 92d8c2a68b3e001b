"""The one login page: what it lets in, where it leads, what it tells."""

import re
from threading import BoundedSemaphore

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from objects_app.access import logins, users
from objects_app.models import ConsoleSession, JournalEntry
from objects_app.queries.rows import Actor

pytestmark = pytest.mark.django_db

PASSWORD = "correct-horse"
WRONG = "wrong"
NEW = "battery-staple-9"
BY = Actor("chief", "node", "request")

ELSEWHERE = [
    "https://evil.example/",
    "http://evil.example/",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "https:evil.example",
    "https:/evil.example",
    "http:///evil.example",
    "\\\\evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    " //evil.example",
    "\x08//evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "https://testserver@evil.example/",
    "//testserver@evil.example/",
    "https://testserver.evil.example/",
    "ftp://testserver/",
]


@pytest.fixture
def ann() -> User:
    """A user with a password, of the staff."""
    return User.objects.create_user("ann", password=PASSWORD, is_staff=True)


def sign_in(
    client: Client, name: str = "ann", password: str = PASSWORD, to: str = ""
) -> None:
    client.post("/ui/login/", {"username": name, "password": password, "next": to})


def location(client: Client, to: str) -> str:
    answer = client.post(
        "/ui/login/", {"username": "ann", "password": PASSWORD, "next": to}
    )
    assert answer.status_code == 302
    return answer.headers["Location"]


def test_a_password_signs_in_to_console_and_admin(client: Client, ann: User) -> None:
    assert location(client, "/admin/") == "/admin/"
    assert client.get("/admin/").status_code == 200
    assert "ann" in client.get("/ui/").content.decode()


def test_without_next_the_first_page_comes(client: Client, ann: User) -> None:
    assert location(client, "") == "/ui/"


@pytest.mark.parametrize("to", ELSEWHERE)
def test_next_never_leads_to_another_host(client: Client, ann: User, to: str) -> None:
    assert location(client, to) == "/ui/"
    page = client.get("/ui/login/", {"next": to}).content.decode()
    assert 'name="next" value=""' in page


@pytest.mark.parametrize("to", ["/ui/?a=b", "/buckets/a%2Fb", "/%2F/evil.example", "x"])
def test_next_may_be_any_place_here(client: Client, ann: User, to: str) -> None:
    assert location(client, to) == to


@pytest.mark.parametrize("to", ELSEWHERE)
def test_signing_out_does_not_lead_elsewhere_either(client: Client, to: str) -> None:
    answer = client.post("/ui/logout/", {"next": to})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/ui/")


@pytest.mark.parametrize("method", ["get", "head"])
def test_the_admins_login_is_ours(client: Client, method: str) -> None:
    answer = getattr(client, method)("/admin/login/?next=/admin/auth/")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/ui/login/?next=/admin/auth/"


def test_the_admins_login_takes_no_password(client: Client, ann: User) -> None:
    data = {"username": "ann", "password": PASSWORD}
    assert client.post("/admin/login/", data).status_code == 405
    assert not ConsoleSession.objects.exists()


def test_the_admin_asks_strangers_to_sign_in(client: Client) -> None:
    answer = client.get("/admin/auth/user/", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/ui/login/?next=")
    assert 'name="next" value="/admin/auth/user/"' in answer.content.decode()


def test_one_who_may_not_is_told_so_and_can_sign_in_as_another(
    client: Client, alice: User
) -> None:
    client.force_login(alice)
    page = client.get("/admin/", follow=True)
    assert page.status_code == 200
    assert "You are signed in as alice, who may not" in " ".join(
        page.content.decode().split()
    )


@pytest.mark.parametrize("path", ["/ui/logout/", "/admin/logout/"])
def test_signing_out_ends_the_session(client: Client, ann: User, path: str) -> None:
    sign_in(client)
    assert client.get(path).status_code == 405
    answer = client.post(path)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/ui/")
    assert not ConsoleSession.objects.exists()
    assert client.get("/admin/").status_code == 302


def test_the_session_gets_a_new_key_with_the_login(client: Client, ann: User) -> None:
    name = django_settings.SESSION_COOKIE_NAME
    client.session.save()
    client.cookies[name] = client.session.session_key or ""
    before = client.cookies[name].value
    sign_in(client)
    assert client.cookies[name].value not in {"", before}


def test_the_cookie_is_for_this_site_and_no_script(client: Client, ann: User) -> None:
    sign_in(client)
    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["max-age"] == 12 * 3600
    assert client.cookies["csrftoken"]["samesite"] == "Lax"


def failure(client: Client, name: str, password: str = WRONG) -> tuple[object, ...]:
    """Return all that a caller sees of a failed login, but for the name itself."""
    answer = client.post("/ui/login/", {"username": name, "password": password})
    page = answer.content.decode().replace(name, "NAME")
    page = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", page)
    varying = {"X-Request-Id", "Content-Length", "Expires", "Retry-After"}
    headers = {n: v for n, v in answer.headers.items() if n not in varying}
    cookies = sorted(answer.cookies)
    return answer.status_code, page, headers, cookies


def test_wrong_unknown_and_disabled_get_the_same_answers_up_to_the_lock(
    ann: User,
) -> None:
    User.objects.create_user("dan", password=PASSWORD, is_active=False)
    User.objects.create_user("key")
    tried = [("ann", "wrong"), ("nob", "wrong"), ("dan", PASSWORD), ("key", "wrong")]
    seen = [[failure(Client(), *login) for _ in range(7)] for login in tried]
    assert [answer[0] for answer in seen[0]] == [200] * 4 + [429] * 3
    assert seen[1:] == seen[:1] * 3


def test_while_many_sign_in_one_is_asked_to_come_back(
    client: Client, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logins, "_PRESENT", BoundedSemaphore(1))
    with logins._PRESENT:
        answer = client.post("/ui/login/", {"username": "ann", "password": PASSWORD})
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert b"try again shortly" in answer.content


def test_a_lock_says_when_to_come_back(client: Client, ann: User) -> None:
    for _ in range(5):
        answer = client.post("/ui/login/", {"username": "ann", "password": "wrong"})
    assert answer.status_code == 429
    assert 840 < int(answer.headers["Retry-After"]) <= 900
    assert "no-store" in answer.headers["Cache-Control"]
    assert "Try again in 15 minutes" in answer.content.decode()


def test_a_name_is_shown_as_text(client: Client) -> None:
    data = {"username": "<script>x</script>", "password": "wrong"}
    assert b"<script>" not in client.post("/ui/login/", data).content


def test_logins_and_logouts_are_in_the_journal(client: Client, ann: User) -> None:
    failure(client, "mallory")
    sign_in(client)
    client.post("/ui/logout/")
    client.post("/ui/logout/")  # nobody's any more
    entries = JournalEntry.objects.order_by("pk")
    assert [(e.operation, e.actor, e.detail) for e in entries] == [
        ("login_failed", "anonymous", "mallory"),
        ("login", "ann", ""),
        ("logout", "ann", ""),
    ]
    assert {e.address for e in entries} == {"127.0.0.1"}
    assert all(e.request_id and e.node_id for e in entries)


def test_ones_password_is_changed_and_other_sessions_end(ann: User) -> None:
    here, elsewhere = Client(), Client()
    for client in (here, elsewhere):
        sign_in(client)
    data = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    answer = here.post("/ui/password/", data, follow=True)
    assert "Your password is changed." in answer.content.decode()
    assert here.get("/admin/").status_code == 200
    assert elsewhere.get("/admin/").status_code == 302
    ann.refresh_from_db()
    assert ann.check_password(NEW)
    assert JournalEntry.objects.filter(
        operation="change_password", actor="ann"
    ).exists()


@pytest.mark.parametrize("made", ["with the user", "later"])
def test_a_password_that_was_made_is_changed_before_anything_else(
    client: Client, made: str
) -> None:
    if made == "with the user":
        password = users.create_user(name="bob", by=BY)
    else:
        users.create_user(name="bob", password=PASSWORD, by=BY)
        password = users.set_password(name="bob", by=BY)
    User.objects.filter(username="bob").update(is_superuser=True, is_staff=True)
    sign_in(client, "bob", password)
    for path in ("/ui/", "/ui/buckets/none/", "/admin/", "/admin/auth/user/"):
        assert client.get(path)["Location"] == "/ui/password/"
    part = client.get("/ui/", headers={"hx-request": "true"})
    assert (part.status_code, part["HX-Redirect"]) == (204, "/ui/password/")
    assert b"choose your own" in client.get("/ui/password/").content
    assert client.get("/ui/texts.js").status_code == 200

    data = {"old_password": password, "new_password1": NEW, "new_password2": NEW}
    client.post("/ui/password/", data)

    assert client.get("/admin/").status_code == 200
    assert b"choose your own" not in client.get("/ui/password/").content
    client.post("/ui/logout/")
    sign_in(client, "bob", NEW)
    assert client.get("/ui/").status_code == 200


def test_a_password_that_somebody_chose_need_not_be_changed(client: Client) -> None:
    users.create_user(name="bob", by=BY)
    users.set_password(name="bob", password=PASSWORD, by=BY)
    sign_in(client, "bob")
    assert client.get("/ui/").status_code == 200


def test_who_was_given_a_password_may_sign_out_before_it_is_changed(
    client: Client,
) -> None:
    sign_in(client, "bob", users.create_user(name="bob", by=BY))
    assert client.post("/ui/logout/")["Location"] == "/ui/"
    assert client.get("/ui/account/")["Location"].startswith("/ui/login/")


def test_guessing_the_old_password_is_counted(client: Client, ann: User) -> None:
    sign_in(client)
    data = {"old_password": "wrong", "new_password1": NEW, "new_password2": NEW}
    answers = [client.post("/ui/password/", data).status_code for _ in range(5)]
    assert answers == [200] * 4 + [429]
    ann.refresh_from_db()
    assert ann.check_password(PASSWORD)


def test_a_weak_new_password_is_refused(client: Client, ann: User) -> None:
    sign_in(client)
    data = {
        "old_password": PASSWORD,
        "new_password1": "12345678",
        "new_password2": "12345678",
    }
    assert "too common" in client.post("/ui/password/", data).content.decode()


def test_a_password_that_was_made_is_no_new_one(client: Client) -> None:
    made = users.create_user(name="bob", by=BY)
    sign_in(client, "bob", made)
    data = {"old_password": made, "new_password1": made, "new_password2": made}
    answer = client.post("/ui/password/", data)
    assert "your present password" in answer.content.decode()
    assert client.get("/ui/")["Location"] == "/ui/password/"


def test_strangers_are_asked_to_sign_in_before_the_password_page(
    client: Client,
) -> None:
    answer = client.get("/ui/password/")
    assert answer.headers["Location"] == "/ui/login/?next=/ui/password/"


def test_the_admins_password_page_is_ours(client: Client) -> None:
    assert client.get("/admin/password_change/").headers["Location"] == "/ui/password/"


def test_one_without_a_password_is_told_where_it_is(
    client: Client, alice: User
) -> None:
    alice.set_unusable_password()
    alice.save()
    client.force_login(alice)
    page = client.get("/ui/password/").content.decode()
    assert "your identity provider" in page
    assert "old_password" not in page


def test_the_first_page_says_who_is_signed_in(
    client: Client, ann: User, settings: Settings
) -> None:
    settings.ANONYMOUS_ACCESS = "write"
    assert "Sign in" in client.get("/ui/").content.decode()
    sign_in(client)
    page = client.get("/ui/").content.decode()
    assert "Signed in as ann" in page
    assert "Sign in" not in page


@pytest.mark.parametrize("path", ["/ui/", "/ui/login/", "/ui/password/"])
def test_pages_have_neither_styles_nor_scripts_of_their_own(
    client: Client, ann: User, path: str
) -> None:
    sign_in(client)
    page = client.get(path).content.decode()
    assert not re.search(
        r"<style|<script(?![^>]* src=)| style=| on[a-z]+=|javascript:", page
    )
