"""The issuer's JWTs as bearer tokens: which are taken, and what each other one gets."""

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.contrib.auth.models import Group, User
from django.db import connection
from django.http import HttpRequest
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from objects_app.access import oidc
from objects_app.errors import InvalidCredentials, IssuerUnavailable
from objects_app.models import JournalEntry, OidcIdentity
from tests.servers.issuer import Provider

pytestmark = pytest.mark.django_db

JWKS = "/jwks"


def encoded(value: Any) -> str:
    """Return a part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def refused(token: str) -> str:
    """Return why a token is not taken."""
    with pytest.raises(InvalidCredentials) as error:
        oidc.read(token)
    return str(error.value)


def test_the_first_token_of_somebody_makes_a_user_without_a_password(
    provider: Provider,
) -> None:
    user = User.objects.get(pk=oidc.read(provider.token(preferred_username="ann")))
    assert (user.username, user.has_usable_password()) == ("ann", False)
    [identity] = OidcIdentity.objects.all()
    assert (identity.issuer, identity.subject) == (provider.url, "ann")


def test_further_tokens_are_the_same_users(provider: Provider) -> None:
    first = oidc.read(provider.token(preferred_username="ann"))
    assert oidc.read(provider.token(preferred_username="renamed")) == first


def test_a_new_user_is_in_the_journal(provider: Provider) -> None:
    request = HttpRequest()
    request.request_id = "abc"  # type: ignore[attr-defined]
    request.META["REMOTE_ADDR"] = "192.0.2.7"
    for _ in range(2):
        oidc.read(provider.token(preferred_username="ann"), request)
        oidc.forget()
    [entry] = JournalEntry.objects.all()
    assert (entry.operation, entry.actor, entry.address) == (
        "login",
        "ann",
        "192.0.2.7",
    )


def test_a_token_costs_neither_http_nor_sql_the_second_time(provider: Provider) -> None:
    token = provider.token()
    oidc.read(token)
    asked = provider.asked.total()
    with CaptureQueriesContext(connection) as seen:
        oidc.read(token)
    assert (provider.asked.total(), len(seen)) == (asked, 0)


def test_what_is_remembered_of_a_token_ends_with_it(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = provider.token(exp=int(time.time()) + 2)
    oidc.read(token)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3)  # within ACCESS_CACHE_SECONDS
    looked: list[object] = []
    verified = oidc.verified

    def look(token: str, *, audience: str) -> dict[str, Any]:
        looked.append(token)
        return verified(token, audience=audience)

    monkeypatch.setattr(oidc, "verified", look)
    oidc.read(token)
    assert looked


def test_a_disabled_user_is_refused(provider: Provider) -> None:
    user = User.objects.get(pk=oidc.read(provider.token()))
    User.objects.filter(pk=user.pk).update(is_active=False)
    oidc.forget()
    assert "disabled" in refused(provider.token())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": 1}, "it has expired"),
        ({"exp": None}, "it lacks"),
        ({"iat": None}, "it lacks"),
        ({"iat": int(time.time()) + 3600}, "it is not valid yet"),
        ({"nbf": int(time.time()) + 3600}, "it is not valid yet"),
        ({"aud": "somebody-else"}, "it is for somebody else"),
        ({"aud": None}, "it lacks"),
        ({"iss": "http://localhost:1"}, "it is another issuer's"),
        ({"sub": None}, "it lacks"),
        ({"sub": "x" * 256}, "its subject is no name"),
        ({"sub": ""}, "its subject is no name"),
        ({"sub": "a\0"}, "its subject is no name"),
        ({"cnf": {"jkt": "abc"}}, "it is bound to a key of its holder"),
        ({"kid": None}, "its signature is by no key"),
        ({"kid": "unknown"}, "its signature is by no key"),
        ({"pad": "x" * 20_000}, "it is too long"),
    ],
)
def test_a_token_that_does_not_hold_is_refused(
    provider: Provider, changes: dict[str, Any], reason: str
) -> None:
    assert reason in refused(provider.token(**changes))
    assert not User.objects.exists()


def test_a_token_without_a_signature_is_refused(provider: Provider) -> None:
    claims = jwt.decode(provider.token(), options={"verify_signature": False})
    for algorithm in ("none", "None", "NONE", ""):
        header = {"alg": algorithm, "typ": "JWT", "kid": provider.key_id}
        assert "not accepted" in refused(f"{encoded(header)}.{encoded(claims)}.")


def test_the_public_key_is_no_secret_to_sign_with(provider: Provider) -> None:
    claims = jwt.decode(provider.token(), options={"verify_signature": False})
    header = encoded({"alg": "HS256", "typ": "JWT", "kid": provider.key_id})
    signed = f"{header}.{encoded(claims)}"
    hs256 = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = hs256.sign(signed.encode(), provider.public_key.encode())
    forged = f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
    assert "by no key of the issuer" in refused(forged)


def test_another_key_under_a_known_id_is_refused(provider: Provider) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    claims = jwt.decode(provider.token(), options={"verify_signature": False})
    headers = {"kid": provider.key_id}
    forged = jwt.encode(claims, stranger, algorithm="RS256", headers=headers)
    assert "its signature is wrong" in refused(forged)


def test_a_key_serves_its_own_kind_of_algorithm_only(provider: Provider) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    claims = jwt.decode(provider.token(), options={"verify_signature": False})
    headers = {"kid": provider.key_id}
    forged = jwt.encode(claims, stranger, algorithm="ES256", headers=headers)
    assert "by no key of the issuer" in refused(forged)


@pytest.mark.parametrize("typ", ["logout+jwt", "dpop+jwt", "secevent+jwt", 1])
def test_a_jwt_for_something_else_is_refused(provider: Provider, typ: object) -> None:
    claims = jwt.decode(provider.token(), options={"verify_signature": False})
    headers = {"kid": provider.key_id, "typ": typ}
    token = jwt.encode(claims, provider.private_key, "RS256", headers)
    assert "not accepted" in refused(token)


def test_an_address_in_a_token_is_never_asked(provider: Provider) -> None:
    claims = jwt.decode(provider.token(), options={"verify_signature": False})
    with Provider().running() as evil:
        headers = {"kid": evil.key_id, "jku": f"{evil.url}{JWKS}"}
        claims["iss"] = evil.url
        refused(jwt.encode(claims, evil.private_key, "RS256", headers))
        assert not evil.asked


@pytest.mark.parametrize(
    "token", ["", "a.b", "a.b.c", "..", f"{encoded('x')}.{encoded({})}.", "\ud800.b.c"]
)
def test_what_is_no_jwt_is_refused(provider: Provider, token: str) -> None:
    refused(token)
    assert not provider.asked


def test_deep_nesting_is_refused(provider: Provider) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 6000).rstrip(b"=").decode()
    header = encoded({"alg": "RS256", "kid": "x"})
    for token in (f"{deep}.{deep}.x", f"{header}.{deep}.x"):
        assert "it is no JWT" in refused(token)


def test_a_dead_provider_is_not_asked_about_tokens_of_others(
    provider: Provider,
) -> None:
    token = provider.token(iss="objectstore")
    provider.stop()
    assert "another issuer's" in refused(token)


def test_without_a_provider_none_of_its_tokens_is_taken(
    provider: Provider, settings: Settings
) -> None:
    token = provider.token()
    settings.OIDC_ISSUER = None
    assert "no OIDC_ISSUER" in refused(token)


def test_a_new_key_is_asked_for_when_it_is_first_seen(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("objects_app.access.issuer.RETRY_SECONDS", 0.0)
    old = provider.token()
    oidc.read(old)
    provider.rotate()
    assert oidc.read(provider.token()) == oidc.read(old)
    oidc.forget()
    assert "by no key of the issuer" in refused(old)


def test_unknown_keys_do_not_make_us_ask_all_the_time(provider: Provider) -> None:
    oidc.read(provider.token())
    for number in range(20):
        refused(provider.token(kid=f"unknown-{number}"))
    assert provider.asked[JWKS] == 1


def test_a_provider_that_died_is_not_needed_while_its_keys_are_known(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    oidc.read(provider.token())
    monkeypatch.setattr("objects_app.access.issuer.FRESH_SECONDS", 0.0)
    monkeypatch.setattr("objects_app.access.issuer.RETRY_SECONDS", 0.0)
    token = provider.token()
    provider.stop()
    oidc.forget()
    assert oidc.read(token)


def test_a_dead_provider_whose_keys_are_unknown_is_said_to_be_at_once(
    provider: Provider,
) -> None:
    token = provider.token()
    provider.stop()
    begun = time.monotonic()
    for _ in range(3):
        with pytest.raises(IssuerUnavailable):
            oidc.read(token)
    assert time.monotonic() - begun < 3


def test_groups_follow_the_claims_of_the_latest_token(provider: Provider) -> None:
    for name in ("readers", "writers"):
        Group.objects.create(name=name)
    now = int(time.time())
    old = provider.token(groups=["readers", "unknown"], iat=now - 60)
    user = User.objects.get(pk=oidc.read(old))
    assert set(user.groups.values_list("name", flat=True)) == {"readers"}
    oidc.read(provider.token(groups=["writers"], iat=now - 30))
    assert set(user.groups.values_list("name", flat=True)) == {"writers"}
    oidc.forget()
    oidc.read(old)
    assert set(user.groups.values_list("name", flat=True)) == {"writers"}


def test_a_token_that_is_silent_about_groups_changes_none(provider: Provider) -> None:
    Group.objects.create(name="readers")
    now = int(time.time())
    user_id = oidc.read(provider.token(groups=["readers"], iat=now - 60))
    oidc.read(provider.token())
    assert User.objects.get(pk=user_id).groups.count() == 1
