"""The issuer's JWTs: checked (RFC 8725), and taken as bearer tokens.

Algorithms are pinned to asymmetric ones and to the key's own kind, so neither `none`
nor a public key used as a secret passes.
"""

import hashlib
import threading
import time
from typing import Any, NamedTuple

import jwt
from cachetools import LRUCache
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_noop

from objects_app.access import claims, issuer, logins
from objects_app.errors import InvalidCredentials
from objects_app.models import JournalEntry
from objects_app.services import identities

_LONGEST_TOKEN = 16 * 1024
_LEEWAY_SECONDS = 30
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_REQUIRED = ["exp", "iat", "iss", "aud", "sub"]
_REASONS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "it has expired",
    jwt.ImmatureSignatureError: "it is not valid yet",
    jwt.InvalidAudienceError: "it is for somebody else",
    jwt.InvalidIssuerError: "it is another issuer's",
    jwt.MissingRequiredClaimError: "it lacks exp, iat, iss, aud or sub",
}


class _Read(NamedTuple):
    """Whose a token is, believed until that time (of time.time())."""

    user_id: int
    until: float


_read: LRUCache[bytes, _Read] = LRUCache(maxsize=4096)
_reading = threading.Lock()


def read(token: str, request: HttpRequest | None = None) -> int:
    """Return the id of the user whom a bearer token of the issuer is for.

    The first token of an identity makes its user, as the login page does; `request` is
    for the journal then. Within ACCESS_CACHE_SECONDS the same token costs neither HTTP
    nor SQL. Raises InvalidCredentials, also for a disabled user, IssuerUnavailable.
    """
    digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
    with _reading:
        found = _read.get(digest)
    if found is not None and time.time() < found.until:
        return found.user_id
    claimed = verified(token, audience=settings.OIDC_AUDIENCE or "")
    identity = claims.identity_of(claimed, all_of_them=False)
    signed_on = identities.sign_on(identity)
    if signed_on.created and request is not None:
        logins.record(
            request,
            JournalEntry.Operation.LOGIN,
            label=signed_on.user.get_username(),
            detail="bearer token of the OIDC issuer; new user",
        )
    if not signed_on.user.is_active:
        raise InvalidCredentials(
            gettext_noop("The token is not accepted: its user is disabled.")
        )
    until = min(time.time() + settings.ACCESS_CACHE_SECONDS, float(claimed["exp"]))
    with _reading:
        _read[digest] = _Read(signed_on.user.pk, until)
    return signed_on.user.pk


def forget() -> None:
    """Forget whose tokens are."""
    with _reading:
        _read.clear()


def verified(
    token: str, *, audience: str, may_lack_key_id: bool = False
) -> dict[str, Any]:
    """Return the claims of a JWT that the issuer made for this audience, and lately.

    `may_lack_key_id`: as an ID token may while its issuer has one key only (OpenID
    Connect Core 10.1). Raises InvalidCredentials, IssuerUnavailable.
    """
    its = issuer.configured()
    if its is None:
        raise _refused("no OIDC_ISSUER is configured")
    header = _header(token)
    if _issuer_said(token) != its.url:  # then nobody needs to be asked for keys
        raise _refused("it is another issuer's")
    key_id = header.get("kid")
    if key_id is None and may_lack_key_id:
        key = its.known().only_key
    else:
        key = its.key(key_id) if isinstance(key_id, str) and key_id else None
    if key is None or header.get("alg") not in key.algorithms:
        raise _refused("its signature is by no key of the issuer")
    try:
        claimed: dict[str, Any] = jwt.decode(
            token,
            key.public,
            algorithms=list(key.algorithms),
            audience=audience,
            issuer=its.url,
            leeway=_LEEWAY_SECONDS,
            options={"require": _REQUIRED},
        )
    except jwt.PyJWTError as error:
        raise _refused(_REASONS.get(type(error), "its signature is wrong")) from None
    if "cnf" in claimed:  # RFC 7800: whoever has it must prove more than that
        raise _refused("it is bound to a key of its holder")
    return claimed


def _header(token: str) -> dict[str, Any]:
    if len(token) > _LONGEST_TOKEN or not token.isascii():
        raise _refused("it is too long, or no JWT")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, RecursionError):
        raise _refused("it is no JWT") from None
    if str(header.get("typ", "JWT")).lower() not in _TYPES or "crit" in header:
        raise _refused("it is a JWT for something else")
    return header


def _issuer_said(token: str) -> object:
    try:
        said = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, RecursionError):
        raise _refused("it is no JWT") from None
    return said.get("iss")


def _refused(reason: str) -> InvalidCredentials:
    return InvalidCredentials(
        gettext_noop("The token is not accepted: %(reason)s."), reason=reason
    )
