"""Lists whose pages begin beside a row, so that each is as quick as the first.

Nothing is counted and no row is skipped: what an index does not find at once is not
searched for.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib.admin import SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.text import capfirst

from objects_app.models import Bucket
from objects_app.names import prefix_end

MOST_FOUND = 200
_DIGEST = re.compile(r"[0-9a-f]{64}")
AFTER, BEFORE = "after", "before"

Rows = QuerySet[Any]
Text = Any  # str, or what is translated once it is shown


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not at run time
    """Counts up to MOST_FOUND rows and pretends that there are no more."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, at most MOST_FOUND."""
        rows: QuerySet[Model] = self.object_list  # type: ignore[assignment]
        return rows.order_by()[:MOST_FOUND].count()


class IndexFilter(SimpleListFilter):
    """The rows that an index is made of, beside all; in the order of the index."""

    choice: ClassVar[tuple[str, Text]]
    condition: ClassVar[Q]
    ordering: ClassVar[tuple[str, ...]] = ()

    def lookups(self, *_: Any) -> list[tuple[str, Text]]:
        """Return the one choice beside all."""
        return [self.choice]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """Return the index's rows once they are chosen."""
        return queryset.filter(self.condition) if self.value() else queryset


class KeysetList(ChangeList):
    """Pages before or after a row that the address names by what it is ordered by.

    The order is the model admin's, or what its search orders by: fields that are never
    null, together unique, all of one direction.
    """

    previous_page = next_page = ""
    note = ""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        if not self.is_popup:
            self.title = str(capfirst(self.opts.verbose_name_plural))

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: Any = None
    ) -> Rows:
        """Return what is listed, whichever page."""
        for name in (AFTER, BEFORE):
            self.params.pop(name, None)
            self.filter_params.pop(name, None)
        return super().get_queryset(request, exclude_parameters)

    def get_ordering(self, request: HttpRequest, queryset: Rows) -> list[str]:  # type: ignore[override]
        """Return the model admin's or a filter's order, whatever the address says."""
        for spec in self.filter_specs:
            if isinstance(spec, IndexFilter) and spec.ordering and spec.value():
                return list(spec.ordering)
        return list(self.model_admin.ordering or ())

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page, and one row more that tells whether there is another."""
        order = self.order()
        after, before = self.place(request, AFTER), self.place(request, BEFORE)
        rows = self.queryset
        if before:
            backwards = tuple(map(_reversed, order))
            rows = rows.order_by(*backwards).filter(beyond(backwards, before))
        elif after:
            rows = rows.filter(beyond(order, after))
        found = list(self.within(request, rows)[: self.list_per_page + 1])
        more = len(found) > self.list_per_page
        found = found[: self.list_per_page]
        if before:
            found.reverse()
        self._show(found)
        if found and (more or before):
            self.next_page = self.link(AFTER, self._place_of(found[-1]))
        if found and (after or (more and before)):
            self.previous_page = self.link(BEFORE, self._place_of(found[0]))

    def within(self, request: HttpRequest, rows: Rows) -> Rows:
        """Return the rows among which this page is looked for."""
        return rows

    def order(self) -> tuple[str, ...]:
        """Return what the rows are ordered by."""
        return tuple(map(str, self.queryset.query.order_by))

    def place(self, request: HttpRequest, side: str) -> list[Any] | None:
        """Return the row that the page begins beside, as what it is ordered by.

        Raises IncorrectLookupParameters.
        """
        text = request.GET.get(side)
        if not text:
            return None
        try:
            values = zip(self.order(), json.loads(text), strict=True)
            if r"\u0000" in text:
                raise ValueError(text)
            return [self._field(name).to_python(str(value)) for name, value in values]
        except (ValueError, TypeError, ValidationError) as error:
            raise IncorrectLookupParameters(error) from error

    def link(self, side: str, place: list[Any]) -> str:
        """Return the address of the page on that side of a row."""
        return self.get_query_string({side: json.dumps(place)})

    def _place_of(self, row: Any) -> list[str]:
        return [self._field(name).value_to_string(row) for name in self.order()]

    def _show(self, found: list[Any]) -> None:
        self.result_list = found
        self.result_count = self.full_result_count = len(found)
        self.show_full_result_count = False
        self.show_admin_actions = bool(found)
        self.can_show_all = self.multi_page = False
        self.paginator = BoundedPaginator(found, self.list_per_page)

    def _field(self, name: str) -> Any:
        bare = name.lstrip("-")
        return self.opts.pk if bare == "pk" else self.opts.get_field(bare)


def beyond(order: Sequence[str], values: Sequence[Any]) -> Q:
    """Return the condition for rows that come behind the one with these values."""
    bare, side = order[0].lstrip("-"), "lt" if order[0].startswith("-") else "gt"
    ahead = Q(**{f"{bare}__{side}": values[0]})
    if len(order) == 1:
        return ahead
    level = Q(**{bare: values[0]}) & beyond(order[1:], values[1:])
    # The first says no more than the rest, but in a way that an index understands.
    return Q(**{f"{bare}__{side}e": values[0]}) & (ahead | level)


def some(rows: Rows, *conditions: Q) -> Rows:
    """Return those that meet one of the conditions, MOST_FOUND at most for each.

    Which, if there are more, is left to the indexes: sorting all of them may take long.
    """
    found: set[Any] = set()
    for condition in conditions:
        matching = rows.order_by().filter(condition)
        found.update(matching.values_list("pk", flat=True)[:MOST_FOUND])
    return rows.filter(pk__in=found)


def below_prefix(rows: Rows, term: str) -> Rows:
    """Return the rows of a bucket whose key begins so; the term is `bucket/prefix`."""
    name, _, prefix = term.partition("/")
    buckets = Bucket.objects.filter(name=name).values_list("pk", flat=True)
    found = rows.filter(bucket_id=buckets.first() or 0, key__gte=prefix)
    end = prefix_end(prefix)
    return found if end is None else found.filter(key__lt=end)


def is_digest(term: str) -> bool:
    """Whether this is a whole SHA-256."""
    return _DIGEST.fullmatch(term.lower()) is not None


def _reversed(name: str) -> str:
    return name[1:] if name.startswith("-") else f"-{name}"
