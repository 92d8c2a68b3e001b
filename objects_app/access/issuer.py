"""The configured OpenID Connect issuer: its endpoints and keys, asked for seldom.

Only OIDC_ISSUER is contacted, and what its own configuration names; never an address
out of a token (`iss`, `jku`, `x5u`). Redirects are not followed, answers are limited
in size and time.
"""

import logging
import threading
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from django.conf import settings
from django.utils.translation import gettext_noop

from objects_app.errors import IssuerUnavailable

logger = logging.getLogger(__name__)

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

FRESH_SECONDS = 300.0  # how long a key may be used that the issuer has withdrawn
KEPT_SECONDS = 86_400.0  # and when the issuer cannot be asked
RETRY_SECONDS = 20.0  # between two attempts, whoever sends which key ids
_WAIT_SECONDS = 1.0  # for another thread's attempt
_TIMEOUT = (2.0, 3.0)  # connect; each read
_ANSWER_SECONDS = 5.0
_ANSWER_BYTES = 512 * 1024
_MOST_KEYS = 100
_RSA_BITS = 2048
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")


class LimitedSession(requests.Session):
    """A session whose answers are short and come soon, or raise RequestException."""

    def send(
        self, request: requests.PreparedRequest, **kwargs: Any
    ) -> requests.Response:
        """Send it, and read the answer within the limits."""
        limits = {"timeout": _TIMEOUT, "stream": True, "allow_redirects": False}
        answer = super().send(request, **(kwargs | limits))
        with answer:
            answer._content = b"".join(_limited(answer))  # noqa: SLF001 as requests does
        if answer.is_redirect:
            raise requests.TooManyRedirects(f"{request.url} is a redirect")
        return answer


def _limited(answer: requests.Response) -> Iterator[bytes]:
    deadline, left = time.monotonic() + _ANSWER_SECONDS, _ANSWER_BYTES
    for chunk in answer.iter_content(8192):
        left -= len(chunk)
        if left < 0 or time.monotonic() > deadline:
            raise requests.RequestException(
                f"{answer.url} answers too much, too slowly"
            )
        yield chunk


class Key(NamedTuple):
    """A public key and the algorithms that it may be used with."""

    public: PublicKey
    algorithms: tuple[str, ...]


class Known(NamedTuple):
    """What the issuer said of itself, at a moment of the monotonic clock."""

    at: float
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str | None
    client_authentication: str
    keys: dict[str, Key]
    only_key: Key | None

    @classmethod
    def ask(cls, url: str) -> Self:
        """Ask the issuer. Raises RequestException, or ValueError for nonsense."""
        at = time.monotonic()
        with LimitedSession() as session:
            place = f"{url.rstrip('/')}/.well-known/openid-configuration"
            said = _fetch(session, place)
            if said.get("issuer") != url:
                raise ValueError(f"it calls itself {said.get('issuer')!r}")
            listed = _fetch(session, _endpoint(said, "jwks_uri")).get("keys")
        keys = list(_usable_keys(listed))
        userinfo = "userinfo_endpoint"
        return cls(
            at,
            _endpoint(said, "authorization_endpoint"),
            _endpoint(said, "token_endpoint"),
            _endpoint(said, userinfo) if said.get(userinfo) else None,
            _client_authentication(said),
            {name: key for name, key in keys if name},
            keys[0][1] if len(keys) == 1 else None,
        )


class Issuer:
    """One issuer, remembered by this process; threads share it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._asking = threading.Lock()
        self._tried_at = -RETRY_SECONDS
        self._known: Known | None = None

    def known(self) -> Known:
        """Return its endpoints and keys. Raises IssuerUnavailable."""
        known = self._known
        if known is None:
            return self._ask_again(wait=_WAIT_SECONDS)
        if _age(known) > FRESH_SECONDS:
            return self._ask_again(wait=0)
        return known

    def key(self, key_id: str) -> Key | None:
        """Return the key of that id, asking for new ones; None if there is none such.

        Raises IssuerUnavailable when it is not known, or another thread still asks.
        """
        known = self.known()
        if key_id not in known.keys:
            known = self._ask_again(wait=_WAIT_SECONDS)
        return known.keys.get(key_id)

    def _ask_again(self, *, wait: float) -> Known:
        """Ask unless that was done a moment ago; without `wait` only if nobody does."""
        if self._asking.acquire(timeout=wait):
            try:
                self._ask_if_due()
            finally:
                self._asking.release()
        elif wait:
            raise _unavailable()
        if self._known is None or _age(self._known) > KEPT_SECONDS:
            raise _unavailable()
        return self._known

    def _ask_if_due(self) -> None:
        if time.monotonic() - self._tried_at < RETRY_SECONDS:
            return
        try:
            self._known = Known.ask(self.url)
        except (requests.RequestException, ValueError) as error:
            logger.warning("OIDC_ISSUER %s cannot be used: %s", self.url, error)
        finally:
            self._tried_at = time.monotonic()


def configured() -> Issuer | None:
    """Return the issuer, or None when OIDC_ISSUER is not set."""
    return _of(settings.OIDC_ISSUER) if settings.OIDC_ISSUER else None


def forget() -> None:
    """Know nothing of it any more."""
    _of.cache_clear()


@lru_cache(maxsize=1)
def _of(url: str) -> Issuer:
    return Issuer(url)


def _age(known: Known) -> float:
    return time.monotonic() - known.at


def _unavailable() -> IssuerUnavailable:
    return IssuerUnavailable(
        gettext_noop("The identity provider does not answer: try again shortly.")
    )


def _fetch(session: requests.Session, url: str) -> dict[str, Any]:
    answer = session.get(url, headers={"Accept": "application/json"})
    answer.raise_for_status()
    said = answer.json()
    if not isinstance(said, dict):
        raise ValueError(f"{url} is no JSON object")
    return said


def _endpoint(said: dict[str, Any], name: str) -> str:
    """Return an endpoint's URL: HTTPS, unless OIDC_ISSUER is this machine by HTTP."""
    url = said.get(name)
    parts = urlsplit(url if isinstance(url, str) else "")
    home = urlsplit(settings.OIDC_ISSUER)
    plain = (parts.scheme, parts.hostname) == ("http", home.hostname)
    safe = parts.scheme == "https" or (home.scheme == "http" and plain)
    if not (safe and parts.hostname and parts.username is None):
        raise ValueError(f"its {name} is {url!r}")
    return parts.geturl()


def _client_authentication(said: dict[str, Any]) -> str:
    """Return how the client shows its secret at the token endpoint."""
    if not settings.OIDC_CLIENT_SECRET:
        return "none"
    ways = said.get("token_endpoint_auth_methods_supported")
    if isinstance(ways, list) and "client_secret_basic" not in ways:
        return "client_secret_post"
    return "client_secret_basic"


def _usable_keys(listed: object) -> Iterator[tuple[str, Key]]:
    """Yield ids and keys of a JWK set: public ones for signatures, strong enough."""
    if not isinstance(listed, list) or len(listed) > _MOST_KEYS:
        raise ValueError("it has no list of keys, or a very long one")
    for jwk in listed:
        if isinstance(jwk, dict) and jwk.get("use", "sig") == "sig":
            try:
                public = jwt.PyJWK(jwk).key
            except (jwt.PyJWTError, TypeError, ValueError):
                continue
            algorithms = _algorithms(public)
            if named := jwk.get("alg"):
                algorithms = tuple(a for a in algorithms if a == named)
            if algorithms:
                yield str(jwk.get("kid") or ""), Key(public, algorithms)


def _algorithms(key: object) -> tuple[str, ...]:
    """Return what may be signed with this key; nothing for secrets and weak ones."""
    if isinstance(key, RSAPublicKey):
        return _RSA if key.key_size >= _RSA_BITS else ()
    if isinstance(key, EllipticCurvePublicKey):
        name = _CURVES.get(key.curve.name)
        return (name,) if name else ()
    return ("EdDSA",) if isinstance(key, Ed25519PublicKey) else ()
