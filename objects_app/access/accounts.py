"""Users and access keys as requests need them, remembered for ACCESS_CACHE_SECONDS.

So long, at most, a node goes on accepting what was revoked elsewhere, and so seldom it
asks the database. What this process itself revokes it forgets at once.
"""

import logging
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Any, NamedTuple, TypeVar

from cachetools import TTLCache
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare

from objects_app.access.console_sessions import SessionStore
from objects_app.access.sealing import SecretUnreadable, unseal
from objects_app.models import AccessKey
from objects_app.names import is_access_key_id

logger = logging.getLogger(__name__)

T = TypeVar("T")
_MOST = 10_000
PASSWORD_TO_CHANGE = "password_to_change"  # noqa: S105 a value of sessions


class Account(NamedTuple):
    """An active user. `auth_hashes` change with the password."""

    user_id: int
    name: str
    is_superuser: bool
    may_create: bool
    auth_hashes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyAccount:
    """An access key in force: `ends` is on this process's monotonic clock."""

    key_id: str
    secret: str = field(repr=False)
    user_id: int
    read_only: bool
    only_bucket: str
    only_prefix: str
    ends: float | None


class Session(NamedTuple):
    """A session of the console, and whether it began with a password that was made for
    its user, who has not chosen another yet."""

    user_id: int
    has_password_to_change: bool


_lock = Lock()
_remembered: TTLCache[Hashable, Any] | None = None


def account(user_id: int) -> Account | None:
    """Return the user, None for one who is gone or disabled."""
    return _remember(("user", user_id), partial(_find_account, user_id))


def key_account(key_id: str) -> KeyAccount | None:
    """Return the key, None for one that is unknown, revoked or expired."""
    if not is_access_key_id(key_id):
        return None
    found = _remember(("key", key_id), partial(_find_key, key_id))
    if found is None or (found.ends is not None and time.monotonic() >= found.ends):
        return None
    return found


def session(session_key: str) -> Session | None:
    """Return the session of the console; None: it is nobody's any more."""
    if not (session_key.isascii() and session_key.isalnum()):
        return None
    return _remember(("session", session_key), partial(_find_session, session_key))


def forget() -> None:
    """Look everything up anew: this process has just changed something.

    What is being looked up at this moment may be from before that: it goes into the
    memory that is thrown away here.
    """
    global _remembered  # noqa: PLW0603 see below
    with _lock:
        _remembered = None


def _remember(key: Hashable, find: Callable[[], T]) -> T:
    global _remembered  # noqa: PLW0603 made when the settings are known
    if not settings.ACCESS_CACHE_SECONDS:
        return find()
    with _lock:
        if _remembered is None:
            _remembered = TTLCache(_MOST, settings.ACCESS_CACHE_SECONDS)
        memory = _remembered
        with suppress(KeyError):
            known: T = memory[key]
            return known
    found = find()
    with _lock:
        memory[key] = found
    return found


def _find_account(user_id: int) -> Account | None:
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        return None
    return Account(
        user_id=user.pk,
        name=user.get_username(),
        is_superuser=user.is_superuser,
        may_create=user.has_perm("objects_app.add_bucket"),
        auth_hashes=(
            user.get_session_auth_hash(),
            *user.get_session_auth_fallback_hash(),
        ),
    )


def _find_key(key_id: str) -> KeyAccount | None:
    """By the database's clock, so that a node whose clock is wrong keeps to expiry."""
    found = (
        AccessKey.objects.filter(key_id=key_id, revoked_at__isnull=True)
        .annotate(now=Now())
        .first()
    )
    if found is None:
        return None
    try:
        secret = unseal(found.sealed_secret, about=found.key_id)
    except SecretUnreadable as error:
        logger.error("%s", error)
        return None
    ends = None
    if found.expires_at is not None:
        ends = time.monotonic() + _seconds(found.now, found.expires_at)
    return KeyAccount(
        key_id=found.key_id,
        secret=secret,
        user_id=found.user_id,
        read_only=found.read_only,
        only_bucket=found.only_bucket,
        only_prefix=found.only_prefix,
        ends=ends,
    )


def _seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()


def _find_session(session_key: str) -> Session | None:
    """As Django's `get_user`, which would renew the session's key after a change of
    SECRET_KEY: no answer of the data plane could hand the new cookie out."""
    kept = SessionStore(session_key)
    user = _find_account(int(kept.get(SESSION_KEY, 0)))
    held = kept.get(HASH_SESSION_KEY, "")
    if user is None or not any(
        constant_time_compare(held, valid) for valid in user.auth_hashes
    ):
        return None
    return Session(user.user_id, PASSWORD_TO_CHANGE in kept)
