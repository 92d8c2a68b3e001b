"""Grants: who else may do what in a bucket."""

from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_noop

from objects_app.errors import InvalidArgument, NoSuchBucket, NoSuchGrant
from objects_app.models import Bucket, Grant, JournalEntry, Role
from objects_app.names import check_prefix, is_storable
from objects_app.queries.rows import Actor, BucketRow
from objects_app.services import audit
from objects_app.services.users import find_user


class Grantee(NamedTuple):
    """A user or a group, by name: exactly one of them is not None."""

    user: str | None
    group: str | None

    def __str__(self) -> str:
        return f"user {self.user}" if self.user is not None else f"group {self.group}"


class GrantRow(NamedTuple):
    """One grant; `role` is reader, writer or owner."""

    grantee: Grantee
    role: str
    prefix: str
    created_at: datetime


class OwnGrant(NamedTuple):
    """What a user was granted, directly or through a group."""

    bucket: str
    role: str
    prefix: str
    group: str | None


def list_grants(*, bucket: BucketRow) -> list[GrantRow]:
    """Return a bucket's grants, by user, then by group, then by prefix."""
    rows = Grant.objects.filter(bucket_id=bucket.id).select_related("user", "group")
    users_first = F("user__username").asc(nulls_last=True)
    return [_row(g) for g in rows.order_by(users_first, "group__name", "prefix")]


def grants_of(*, user_id: int) -> list[OwnGrant]:
    """Return what a user was granted, by bucket and prefix."""
    own = Grant.objects.filter(user_id=user_id)
    theirs = Grant.objects.filter(group__user=user_id)
    rows = (own | theirs).select_related("bucket", "group").distinct()
    return [
        OwnGrant(
            bucket=grant.bucket.name,
            role=Role(grant.role).label,
            prefix=grant.prefix,
            group=grant.group.name if grant.group else None,
        )
        for grant in rows.order_by("bucket__name", "prefix", "id")
    ]


def shared_folders(*, user_id: int) -> list[tuple[str, str]]:
    """Return bucket and prefix of what a user was granted in parts, in order, but not
    of buckets that were granted whole."""
    granted = grants_of(user_id=user_id)
    whole = {grant.bucket for grant in granted if not grant.prefix}
    parts = {(grant.bucket, grant.prefix) for grant in granted}
    return sorted(part for part in parts if part[0] not in whole)


def put_grant(
    *, bucket: BucketRow, grantee: Grantee, role: str, prefix: str = "", by: Actor
) -> GrantRow:
    """Give a role, in place of the one that was given for this very prefix.

    Raises InvalidArgument for an unknown user, group or role, and for an owner's grant
    that is limited to a prefix; NoSuchBucket when it was deleted meanwhile.
    """
    if role not in Role.labels:
        raise InvalidArgument(
            gettext_noop("role is one of %(known)s."), known=", ".join(Role.labels)
        )
    number = Role.values[Role.labels.index(role)]
    if prefix and number == Role.OWNER:
        raise InvalidArgument(
            gettext_noop("An owner owns the whole bucket: leave out the prefix.")
        )
    check_prefix(prefix)
    whose = _whose(grantee)
    with transaction.atomic():
        if not Bucket.objects.select_for_update().filter(pk=bucket.id).exists():
            raise NoSuchBucket(
                gettext_noop("There is no bucket %(bucket)s."), bucket=bucket.name
            )
        grant, _ = Grant.objects.update_or_create(
            bucket_id=bucket.id, prefix=prefix, defaults={"role": number}, **whose
        )
        grant.refresh_from_db()
        audit.record(
            operation=JournalEntry.Operation.GRANT,
            by=by,
            bucket=bucket,
            detail=f"{role} to {grantee} for {prefix or 'all keys'}",
        )
    return _row(grant)


def delete_grant(
    *, bucket: BucketRow, grantee: Grantee, prefix: str = "", by: Actor
) -> None:
    """Take a grant back.

    Raises NoSuchGrant; InvalidArgument for an unknown grantee, InvalidKey for what no
    key begins with.
    """
    check_prefix(prefix)
    with transaction.atomic():
        deleted, _ = Grant.objects.filter(
            bucket_id=bucket.id, prefix=prefix, **_whose(grantee)
        ).delete()
        if not deleted:
            raise NoSuchGrant(
                gettext_noop(
                    "Nothing was granted to %(grantee)s for %(prefix)s: see GET "
                    "/buckets/%(bucket)s/grants."
                ),
                grantee=grantee,
                prefix=prefix or "all keys",
                bucket=bucket.name,
            )
        audit.record(
            operation=JournalEntry.Operation.REVOKE_GRANT,
            by=by,
            bucket=bucket,
            detail=f"{grantee} for {prefix or 'all keys'}",
        )


def _whose(grantee: Grantee) -> dict[str, Any]:
    if (grantee.user is None) == (grantee.group is None):
        raise InvalidArgument(gettext_noop("Name either a user or a group."))
    if grantee.user is not None:
        user = find_user(grantee.user)
        if user is None:
            raise InvalidArgument(
                gettext_noop(
                    "There is no user %(user)s: an administrator adds users at "
                    "/ui/users/."
                ),
                user=grantee.user,
            )
        return {"user_id": user.pk}
    name = grantee.group or ""
    group = Group.objects.filter(name=name).first() if is_storable(name) else None
    if group is None:
        raise InvalidArgument(
            gettext_noop(
                "There is no group %(group)s: an administrator adds groups at "
                "/ui/groups/."
            ),
            group=grantee.group,
        )
    return {"group_id": group.pk}


def _row(grant: Grant) -> GrantRow:
    return GrantRow(
        grantee=Grantee(
            user=grant.user.get_username() if grant.user else None,
            group=grant.group.name if grant.group else None,
        ),
        role=Role(grant.role).label,
        prefix=grant.prefix,
        created_at=grant.created_at,
    )
