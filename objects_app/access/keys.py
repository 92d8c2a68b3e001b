"""Access keys: made, listed, revoked, sealed anew. Secrets are shown once."""

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Subquery
from django.db.models.functions import Now
from django.utils.timezone import now
from django.utils.translation import gettext_noop

from objects_app.access import accounts
from objects_app.access.sealing import SecretUnreadable, is_current, seal, unseal
from objects_app.errors import InvalidArgument, NoSuchAccessKey
from objects_app.models import AccessKey, JournalEntry
from objects_app.names import (
    check_bucket_name,
    check_prefix,
    is_access_key_id,
    is_storable,
)
from objects_app.queries.rows import Actor
from objects_app.services import audit

MOST_KEYS = 1000  # of one user
PAGE = 50  # of everyone's
MOST_SECONDS = 10 * 366 * 86_400
_MOST_CHARACTERS = 100
_ID_BYTES = 10
_SECRET_BYTES = 30


class Limits(NamedTuple):
    """What a key may do less than its user. `seconds`: how long it works."""

    seconds: int | None = None
    read_only: bool = False
    only_bucket: str = ""
    only_prefix: str = ""


_UNLIMITED = Limits()


class KeyRow(NamedTuple):
    """A key without its secret."""

    key_id: str
    label: str
    read_only: bool
    only_bucket: str
    only_prefix: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    @property
    def ended(self) -> datetime | None:
        """When it ceased to work; None for a key in force, by this node's clock."""
        past = [t for t in (self.revoked_at, self.expires_at) if t and t <= now()]
        return min(past, default=None)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key and its secret, which nobody can see again."""

    row: KeyRow
    secret: str = field(repr=False)


class HeldKey(NamedTuple):
    """A key and its user's name."""

    user: str
    row: KeyRow


class KeyPage(NamedTuple):
    """Some keys, newest first, and what to go on after, None when there are no more."""

    keys: list[HeldKey]
    next: str | None


class Rotated(NamedTuple):
    """How many secrets were sealed anew, and how many could not be read."""

    sealed: int
    unreadable: int


def create_key(
    *, user_id: int, label: str = "", limits: Limits = _UNLIMITED, by: Actor
) -> NewKey:
    """Make an access key.

    Raises InvalidArgument, InvalidBucketName, InvalidKey for limits that are none.
    """
    _check(label, limits)
    key_id = f"OS{base64.b32encode(secrets.token_bytes(_ID_BYTES)).decode()}"
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    with transaction.atomic():
        if AccessKey.objects.filter(user_id=user_id).count() >= MOST_KEYS:
            raise InvalidArgument(
                gettext_noop(
                    "A user may have %(most)s keys, and revoked ones count, as "
                    "they are kept for the record: use another user."
                ),
                most=MOST_KEYS,
            )
        lifetime = timedelta(seconds=limits.seconds) if limits.seconds else None
        key = AccessKey.objects.create(
            key_id=key_id,
            user_id=user_id,
            label=label,
            sealed_secret=seal(secret, about=key_id),
            read_only=limits.read_only,
            only_bucket=limits.only_bucket,
            only_prefix=limits.only_prefix,
            expires_at=Now() + lifetime if lifetime else None,
        )
        key.refresh_from_db()
        audit.record(
            operation=JournalEntry.Operation.CREATE_KEY,
            by=by,
            detail=f"{key_id} of {key.user.get_username()}",
        )
    return NewKey(_row(key), secret)


def list_keys(*, user_id: int) -> list[KeyRow]:
    """Return a user's keys, newest first, with those that work no more."""
    return [_row(k) for k in AccessKey.objects.filter(user_id=user_id).order_by("-id")]


def list_everyones_keys(*, user: str = "", after: str = "") -> KeyPage:
    """Return a page of all keys, or of one user's by name, after the one of that id."""
    if not is_storable(user + after):
        return KeyPage([], None)
    found = AccessKey.objects.select_related("user").order_by("-id")
    if user:
        found = found.filter(user__username=user)
    if after:
        place = AccessKey.objects.filter(key_id=after).values("pk")[:1]
        found = found.filter(pk__lt=Subquery(place))
    page = [HeldKey(k.user.get_username(), _row(k)) for k in found[: PAGE + 1]]
    return KeyPage(page[:PAGE], page[PAGE - 1].row.key_id if len(page) > PAGE else None)


def revoke_key(*, key_id: str, user_id: int | None, by: Actor) -> None:
    """End a key: here at once, on other nodes within ACCESS_CACHE_SECONDS.

    `user_id` is whose it must be, None for anybody's. Revoking it again changes
    nothing. Raises NoSuchAccessKey.
    """
    keys = AccessKey.objects.filter(key_id=key_id)
    if user_id is not None:
        keys = keys.filter(user_id=user_id)
    with transaction.atomic():
        if not (is_access_key_id(key_id) and keys.exists()):
            raise NoSuchAccessKey(
                gettext_noop("There is no key %(key_id)s: see GET /auth/keys."),
                key_id=key_id,
            )
        if keys.filter(revoked_at__isnull=True).update(revoked_at=Now()):
            audit.record(
                operation=JournalEntry.Operation.REVOKE_KEY, by=by, detail=key_id
            )
    accounts.forget()


def rotate(*, by: Actor, progress: Callable[[int], object]) -> Rotated:
    """Seal under the present SECRET_KEY what is sealed under a former one.

    May be interrupted and run again, while the store is in use.
    """
    sealed = unreadable = 0
    for key in AccessKey.objects.order_by("id").iterator():
        progress(1)
        if is_current(key.sealed_secret):
            continue
        try:
            secret = unseal(key.sealed_secret, about=key.key_id)
        except SecretUnreadable:
            unreadable += 1
            continue
        sealed += AccessKey.objects.filter(
            pk=key.pk, sealed_secret=key.sealed_secret
        ).update(sealed_secret=seal(secret, about=key.key_id))
    audit.record(
        operation=JournalEntry.Operation.ROTATE_SECRETS,
        by=by,
        detail=f"{sealed} sealed anew, {unreadable} unreadable",
    )
    return Rotated(sealed, unreadable)


def _check(label: str, limits: Limits) -> None:
    if len(label) > _MOST_CHARACTERS or not label.isprintable():
        raise InvalidArgument(
            gettext_noop("A label has at most %(most)s printable characters."),
            most=_MOST_CHARACTERS,
        )
    if limits.seconds is not None and not 0 < limits.seconds <= MOST_SECONDS:
        raise InvalidArgument(gettext_noop("A key works for 1 second to 10 years."))
    if limits.only_bucket:
        check_bucket_name(limits.only_bucket)
    elif limits.only_prefix:
        raise InvalidArgument(gettext_noop("Name the bucket that the prefix is in."))
    check_prefix(limits.only_prefix)


def _row(key: AccessKey) -> KeyRow:
    return KeyRow._make(getattr(key, field) for field in KeyRow._fields)
