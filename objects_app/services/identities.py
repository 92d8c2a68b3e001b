"""Users of an identity provider: found by issuer and subject, never by name or mail."""

import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from objects_app.errors import StorageBusy
from objects_app.models import OidcIdentity

# Names of no user: the journal's for callers without credentials, and what no address
# can hold, since clients take it for a way up.
RESERVED = frozenset({"anonymous", ".", ".."})

_ATTEMPTS = 5


class Identity(NamedTuple):
    """Who an issuer says it is.

    `name` is what a new user is called if nobody is yet. `groups` (names) are None when
    nothing was said of them; then `is_administrator` says nothing either.
    """

    issuer: str
    subject: str
    name: str
    groups: frozenset[str] | None
    is_administrator: bool
    claimed_at: datetime


class SignedOn(NamedTuple):
    """The user of an identity; `created` just now."""

    user: User
    created: bool


def sign_on(identity: Identity) -> SignedOn:
    """Return the identity's user, made when it is new, with the groups it claims.

    Claims count when they were issued after those that counted last: an old token gives
    no group back. A user may be disabled: look at `is_active`.
    """
    known = _rows(identity).select_related("user").first()
    if known is not None and not _is_news(known, identity):
        return SignedOn(known.user, created=False)
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(IntegrityError), transaction.atomic():
            return _make_or_update(identity)
        # Another request made it just now, or took the name.
    raise StorageBusy(gettext_noop("Too many sign-ons at once: try again."))


def issuers_of(*, user_id: int) -> list[str]:
    """Return which identity providers sign a user in."""
    rows = OidcIdentity.objects.filter(user_id=user_id).order_by("issuer")
    return list(rows.values_list("issuer", flat=True).distinct())


def _rows(identity: Identity) -> QuerySet[OidcIdentity]:
    return OidcIdentity.objects.filter(issuer=identity.issuer, subject=identity.subject)


def _is_news(row: OidcIdentity, identity: Identity) -> bool:
    """Whether it says something of groups, later than what counted last."""
    if identity.groups is None:
        return False
    return row.claims_at is None or row.claims_at < identity.claimed_at


def _make_or_update(identity: Identity) -> SignedOn:
    row = _rows(identity).select_for_update().first()
    created = row is None
    if row is None:
        row = OidcIdentity.objects.create(
            issuer=identity.issuer, subject=identity.subject, user=_make_user(identity)
        )
    if _is_news(row, identity):
        row.claims_at = identity.claimed_at
        _give_groups(row, identity.groups or frozenset())
        _give_administration(row, identity.is_administrator)
        row.save()
    return SignedOn(row.user, created)


def _make_user(identity: Identity) -> User:
    """Make a user without a usable password, under a name that is free."""
    user = User(username=next(n for n in _names(identity.name) if _is_free(n)))
    user.set_unusable_password()
    user.save()
    return user


def _names(wanted: str) -> Iterator[str]:
    yield wanted
    number = 2
    while True:
        yield f"{wanted}-{number}"
        number += 1


def _is_free(name: str) -> bool:
    return name not in RESERVED and not User.objects.filter(username=name).exists()


def _give_groups(row: OidcIdentity, names: frozenset[str]) -> None:
    """Add the user to these of the groups there are, and take back what claims gave.

    Groups given by hand stay.
    """
    now = set(Group.objects.filter(name__in=names).values_list("pk", flat=True))
    row.user.groups.remove(*(set(row.groups) - now))
    row.user.groups.add(*now)
    row.groups = sorted(now)


def _give_administration(row: OidcIdentity, is_administrator: bool) -> None:
    """Make the user a superuser, or take back what claims gave."""
    if is_administrator != row.is_administrator:
        row.user.is_superuser = row.user.is_staff = is_administrator
        row.user.save(update_fields=["is_superuser", "is_staff"])
        row.is_administrator = is_administrator
