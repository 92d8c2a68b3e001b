"""Keys made from SECRET_KEY, one set for each purpose, and secrets sealed under one.

SECRET_KEY_FALLBACKS are former values of SECRET_KEY: what was made under one of them is
still read, while all that is new is made under the present one.
"""

import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

KID = "[0-9a-f]{12}"

_PURPOSE = "access key"
_VERSION = "v1"
_SEALED = re.compile(rf"{_VERSION}\.({KID})\.([A-Za-z0-9_-]+)")
_KEY_BYTES = 32
_KID_BYTES = 6
_NONCE_BYTES = 12  # AES-GCM's own; drawn at random, good for 2^32 secrets (SP 800-38D)


class SecretUnreadable(Exception):
    """No key of this server opens a sealed secret: for the log, not for a caller."""


@dataclass(frozen=True, slots=True)
class DerivedKey:
    """A key of 32 bytes; `kid` names it and tells nothing of it."""

    kid: str
    key: bytes = field(repr=False)


def derive(purpose: str) -> tuple[DerivedKey, ...]:
    """Return the keys of one purpose: the present one, then those of the fallbacks."""
    values = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return _derived(purpose, values)


def find(keys: Iterable[DerivedKey], kid: object) -> DerivedKey | None:
    """Return the key of that name, if it is among them."""
    return next((key for key in keys if key.kid == kid), None)


def seal(secret: str, *, about: str) -> str:
    """Return a secret as text that can be kept: `v1.<kid>.<base64url>`, AES-256-GCM.

    `about` says whose it is; under another one it does not open, so that it cannot be
    moved to another row.
    """
    key = derive(_PURPOSE)[0]
    nonce = secrets.token_bytes(_NONCE_BYTES)
    bound = _bound_to(key, about)
    locked = AESGCM(key.key).encrypt(nonce, secret.encode(), bound)
    return f"{_VERSION}.{key.kid}.{base64url(nonce + locked)}"


def unseal(sealed: str, *, about: str) -> str:
    """Return the secret. Raises SecretUnreadable if no key opens it for `about`."""
    form = _SEALED.fullmatch(sealed)
    key = find(derive(_PURPOSE), form[1]) if form else None
    if form is None or key is None:
        raise _unreadable(about)
    try:
        raw = urlsafe_b64decode(form[2] + "=" * (-len(form[2]) % 4))
        nonce, locked = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
        opened = AESGCM(key.key).decrypt(nonce, locked, _bound_to(key, about))
        return opened.decode()
    except (InvalidTag, ValueError):
        raise _unreadable(about) from None


def is_current(sealed: str) -> bool:
    """Whether it is sealed under the present SECRET_KEY, so needs no new seal."""
    form = _SEALED.fullmatch(sealed)
    return form is not None and form[1] == derive(_PURPOSE)[0].kid


def base64url(raw: bytes) -> str:
    """Return bytes as base64url without padding (RFC 4648 section 5)."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


@lru_cache(maxsize=32)
def _derived(purpose: str, values: tuple[str | bytes, ...]) -> tuple[DerivedKey, ...]:
    return tuple(_derive_one(purpose, value) for value in dict.fromkeys(values))


def _derive_one(purpose: str, value: str | bytes) -> DerivedKey:
    info = f"objectstore 1 {purpose}".encode()
    source = value.encode() if isinstance(value, str) else value
    length = _KEY_BYTES + _KID_BYTES
    made = HKDF(SHA256(), length=length, salt=None, info=info).derive(source)
    return DerivedKey(kid=made[_KEY_BYTES:].hex(), key=made[:_KEY_BYTES])


def _bound_to(key: DerivedKey, about: str) -> bytes:
    return f"{_VERSION}.{key.kid}.{about}".encode()


def _unreadable(about: str) -> SecretUnreadable:
    return SecretUnreadable(
        f"The secret of {about} cannot be read: have the former SECRET_KEY added to "
        "SECRET_KEY_FALLBACKS, or make a new key."
    )
