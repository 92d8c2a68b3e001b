"""What all pages of the admin have in common."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin
from django.contrib.admin import ShowFacets
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import BadRequest, ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse

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
        if not is_storable(term):
            return queryset.none(), False
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

    def changeform_view(
        self, request: HttpRequest, *args: Any, **named: Any
    ) -> HttpResponse:
        """Refuse what names no row there could be, where a form names rows."""
        for field in (*self.opts.fields, *self.opts.many_to_many):
            if field.remote_field is not None:
                given = filter(None, request.POST.getlist(field.name))
                _check_ids(field.remote_field.model, given)
        return super().changeform_view(request, *args, **named)

    def response_action(
        self, request: HttpRequest, queryset: Rows
    ) -> HttpResponse | None:
        """Refuse what names no row there could be, among those to act on."""
        _check_ids(self.model, request.POST.getlist(ACTION_CHECKBOX_NAME))
        return super().response_action(request, queryset)

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


def _check_ids(model: type[Model], ids: Iterable[str]) -> None:
    """Raises BadRequest for what can be no row's: Django would fail over it."""
    try:
        for given in ids:
            if not is_storable(given):
                raise ValidationError(given)
            model._meta.pk.clean(given, None)
    except ValidationError as error:
        raise BadRequest("A form names a row that there cannot be.") from error
