"""Groups: users who are let into buckets together."""

from typing import NamedTuple

from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.utils.translation import gettext_noop

from objects_app.access import accounts
from objects_app.access.users import ADD_BUCKET, TOLD, known_user, name_taken
from objects_app.errors import GroupInUse, InvalidArgument, NoSuchGroup
from objects_app.models import Grant, JournalEntry, Role
from objects_app.names import is_storable
from objects_app.queries.rows import Actor
from objects_app.services import audit

PAGE = 50
MOST_GRANTS = 100
_MOST_CHARACTERS = 150
_Operation = JournalEntry.Operation


class GroupRow(NamedTuple):
    """A group; its members `may_create` buckets."""

    name: str
    members: int
    may_create: bool


class GroupGrant(NamedTuple):
    """What a group was granted."""

    bucket: str
    role: str
    prefix: str


class GroupPage(NamedTuple):
    """Some groups by name, and the name to go on after, None when there are no more."""

    groups: list[GroupRow]
    next: str | None


def list_groups(*, after: str = "") -> GroupPage:
    """Return a page of groups."""
    if not is_storable(after):
        return GroupPage([], None)
    rows = [_row(g) for g in _groups().filter(name__gt=after)[: PAGE + 1]]
    return GroupPage(rows[:PAGE], rows[PAGE - 1].name if len(rows) > PAGE else None)


def get_group(*, name: str) -> GroupRow:
    """Return one group. Raises NoSuchGroup."""
    return _row(_groups().get(pk=_find(name).pk))


def grants_of_group(*, name: str) -> list[GroupGrant]:
    """Return what a group was granted, by bucket and prefix, at most MOST_GRANTS."""
    grants = Grant.objects.filter(group__name=name).select_related("bucket")
    return [
        GroupGrant(grant.bucket.name, Role(grant.role).label, grant.prefix)
        for grant in grants.order_by("bucket__name", "prefix")[:MOST_GRANTS]
    ]


def groups_of_user(*, user_id: int) -> list[str]:
    """Return the names of the groups that a user is in."""
    groups = Group.objects.filter(user=user_id).order_by("name")
    return list(groups.values_list("name", flat=True))


def create_group(*, name: str, by: Actor) -> None:
    """Make a group without members. Raises InvalidArgument for a name that is none."""
    name = name.strip()
    if not (0 < len(name) <= _MOST_CHARACTERS and name.isprintable()):
        raise InvalidArgument(
            gettext_noop("A group's name has 1 to %(most)s printable characters."),
            most=_MOST_CHARACTERS,
        )
    if Group.objects.filter(name__iexact=name).exists():
        raise name_taken(name)
    try:
        with transaction.atomic():
            Group.objects.create(name=name)
            audit.record(operation=_Operation.CREATE_GROUP, by=by, detail=name)
    except IntegrityError:
        raise name_taken(name) from None


def delete_group(*, name: str, by: Actor) -> None:
    """Delete a group. Raises NoSuchGroup; GroupInUse while it has members or grants."""
    with transaction.atomic():
        group = _find(name)
        if group.user_set.exists() or group.bucket_grants.exists():
            raise GroupInUse(
                gettext_noop("%(name)s has members or grants: take them back first."),
                name=name,
            )
        group.delete()
        audit.record(operation=_Operation.DELETE_GROUP, by=by, detail=name)


def add_member(*, name: str, user: str, by: Actor) -> None:
    """Put a user into a group. Raises NoSuchGroup, NoSuchUser."""
    with transaction.atomic():
        group = _find(name)
        group.user_set.add(known_user(user))
        _record_change(f"{name}: {user} joined", by)


def remove_member(*, name: str, user: str, by: Actor) -> None:
    """Take a user out of a group. Raises NoSuchGroup, NoSuchUser."""
    with transaction.atomic():
        group = _find(name)
        group.user_set.remove(known_user(user))
        _record_change(f"{name}: {user} left", by)


def let_create(*, name: str, may_create: bool, by: Actor) -> None:
    """Let a group's members create buckets, or no longer. Raises NoSuchGroup."""
    with transaction.atomic():
        held = _find(name).permissions
        permission = Permission.objects.get(ADD_BUCKET)
        (held.add if may_create else held.remove)(permission)
        _record_change(f"{name}: {TOLD['may_create', may_create]}", by)


def _groups() -> QuerySet[Group]:
    held = Permission.objects.filter(ADD_BUCKET, group=OuterRef("pk"))
    members = Count("user")
    groups = Group.objects.annotate(members=members, may_create=Exists(held))
    return groups.order_by("name")


def _row(group: Group) -> GroupRow:
    return GroupRow(
        name=group.name,
        members=group.members,  # type: ignore[attr-defined] # annotated
        may_create=group.may_create,  # type: ignore[attr-defined]
    )


def _find(name: str) -> Group:
    group = Group.objects.filter(name=name).first() if is_storable(name) else None
    if group is None:
        raise NoSuchGroup(gettext_noop("There is no group %(name)s."), name=name)
    return group


def _record_change(detail: str, by: Actor) -> None:
    audit.record(operation=_Operation.CHANGE_GROUP, by=by, detail=detail)
    accounts.forget()
