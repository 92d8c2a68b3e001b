"""Users as administrators see and change them.

A change counts in this process at once, in others within ACCESS_CACHE_SECONDS: for
sessions, access keys, tokens and presigned URLs alike.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple, get_args

from django.contrib.auth.models import Permission, User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_noop
from django.views.decorators.debug import sensitive_variables

from objects_app.access import accounts
from objects_app.errors import InvalidArgument, LastAdministrator, NoSuchUser
from objects_app.models import ConsoleSession, JournalEntry, TemporaryPassword
from objects_app.names import is_storable
from objects_app.queries.rows import Actor
from objects_app.services import audit
from objects_app.services.identities import RESERVED
from objects_app.services.users import find_user

PAGE = 50
ADD_BUCKET = Q(codename="add_bucket", content_type__app_label="objects_app")
_PASSWORD_BYTES = 15
_Operation = JournalEntry.Operation

Change = Literal["is_active", "is_superuser", "may_create"]
CHANGES: tuple[Change, ...] = get_args(Change)
TOLD = {
    ("is_active", True): "enabled",
    ("is_active", False): "disabled",
    ("is_superuser", True): "an administrator now",
    ("is_superuser", False): "no administrator any more",
    ("may_create", True): "may create buckets",
    ("may_create", False): "may create no buckets",
}


class UserRow(NamedTuple):
    """A user. `may_create` buckets: by a permission of their own; `has_password`: else
    only the identity provider signs them in."""

    user_id: int
    name: str
    is_active: bool
    is_superuser: bool
    may_create: bool
    has_password: bool
    last_login: datetime | None
    created_at: datetime


class UserPage(NamedTuple):
    """Some users by name, and the name to go on after, None when there are no more."""

    users: list[UserRow]
    next: str | None


def list_users(*, part: str = "", group: str = "", after: str = "") -> UserPage:
    """Return a page of users whose names have this in them, in any case.

    `group`: only its members.
    """
    if not is_storable(part + group + after):
        return UserPage([], None)
    found = _users().filter(username__gt=after).order_by("username")
    if part:
        found = found.filter(username__icontains=part)
    if group:
        found = found.filter(groups__name=group)
    rows = [_row(user) for user in found[: PAGE + 1]]
    return UserPage(rows[:PAGE], rows[PAGE - 1].name if len(rows) > PAGE else None)


def get_user(*, name: str) -> UserRow:
    """Return one user. Raises NoSuchUser."""
    return _row(_users().get(pk=known_user(name).pk))


def known_user(name: str) -> User:
    """Return the user of that name. Raises NoSuchUser."""
    user = find_user(name)
    if user is None:
        raise _no_such_user(name)
    return user


@sensitive_variables("password")
def create_user(*, name: str, password: str = "", by: Actor) -> str:
    """Make a user, who may nothing yet, and return the password: without one, it is
    made here, to be handed on and changed at the first sign-in.

    Raises InvalidArgument for a name that is taken (in any case) or none, and for a
    password that the validators refuse.
    """
    user = User(username=User.normalize_username(name).strip())
    known = _set_password(user, password)
    _check_name(user)
    try:
        with transaction.atomic():
            user.save()
            _remember_whose(user, password)
            audit.record(operation=_Operation.CREATE_USER, by=by, detail=user.username)
    except IntegrityError:
        raise name_taken(user.username) from None
    return known


@sensitive_variables("password")
def set_password(*, name: str, password: str = "", by: Actor) -> str:
    """Give a user another password, and return it as `create_user` does; their
    sessions, and tokens got with the former one, end.

    Raises NoSuchUser, and InvalidArgument as `create_user`.
    """
    user = known_user(name)
    known = _set_password(user, password)
    with transaction.atomic():
        user.save(update_fields=["password"])
        _remember_whose(user, password)
        audit.record(
            operation=_Operation.CHANGE_PASSWORD, by=by, detail=f"of {user.username}"
        )
    accounts.forget()
    return known


def change_user(*, name: str, changes: Mapping[Change, bool], by: Actor) -> None:
    """Enable or disable, make an administrator, let create buckets, or the contrary.

    Who is disabled is signed out everywhere for good; keys and tokens work again when
    enabled. Raises NoSuchUser; LastAdministrator when no active one would be left.
    """
    with transaction.atomic():
        user = _locked(name)
        was_administrator = user.is_active and user.is_superuser
        told = [TOLD[change, value] for change, value in changes.items()]
        user.is_active = changes.get("is_active", user.is_active)
        if "is_superuser" in changes:
            user.is_superuser = user.is_staff = changes["is_superuser"]
        if was_administrator and not (user.is_active and user.is_superuser):
            _require_another_administrator(user)
        user.save(update_fields=["is_active", "is_superuser", "is_staff"])
        if "may_create" in changes:
            permission = Permission.objects.get(ADD_BUCKET)
            held = user.user_permissions
            (held.add if changes["may_create"] else held.remove)(permission)
        if not user.is_active:
            ConsoleSession.objects.filter(user=user).delete()
        audit.record(
            operation=_Operation.CHANGE_USER,
            by=by,
            detail=f"{user.username}: {', '.join(told)}",
        )
    accounts.forget()


def _users() -> QuerySet[User]:
    held = Permission.objects.filter(ADD_BUCKET, user=OuterRef("pk"))
    return User.objects.annotate(may_create=Exists(held))


def _row(user: User) -> UserRow:
    return UserRow(
        user_id=user.pk,
        name=user.username,
        is_active=user.is_active,
        is_superuser=user.is_superuser,
        may_create=user.may_create,  # type: ignore[attr-defined] # annotated
        has_password=user.has_usable_password(),
        last_login=user.last_login,
        created_at=user.date_joined,
    )


def _locked(name: str) -> User:
    """Return the user, locked after all active administrators.

    In the order of their ids, so that two who demote each other wait and do not
    deadlock: the second looks when the first is done.
    """
    known = known_user(name)
    wanted = Q(is_superuser=True, is_active=True) | Q(pk=known.pk)
    locked = User.objects.select_for_update().filter(wanted).order_by("pk")
    for user in locked:
        if user.pk == known.pk:
            return user
    raise _no_such_user(name)


def _require_another_administrator(user: User) -> None:
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    if not others.exists():
        raise LastAdministrator(
            gettext_noop(
                "%(user)s is the last administrator: make somebody else one first."
            ),
            user=user.username,
        )


@sensitive_variables("password", "known")
def _set_password(user: User, password: str) -> str:
    known = password or secrets.token_urlsafe(_PASSWORD_BYTES)
    try:
        validate_password(known, user)
    except ValidationError as error:
        raise InvalidArgument(" ".join(error.messages)) from None
    user.set_password(known)
    return known


@sensitive_variables("password")
def _remember_whose(user: User, password: str) -> None:
    """Keep whether the password was made here, and so is known to somebody else."""
    if password:
        TemporaryPassword.objects.filter(user=user).delete()
    else:
        TemporaryPassword.objects.update_or_create(user=user)


def _check_name(user: User) -> None:
    try:
        user.clean_fields(exclude={"password"})
    except ValidationError as error:
        raise InvalidArgument(" ".join(error.messages)) from None
    name = user.username
    if name in {".", ".."}:
        raise InvalidArgument(
            gettext_noop("A name of dots alone stands in no address: add a letter.")
        )
    if name.lower() in RESERVED or User.objects.filter(username__iexact=name).exists():
        raise name_taken(name)


def _no_such_user(name: str) -> NoSuchUser:
    return NoSuchUser(gettext_noop("There is no user %(name)s."), name=name)


def name_taken(name: str) -> InvalidArgument:
    """Return the refusal of a name that a user, or a group, has already."""
    return InvalidArgument(
        gettext_noop("The name %(name)s is taken: choose another one."), name=name
    )
