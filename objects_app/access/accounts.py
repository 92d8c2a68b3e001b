"""Users and access keys as requests need them, remembered for ACCESS_CACHE_SECONDS.

So long, at most, a node goes on accepting what was revoked elsewhere, and so seldom it
asks the database. What this process itself revokes it forgets at once.
"""

import logging
import time
from collections.abc import Callable, Hashable
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Any, NamedTuple, TypeVar

from cachetools import TTLCache
from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.db.models.functions import Now
from django.http import HttpRequest

from objects_app.access.sealing import unseal
from objects_app.errors import SecretUnreadable
from objects_app.models import AccessKey

logger = logging.getLogger(__name__)

T = TypeVar("T")
_MOST = 10_000


class Account(NamedTuple):
    """An active user. `auth_hashes` change with the password."""

    user_id: int
    name: str
    is_superuser: bool
    may_create: bool
    auth_hashes: tuple[str, ...]


class KeyAccount(NamedTuple):
    """An access key in force: `ends` is on this process's monotonic clock."""

    key_id: str
    secret: str
    user_id: int
    read_only: bool
    only_bucket: str
    only_prefix: str
    ends: float | None


_lock = Lock()
_remembered: TTLCache[Hashable, Any] | None = None


def account(user_id: int) -> Account | None:
    """Return the user, None for one who is gone or disabled."""
    return _remember(("user", user_id), partial(_find_account, user_id))


def key_account(key_id: str) -> KeyAccount | None:
    """Return the key, None for one that is unknown, revoked or expired."""
    found = _remember(("key", key_id), partial(_find_key, key_id))
    if found is None or (found.ends is not None and time.monotonic() >= found.ends):
        return None
    return found


def session_user(session_key: str) -> int | None:
    """Return whose session of the console this is; None: nobody's any more."""
    return _remember(("session", session_key), partial(_find_session, session_key))


def forget() -> None:
    """Look everything up anew: this process has just changed something."""
    with _lock:
        if _remembered is not None:
            _remembered.clear()


def _remember(key: Hashable, find: Callable[[], T]) -> T:
    global _remembered  # noqa: PLW0603 made when the settings are known
    if not settings.ACCESS_CACHE_SECONDS:
        return find()
    with _lock:
        if _remembered is None:
            _remembered = TTLCache(_MOST, settings.ACCESS_CACHE_SECONDS)
        if key in _remembered:
            known: T = _remembered[key]
            return known
    found = find()
    with _lock:
        _remembered[key] = found
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


def _find_session(session_key: str) -> int | None:
    request = HttpRequest()
    request.session = SessionStore(session_key)
    if SESSION_KEY not in request.session:
        return None
    user = get_user(request)
    return user.pk if user.is_authenticated and user.is_active else None
