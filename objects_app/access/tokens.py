"""Tokens of our own: JWTs (RFC 7519) as RFC 8725 wants them, good for minutes.

What is in a token is signed, not secret. That its user, key and password still hold is
for the caller to see to, with every request.
"""

import hashlib
import re
import secrets
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import jwt
from django.utils.translation import gettext_noop

from objects_app.access.sealing import DerivedKey, base64url, derive, find
from objects_app.errors import InvalidCredentials

MAX_LENGTH = 1024  # ours have some 450 characters
LEEWAY_SECONDS = 5  # the clocks of two nodes may differ by so much

_ALGORITHM = "HS256"
_ISSUER = _AUDIENCE = "objectstore"
_REQUIRED = ["iss", "aud", "iat", "nbf", "exp", "jti", "sub", "auth"]
_COMPACT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)  # PyJWT also takes padding
_USER_ID = re.compile("[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class Issued:
    """A token to hand out, and when it ends, in seconds since 1970."""

    token: str = field(repr=False)
    expires_at: int


class Claims(NamedTuple):
    """What a token says. `key_id` is "" where a user's password got it.

    `auth_digest` equals `auth_digest(auth_hash)` until the user's password changes.
    """

    user_id: int
    key_id: str
    auth_digest: str
    expires_at: int


def issue(*, user_id: int, key_id: str, auth_hash: str, seconds: int) -> Issued:
    """Return a new token; `auth_hash` is the user's session auth hash.

    `key_id` names the access key that it was got with, "" for none.
    """
    key = derive("token")[0]
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": _ISSUER,
        "aud": _AUDIENCE,
        "iat": now,
        "nbf": now,
        "exp": now + seconds,
        "jti": secrets.token_urlsafe(12),
        "sub": str(user_id),
        "auth": auth_digest(auth_hash),
    }
    if key_id:
        claims["key"] = key_id
    token = jwt.encode(claims, key.key, algorithm=_ALGORITHM, headers={"kid": key.kid})
    return Issued(token=token, expires_at=now + seconds)


def read(token: str) -> Claims:
    """Return what a token of ours says.

    Raises InvalidCredentials, the same for every defect: forged, damaged, expired, not
    yet valid, for somebody else, under a key that is no more.
    """
    if len(token) > MAX_LENGTH or not _COMPACT.fullmatch(token):
        raise _refusal()
    try:
        claims = _verified(token, derive("token"))
    except jwt.PyJWTError:
        raise _refusal() from None
    if claims.expires_at <= time.time() - LEEWAY_SECONDS:
        raise _refusal()
    return claims


@lru_cache(maxsize=1024)
def auth_digest(auth_hash: str) -> str:
    """Return what a token holds of a user's session auth hash: too little to use it."""
    return base64url(hashlib.sha256(auth_hash.encode()).digest()[:12])


@lru_cache(maxsize=1024)
def _verified(token: str, keys: tuple[DerivedKey, ...]) -> Claims:
    """Verify a token once; what is remembered of it can only expire.

    It takes 0.2 ms, too much of a small GET to do it with each.
    """
    key = find(keys, jwt.get_unverified_header(token).get("kid"))
    if key is None:
        raise jwt.InvalidTokenError
    said = jwt.decode(
        token,
        key.key,
        algorithms=[_ALGORITHM],  # never what the token's header asks for
        audience=_AUDIENCE,
        issuer=_ISSUER,
        leeway=LEEWAY_SECONDS,
        options={
            "require": _REQUIRED,
            "strict_aud": True,
            "enforce_minimum_key_length": True,
        },
    )
    return _claims(said)


def _claims(said: dict[str, Any]) -> Claims:
    """Hold the types, too: what signs with our key may be another version of us."""
    user, key_id, auth, end = (
        said["sub"],
        said.get("key", ""),
        said["auth"],
        said["exp"],
    )
    if not (
        _USER_ID.fullmatch(user)
        and isinstance(key_id, str)
        and isinstance(auth, str)
        and isinstance(end, int)
    ):
        raise jwt.InvalidTokenError
    return Claims(user_id=int(user), key_id=key_id, auth_digest=auth, expires_at=end)


def _refusal() -> InvalidCredentials:
    return InvalidCredentials(
        gettext_noop(
            "The token is not valid, or no longer: get another from POST /auth/token."
        )
    )
