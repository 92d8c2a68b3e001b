"""Single sign-on against a real provider: there, back, and who is let in."""

import time
from typing import Any

import jwt
import pytest
import requests
from django.contrib.auth.models import Group, User
from django.test import Client
from pytest_django import Settings

from objects_app.access import oidc, sign_on
from objects_app.models import JournalEntry, OidcIdentity
from tests.servers.issuer import Provider, parameters

pytestmark = pytest.mark.django_db

BEGIN = "/ui/oidc/"


def go(client: Client, to: str = "") -> str:
    """Return where the browser is sent to sign in."""
    answer = client.get(BEGIN, {"next": to})
    assert answer.status_code == 302
    return answer.headers["Location"]


def come_back(client: Client, location: str) -> Any:
    """Follow the provider's redirect to us."""
    return client.get(location.removeprefix("http://testserver"))


def sign_in(provider: Provider, client: Client, subject: str, to: str = "") -> Any:
    """Sign in as somebody, and return our last answer."""
    return come_back(client, provider.agree(go(client, to), subject))


def who(client: Client) -> str:
    """Return the name of who is signed in, "" for nobody."""
    page = client.get("/ui/login/")
    return str(page.context["user"].get_username())


def test_one_signs_in_and_gets_where_one_wanted(
    provider: Provider, client: Client
) -> None:
    provider.user("u-1", preferred_username="ann")
    answer = sign_in(provider, client, "u-1", to="/ui/?a=b")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/ui/?a=b")
    assert who(client) == "ann"
    assert not User.objects.get(username="ann").has_usable_password()


def test_the_login_page_has_a_button_for_it(
    provider: Provider, client: Client, settings: Settings
) -> None:
    assert 'href="/ui/oidc/?next=' in client.get("/ui/login/").content.decode()
    settings.OIDC_ISSUER = None
    assert "/ui/oidc/" not in client.get("/ui/login/").content.decode()
    assert client.get(BEGIN).status_code == 404
    assert client.get("/ui/oidc/callback").status_code == 403


def test_the_way_there_has_state_nonce_and_pkce(
    provider: Provider, client: Client
) -> None:
    there = parameters(go(client))
    assert there["response_type"] == "code"
    assert there["code_challenge_method"] == "S256"
    assert there["redirect_uri"] == "http://testserver/ui/oidc/callback"
    assert set(there["scope"].split()) == {"openid", "profile", "email"}
    assert all(len(there[name]) >= 20 for name in ("state", "nonce", "code_challenge"))


@pytest.mark.parametrize("to", ["https://evil.example", "//evil.example", "\\\\evil"])
def test_next_never_leads_to_another_host(
    provider: Provider, client: Client, to: str
) -> None:
    assert sign_in(provider, client, "u-1", to=to).headers["Location"] == "/ui/"


def test_the_same_subject_is_the_same_user_whatever_it_is_called(
    provider: Provider,
) -> None:
    for name in ("ann", "renamed"):
        provider.user("u-1", preferred_username=name)
        sign_in(provider, Client(), "u-1")
    assert [user.username for user in User.objects.all()] == ["ann"]


def test_a_name_or_mail_that_is_taken_opens_nobodys_account(
    provider: Provider, client: Client
) -> None:
    User.objects.create_superuser("admin", email="admin@example.com")
    provider.user("u-1", preferred_username="admin", email="admin@example.com")
    sign_in(provider, client, "u-1")
    assert who(client) == "admin-2"
    assert not User.objects.get(username="admin-2").is_superuser


def test_a_bearer_token_is_the_same_user(provider: Provider, client: Client) -> None:
    provider.user("u-1", preferred_username="ann")
    sign_in(provider, client, "u-1")
    user_id = oidc.read(provider.token(sub="u-1"))
    assert User.objects.get(pk=user_id).username == "ann"


def test_groups_follow_the_claims_at_every_sign_on(
    provider: Provider, client: Client
) -> None:
    for name in ("readers", "writers", "by-hand"):
        Group.objects.create(name=name)
    provider.user("u-1", preferred_username="ann", groups=["readers", "unknown"])
    sign_in(provider, client, "u-1")
    ann = User.objects.get(username="ann")
    ann.groups.add(Group.objects.get(name="by-hand"))

    def groups() -> set[str]:
        OidcIdentity.objects.update(claims_at=None)  # as if a second had passed
        sign_in(provider, Client(), "u-1")
        return set(ann.groups.values_list("name", flat=True))

    assert groups() == {"readers", "by-hand"}
    provider.user("u-1", preferred_username="ann", groups=["writers"])
    assert groups() == {"writers", "by-hand"}
    provider.user("u-1", preferred_username="ann")  # no claim: no groups
    assert groups() == {"by-hand"}


def test_groups_may_be_mapped(
    provider: Provider, client: Client, settings: Settings
) -> None:
    settings.OIDC_GROUPS = ("cn=a=readers", "b=writers")
    for name in ("readers", "writers", "b"):
        Group.objects.create(name=name)
    provider.user("u-1", preferred_username="ann", groups=["cn=a", "readers", 7])
    sign_in(provider, client, "u-1")
    ann = User.objects.get(username="ann")
    assert set(ann.groups.values_list("name", flat=True)) == {"readers"}


def test_one_group_makes_administrators_and_its_loss_unmakes_them(
    provider: Provider, client: Client, settings: Settings
) -> None:
    provider.user("u-1", preferred_username="ann", groups=["admins"])
    sign_in(provider, client, "u-1")
    ann = User.objects.get()
    assert not ann.is_superuser  # the setting is unset
    settings.OIDC_ADMIN_GROUP = "admins"
    for groups, expected in ((["admins"], True), ([], False)):
        OidcIdentity.objects.update(claims_at=None)
        provider.user("u-1", preferred_username="ann", groups=groups)
        sign_in(provider, client, "u-1")
        ann.refresh_from_db()
        assert (ann.is_superuser, ann.is_staff) == (expected, expected)


def test_a_disabled_user_is_not_signed_in(provider: Provider, client: Client) -> None:
    sign_in(provider, Client(), "u-1")
    User.objects.update(is_active=False)
    answer = sign_in(provider, client, "u-1")
    assert answer.status_code == 403
    assert "disabled" in answer.content.decode()
    assert who(client) == ""


def test_logins_are_in_the_journal(provider: Provider, client: Client) -> None:
    provider.user("u-1", preferred_username="ann")
    sign_in(provider, client, "u-1")
    [entry] = JournalEntry.objects.all()
    assert (entry.operation, entry.actor, entry.detail) == (
        "login",
        "ann",
        "single sign-on",
    )


def test_an_answer_begun_in_another_browser_signs_nobody_in(
    provider: Provider, client: Client
) -> None:
    theirs = provider.agree(go(Client()), "mallory")
    for ours in (client, Client()):
        answer = come_back(ours, theirs)
        assert answer.status_code == 403
        assert who(ours) == ""
        go(ours)  # and neither while a sign-on of our own is under way
        assert come_back(ours, theirs).status_code == 403


def test_an_answer_works_once(provider: Provider, client: Client) -> None:
    back = provider.agree(go(client), "u-1")
    assert come_back(client, back).status_code == 302
    assert come_back(client, back).status_code == 403


@pytest.mark.parametrize(
    "query",
    ["", "?code=x", "?state=x", "?code=x&state=x", "?error=access_denied"],
)
def test_an_answer_to_nothing_is_refused(
    provider: Provider, client: Client, query: str
) -> None:
    answer = client.get(f"/ui/oidc/callback{query}")
    assert answer.status_code == 403
    assert not JournalEntry.objects.exists()


def test_the_text_of_an_error_is_not_shown(provider: Provider, client: Client) -> None:
    query = "?error=x&error_description=Call+0900-EVIL"
    answer = client.get(f"/ui/oidc/callback{query}")
    assert "EVIL" not in answer.content.decode()


def test_a_denied_sign_on_is_refused(provider: Provider, client: Client) -> None:
    there = go(client)
    denied = requests.post(
        there, data={"action": "deny"}, allow_redirects=False, timeout=5
    ).headers["Location"]
    assert come_back(client, denied).status_code == 403


def test_a_code_of_somebody_elses_sign_on_does_not_fit_the_nonce(
    provider: Provider, client: Client
) -> None:
    stolen = parameters(provider.agree(go(Client()), "victim"))["code"]
    state = parameters(go(client))["state"]
    answer = client.get(f"/ui/oidc/callback?code={stolen}&state={state}")
    assert answer.status_code == 403
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": None},
        {"nonce": "another"},
        {"aud": "another"},
        {"azp": "another"},
        {"iss": "http://localhost:1"},
        {"exp": 1},
        {"sub": None},
    ],
)
def test_an_id_token_that_does_not_fit_signs_nobody_in(
    provider: Provider,
    client: Client,
    changes: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered = sign_on._Client.fetch_access_token

    def forged(*args: Any, **kwargs: Any) -> Any:
        token = answered(*args, **kwargs)
        claims = jwt.decode(token["id_token"], options={"verify_signature": False})
        token["id_token"] = provider.token(**(claims | changes))
        return token

    monkeypatch.setattr(sign_on._Client, "fetch_access_token", forged)
    assert sign_in(provider, client, "u-1").status_code == 403
    assert not User.objects.exists()


def test_an_answer_without_an_id_token_signs_nobody_in(
    provider: Provider, client: Client, settings: Settings
) -> None:
    settings.OIDC_SCOPES = "profile"
    there = client.get(BEGIN).headers["Location"]
    answer = requests.post(
        f"{there}&nonce=x", data={"sub": "u-1"}, allow_redirects=False, timeout=5
    )
    assert come_back(client, answer.headers["Location"]).status_code == 403
    assert not User.objects.exists()


def test_a_dead_provider_is_said_to_be_and_passwords_still_work(
    provider: Provider, client: Client
) -> None:
    provider.stop()
    begun = time.monotonic()
    answer = client.get(BEGIN)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "20")
    assert time.monotonic() - begun < 3
    assert client.get("/ui/login/").status_code == 200


def test_a_provider_that_dies_on_the_way_is_a_503(
    provider: Provider, client: Client
) -> None:
    back = provider.agree(go(client), "u-1")
    provider.stop()
    assert come_back(client, back).status_code == 503


def test_sign_ons_that_nobody_finishes_are_short_and_few(
    provider: Provider, client: Client
) -> None:
    for _ in range(20):
        go(client)
    session = client.session
    assert sum(name.startswith("_state_") for name in session.keys()) == 5  # noqa: SIM118
    assert session.get_expiry_age() <= sign_on.STATE_SECONDS


def test_a_session_of_sign_on_lasts_as_long_as_any(
    provider: Provider, client: Client
) -> None:
    sign_in(provider, client, "u-1")
    assert client.session.get_expiry_age() > sign_on.STATE_SECONDS
