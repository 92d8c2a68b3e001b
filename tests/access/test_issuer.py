"""What the issuer says of itself: how much of it is believed, and for how long."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from pytest_django import Settings
from werkzeug.serving import make_server

from objects_app.access import issuer, oidc
from objects_app.errors import InvalidCredentials, IssuerUnavailable

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

CONFIGURATION = "/.well-known/openid-configuration"
Said = dict[str, Any]


class Fake:
    """An issuer that says what a test wants it to: `said`, and `keys`."""

    def __init__(self) -> None:
        self._server = make_server("localhost", 0, self._answer, threaded=True)
        self.url = f"http://localhost:{self._server.server_port}"
        self.said: Said = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
        }
        self.keys: list[Said] = []
        self.body: Callable[[str], Iterable[bytes]] = self._documents
        self.status = "200 OK"
        self.asked: list[str] = []
        self.thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def stop(self) -> None:
        self._server.shutdown()
        self.thread.join()
        self._server.server_close()

    def _documents(self, path: str) -> Iterable[bytes]:
        said = self.said if path == CONFIGURATION else {"keys": self.keys}
        return [json.dumps(said).encode()]

    def _answer(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        self.asked.append(environ["PATH_INFO"])
        there = [("Location", f"{self.url}/elsewhere")]
        start_response(self.status, there if self.status.startswith("3") else [])
        return self.body(environ["PATH_INFO"])


@pytest.fixture
def fake(settings: Settings) -> Iterator[Fake]:
    """An issuer with one key of each kind."""
    made = Fake()
    made.thread.start()
    settings.OIDC_ISSUER = made.url
    settings.OIDC_CLIENT_ID = settings.OIDC_AUDIENCE = "objectstore"
    issuer.forget()
    oidc.forget()
    yield made
    issuer.forget()
    oidc.forget()
    made.stop()


def known() -> issuer.Known:
    its = issuer.configured()
    assert its is not None
    return its.known()


def listed(key: Any, **more: str) -> Said:
    """Return a public key as a JWK set lists it."""
    if isinstance(key, rsa.RSAPrivateKey):
        said = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        said = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        said = jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    said.pop("key_ops", None)
    return {"kid": "k", "use": "sig", **said, **more}


def token(fake: Fake, key: Any, algorithm: str) -> str:
    now = int(time.time())
    claims = {"iss": fake.url, "aud": "objectstore", "sub": "ann", "iat": now}
    return jwt.encode({**claims, "exp": now + 60}, key, algorithm, headers={"kid": "k"})


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (RSA, "RS256"),
        (RSA, "PS256"),
        (RSA, "RS512"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ec.generate_private_key(ec.SECP384R1()), "ES384"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
    ],
)
def test_asymmetric_algorithms_are_taken(fake: Fake, key: Any, algorithm: str) -> None:
    fake.keys = [listed(key)]
    assert oidc.verified(token(fake, key, algorithm), audience="objectstore")


def test_a_key_that_names_its_algorithm_takes_no_other(fake: Fake) -> None:
    fake.keys = [listed(RSA, alg="PS256")]
    assert oidc.verified(token(fake, RSA, "PS256"), audience="objectstore")
    with pytest.raises(InvalidCredentials):
        oidc.verified(token(fake, RSA, "RS256"), audience="objectstore")


@pytest.mark.parametrize(
    "unusable",
    [
        listed(rsa.generate_private_key(public_exponent=65537, key_size=1024)),  # noqa: S505
        listed(RSA, use="enc"),
        listed(RSA, alg="RSA-OAEP"),
        listed(ec.generate_private_key(ec.SECP256K1())),
        {"kty": "oct", "kid": "k", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I"},
        {"kty": "RSA", "kid": "k"},
        {"kty": ["RSA"], "kid": "k"},
        {"kty": "RSA", "kid": "k", "alg": {}},
        {"kid": "k"},
    ],
)
def test_weak_secret_and_broken_keys_are_passed_by(fake: Fake, unusable: Said) -> None:
    fake.keys = [unusable, listed(RSA, kid="good")]
    assert set(known().keys) == {"good"}


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://other.example"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": 5},
        {"jwks_uri": "http://other.example/jwks"},
        {"jwks_uri": "http://169.254.169.254/latest/meta-data"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "/jwks"},
        {"token_endpoint": "http://user:x@localhost/token"},
        {"token_endpoint": "http://[::1"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"userinfo_endpoint": "ftp://other.example"},
    ],
)
def test_a_configuration_that_leads_astray_is_not_used(
    fake: Fake, changes: Said
) -> None:
    fake.keys = [listed(RSA)]
    fake.said |= changes
    with pytest.raises(IssuerUnavailable):
        known()


@pytest.mark.parametrize("keys", [None, "x", [{}] * 101])
def test_a_list_of_keys_that_is_none_is_not_used(fake: Fake, keys: Any) -> None:
    fake.keys = keys
    with pytest.raises(IssuerUnavailable):
        known()


def test_redirects_are_not_followed(fake: Fake) -> None:
    fake.status = "302 Found"
    with pytest.raises(IssuerUnavailable):
        known()
    assert fake.asked == [CONFIGURATION]


@pytest.mark.parametrize(
    "body", [b"", b"no json", b"[]", b"\xff", b'{"a": ' + b" " * 600_000 + b"1}"]
)
def test_nonsense_and_long_answers_are_not_used(fake: Fake, body: bytes) -> None:
    fake.body = lambda _: [body]
    with pytest.raises(IssuerUnavailable):
        known()


def test_an_answer_that_drips_is_given_up(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer, "_ANSWER_SECONDS", 0.2)
    over = threading.Event()

    def drip(_: str) -> Iterator[bytes]:
        while not over.wait(0.05):
            yield b" " * 8192

    fake.body = drip
    begun = time.monotonic()
    with pytest.raises(IssuerUnavailable):
        known()
    over.set()
    assert time.monotonic() - begun < 2


def test_a_silent_issuer_is_given_up_and_others_do_not_wait_for_that(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer, "_TIMEOUT", (1.0, 1.0))
    monkeypatch.setattr(issuer, "_WAIT_SECONDS", 0.05)
    asked, over = threading.Event(), threading.Event()

    def silence(_: str) -> Iterable[bytes]:
        asked.set()
        over.wait(5)
        return [b"{}"]

    fake.body = silence
    refused: list[str] = []

    def ask() -> None:
        with pytest.raises(IssuerUnavailable) as error:
            known()
        refused.append(str(error.value))

    first = threading.Thread(target=ask)
    first.start()
    asked.wait(5)
    begun = time.monotonic()
    with pytest.raises(IssuerUnavailable):
        known()
    assert time.monotonic() - begun < 0.5
    first.join(5)
    over.set()
    assert len(refused) == 1


def test_keys_are_asked_for_again_when_they_are_old(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.keys = [listed(RSA)]
    assert set(known().keys) == {"k"}
    fake.keys = []
    assert set(known().keys) == {"k"}
    monkeypatch.setattr(issuer, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(issuer, "RETRY_SECONDS", 0.0)
    assert known().keys == {}


def test_old_keys_end_when_the_issuer_stays_away(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.keys = [listed(RSA)]
    known()
    fake.status = "500 Internal Server Error"
    for name in ("FRESH_SECONDS", "RETRY_SECONDS"):
        monkeypatch.setattr(issuer, name, 0.0)
    assert set(known().keys) == {"k"}
    monkeypatch.setattr(issuer, "KEPT_SECONDS", 0.0)
    with pytest.raises(IssuerUnavailable):
        known()


def test_the_secret_is_shown_in_the_way_that_the_issuer_takes(
    fake: Fake, settings: Settings
) -> None:
    fake.keys = [listed(RSA)]
    name = "token_endpoint_auth_methods_supported"
    for said, secret, expected in [
        (None, "s", "client_secret_basic"),
        (["client_secret_post", "client_secret_basic"], "s", "client_secret_basic"),
        (["client_secret_post"], "s", "client_secret_post"),
        (["client_secret_post"], None, "none"),
    ]:
        settings.OIDC_CLIENT_SECRET = secret
        fake.said[name] = said
        issuer.forget()
        assert known().client_authentication == expected
