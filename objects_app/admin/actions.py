"""Actions on chosen rows: asked about first, done by the services, and told of."""

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import ngettext

from objects_app.admin.base import StoreAdmin
from objects_app.admin.lists import Rows, Text
from objects_app.errors import StoreError

CONFIRMED = "confirmed"
Told = tuple[int, Text]
Act = Callable[[Any, HttpRequest, list[Any]], Iterable[Told]]


def confirmed(*, label: Text, warning: Text) -> Callable[[Act], Callable[..., Any]]:
    """Make an action of a method that yields messages: their level and text.

    Superusers are offered it, and asked whether they want what `warning` says.
    """

    def decorate(act: Act) -> Callable[..., Any]:
        @admin.action(description=label, permissions=["run"])
        @wraps(act)
        def action(
            self: StoreAdmin, request: HttpRequest, queryset: Rows
        ) -> HttpResponse | None:
            chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)[: self.list_per_page]
            rows = list(self.get_queryset(request).filter(pk__in=chosen))
            if CONFIRMED not in request.POST:
                return ask(
                    self,
                    request,
                    title=label,
                    warning=warning,
                    rows=rows,
                    action=act.__name__,
                )
            for level, text in act(self, request, rows):
                self.message_user(request, text, level)
            return None

        return action

    return decorate


def ask(
    model_admin: StoreAdmin,
    request: HttpRequest,
    *,
    title: Text,
    warning: Text,
    rows: Iterable[Any] = (),
    action: str = "",
) -> HttpResponse:
    """Return the page that asks; its form comes back with CONFIRMED."""
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "warning": warning,
        "rows": rows,
        "action": action,
        "opts": model_admin.opts,
        "checkbox_name": ACTION_CHECKBOX_NAME,
        "confirmed": CONFIRMED,
    }
    return TemplateResponse(request, "admin/confirm.html", context)


def each(rows: list[Any], do: Callable[[Any], object]) -> Iterator[Told]:
    """Do it to one row after another; say of how many, and what was refused."""
    done = 0
    for row in rows:
        try:
            do(row)
            done += 1
        except StoreError as error:
            yield messages.ERROR, f"{row}: {error.translated()}"
    if done:
        text = ngettext("Done: %(count)d row.", "Done: %(count)d rows.", done)
        yield messages.SUCCESS, text % {"count": done}
