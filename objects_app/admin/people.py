"""Users and groups: what may be edited is written into the journal."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from django.contrib import admin
from django.contrib.auth import admin as django_admin
from django.contrib.auth.forms import AdminUserCreationForm
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from objects_app.access import accounts, groups, users
from objects_app.admin.actions import Told, confirmed, each
from objects_app.admin.base import StoreAdmin, actor_of
from objects_app.admin.lists import Rows
from objects_app.models import JournalEntry, TemporaryPassword
from objects_app.services import audit
from objects_app.services.identities import RESERVED

# The others allow nothing: nobody adds or deletes rows here.
_EFFECTIVE = Q(
    content_type__app_label__in=("auth", "axes", "objects_app"),
    codename__startswith="view_",
) | Q(
    content_type__app_label="objects_app", codename__in=("add_bucket", "change_bucket")
)
_Operation = JournalEntry.Operation

admin.site.unregister(User)
admin.site.unregister(Group)


class NewUserForm(AdminUserCreationForm):
    """A name and a password."""

    def clean_username(self) -> Any:
        """Refuse names that the journal needs, beside those that are taken."""
        name: Any = super().clean_username()  # None for one that is taken
        if name and name.lower() in RESERVED:
            raise ValidationError(_("This name is taken: choose another one."))
        return name


class PeopleAdmin(StoreAdmin):
    """Superusers alone edit these; nobody deletes what others depend on."""

    created: _Operation
    changed: _Operation

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers: whoever gives permissions could take them all."""
        return self.has_run_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers, as for adding."""
        return self.has_run_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: what belongs to them would go with them."""
        return False

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Write it into the journal, too."""
        self.record(request, self.created, str(obj))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Write what was changed into the journal, too, if anything was."""
        for part in message:
            fields = ", ".join(part["changed"]["fields"])
            self.record(request, self.changed, f"{obj}: {fields}")
        return super().log_change(request, obj, message)

    def record(self, request: HttpRequest, operation: _Operation, detail: str) -> None:
        """Write one entry; once it is written to stay, forget who might do what."""
        audit.record(operation=operation, by=actor_of(request), detail=detail)
        transaction.on_commit(accounts.forget)

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest, **named: Any
    ) -> Any:
        """Offer the permissions that allow something here."""
        if db_field.related_model is Permission:
            effective = Permission.objects.filter(_EFFECTIVE)
            named["queryset"] = effective.select_related("content_type")
            named["widget"] = CheckboxSelectMultiple
        return super().formfield_for_manytomany(db_field, request, **named)


@admin.register(User)
class UserAdmin(PeopleAdmin, django_admin.UserAdmin):  # type: ignore[type-arg]
    """Users, by name. Who is active and who administers is changed by actions."""

    created = _Operation.CREATE_USER
    changed = _Operation.CHANGE_USER
    add_form = NewUserForm
    list_display = ("username", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ()
    ordering = ("username",)
    search_fields = ("username",)
    search_help_text = _("The beginning of a name")
    autocomplete_fields = ("groups",)
    filter_horizontal = ()
    actions = ("disable", "enable", "promote", "demote")

    def get_readonly_fields(
        self, request: HttpRequest, obj: Any = None
    ) -> tuple[str, ...]:
        """Return what only actions and logins change."""
        if obj is None:
            return ()
        dates = ("last_login", "date_joined")
        return ("username", "is_active", "is_superuser", *dates)

    def find(self, rows: Rows, term: str) -> Rows:
        """Return the users whose name begins so."""
        return rows.filter(username__startswith=term)

    def view_on_site(self, obj: User) -> str:
        """Return where the dashboard shows the user."""
        return f"/ui/users/{quote(obj.username, safe='')}/"

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002 its name in the superclass
        form_url: str = "",
    ) -> HttpResponse:
        """Set a password, and write down that it was, or neither."""
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)

    def log_change(self, request: HttpRequest, obj: User, message: Any) -> Any:
        """Tell a new password from other changes."""
        if message == [{"changed": {"fields": ["password"]}}]:
            TemporaryPassword.objects.filter(user=obj).delete()
            detail = f"of {obj.username}"
            self.record(request, _Operation.CHANGE_PASSWORD, detail)
            return admin.ModelAdmin.log_change(self, request, obj, message)
        return super().log_change(request, obj, message)

    @confirmed(
        label=_("Disable"),
        warning=_(
            "These users are signed out everywhere. Their keys and tokens do not work "
            "until they are enabled again."
        ),
    )
    def disable(self, request: HttpRequest, rows: list[User]) -> Iterator[Told]:
        """Let nobody be these users."""
        yield from _change(request, rows, {"is_active": False})

    @confirmed(
        label=_("Enable"),
        warning=_("These users may sign in, and their keys and tokens work."),
    )
    def enable(self, request: HttpRequest, rows: list[User]) -> Iterator[Told]:
        """Let these users be there again."""
        yield from _change(request, rows, {"is_active": True})

    @confirmed(
        label=_("Make administrators"),
        warning=_("These users may do everything, with every bucket and user."),
    )
    def promote(self, request: HttpRequest, rows: list[User]) -> Iterator[Told]:
        """Let these users do everything."""
        yield from _change(request, rows, {"is_superuser": True})

    @confirmed(
        label=_("Make no administrators any more"),
        warning=_("These users keep what they own and were granted, no more."),
    )
    def demote(self, request: HttpRequest, rows: list[User]) -> Iterator[Told]:
        """Take administration back."""
        yield from _change(request, rows, {"is_superuser": False})


@admin.register(Group)
class GroupAdmin(PeopleAdmin, django_admin.GroupAdmin):
    """Groups, by name."""

    created = _Operation.CREATE_GROUP
    changed = _Operation.CHANGE_GROUP
    ordering = ("name",)
    search_fields = ("name",)
    search_help_text = _("The beginning of a name")
    filter_horizontal = ()
    actions = ("delete",)

    def find(self, rows: Rows, term: str) -> Rows:
        """Return the groups whose name begins so."""
        return rows.filter(name__startswith=term)

    def view_on_site(self, obj: Group) -> str:
        """Return where the dashboard shows the group."""
        return f"/ui/groups/one?{urlencode({'name': obj.name})}"

    @confirmed(
        label=_("Delete"),
        warning=_("These groups are deleted, unless they have members or grants."),
    )
    def delete(self, request: HttpRequest, rows: list[Group]) -> Iterator[Told]:
        """Delete groups that nobody needs."""
        by = actor_of(request)
        yield from each(rows, lambda group: groups.delete_group(name=group.name, by=by))


def _change(
    request: HttpRequest, rows: list[User], changes: dict[users.Change, bool]
) -> Iterator[Told]:
    by = actor_of(request)
    yield from each(
        rows, lambda user: users.change_user(name=user.username, changes=changes, by=by)
    )
