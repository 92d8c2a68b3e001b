"""What all pages of the admin have in common."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin
from django.contrib.admin import ShowFacets
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest

from objects_app.access.addresses import client_address
from objects_app.admin.lists import BoundedPaginator, KeysetList, Rows
from objects_app.names import is_storable
from objects_app.queries.rows import Actor


class StoreAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not at run time
    """Lists by key, and searches by `find` alone."""

    changelist: ClassVar[type[KeysetList]] = KeysetList
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    sortable_by = ()
    list_per_page = 50
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the kind of list."""
        return self.changelist

    def get_search_results(
        self, request: HttpRequest, queryset: Rows, search_term: str
    ) -> tuple[Rows, bool]:
        """Search along the indexes only."""
        term = search_term.strip()
        return (self.find(queryset, term) if term else queryset), False

    def find(self, rows: Rows, term: str) -> Rows:
        """Return the rows that the term names; they may have an order of their own.

        All of them where there is no search.
        """
        return rows

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        """Return the row of the address; None for an id that no database holds."""
        if not is_storable(object_id):
            return None
        return super().get_object(request, object_id, from_field)

    def lookup_allowed(
        self, lookup: str, value: str, request: HttpRequest | None = None
    ) -> bool:
        """Whether the address may filter by it: by nothing but the filters shown."""
        return lookup in {spec.parameter_name for spec in self.list_filter}  # type: ignore[union-attr]

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Whether somebody may have the services do something: superusers."""
        return bool(request.user.is_superuser)


class ReadOnlyAdmin(StoreAdmin):
    """Rows to look at."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: rows are written by the services."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: rows are written by the services."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: only the sweep removes blobs, only the services objects."""
        return False


def actor_of(request: HttpRequest) -> Actor:
    """Return who did it, from where and in which request, for the journal."""
    return Actor(
        label=request.user.get_username(),
        node_id=settings.NODE_ID,
        request_id=request.request_id,  # type: ignore[attr-defined]
        address=client_address(request),
    )
