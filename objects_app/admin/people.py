"""Users and groups."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as django_admin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from objects_app.admin.base import StoreAdmin
from objects_app.admin.lists import Rows

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(StoreAdmin, django_admin.UserAdmin):  # type: ignore[type-arg]
    """Users, by name."""

    list_display = ("username", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ()
    ordering = ("username",)
    search_fields = ("username",)
    search_help_text = _("The beginning of a name")
    autocomplete_fields = ("groups",)

    def find(self, rows: Rows, term: str) -> Rows:
        """Return the users whose name begins so."""
        return rows.filter(username__startswith=term)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: what they own would go with them. Disable them instead."""
        return False


@admin.register(Group)
class GroupAdmin(StoreAdmin, django_admin.GroupAdmin):
    """Groups, by name."""

    ordering = ("name",)
    search_fields = ("name",)
    search_help_text = _("The beginning of a name")

    def find(self, rows: Rows, term: str) -> Rows:
        """Return the groups whose name begins so."""
        return rows.filter(name__startswith=term)
