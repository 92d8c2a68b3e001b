"""How the store does, for administrators."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from objects_app.access import own, policy
from objects_app.access.principals import principal_of
from objects_app.ops import health as dependencies
from objects_app.services import overview as services
from objects_app.services.overview import Overview, Span
from objects_app.web.pages import is_part, page, sent

SPANS = {
    "day": Span(timedelta(hours=1), 24),
    "week": Span(timedelta(hours=6), 28),
    "month": Span(timedelta(days=1), 30),
    "year": Span(timedelta(weeks=2), 26),
}
_DEFAULT = "day"


class Chart(NamedTuple):
    """A chart and the table behind it: a value for each column at each moment.

    `kind` and `unit` are what static/js/charts.js knows.
    """

    name: str
    title: str
    kind: str
    unit: str
    columns: list[str]
    rows: list[tuple[datetime, list[int | None]]]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known, or nothing has happened, at every moment."""
        return not any(any(values) for _, values in self.rows)


@require_safe
@page
def overview(request: HttpRequest) -> HttpResponse:
    """Show figures, charts and the state of what works behind the store."""
    _require_administrator(request)
    wanted = sent(request).get("range", _DEFAULT)
    name = wanted if wanted in SPANS else _DEFAULT
    told = services.overview(SPANS[name])
    return render(
        request,
        "overview.html",
        {
            "area": "overview",
            "told": told,
            "range": name,
            "ranges": _ranges(),
            "charts": _charts(told, name),
            "saved_share": told.whole and _percent(told.whole.saved, told.whole.named),
            "error_share": _percent(told.day.errors, told.day.requests),
            "leader": (told.state.holder or "").partition(":")[0],
        },
    )


@require_safe
@page
def overview_health(request: HttpRequest) -> HttpResponse:
    """Show whether what this node depends on answers, which may take seconds."""
    _require_administrator(request)
    part = is_part(request)
    template = "parts/overview_health.html" if part else "overview_health.html"
    told = {"area": "overview", "dependencies": dependencies.readiness()}
    return render(request, template, told)


def _require_administrator(request: HttpRequest) -> None:
    principal = principal_of(request)
    own.known_user(principal)
    policy.require_superuser(principal, "see how the store does")


def _ranges() -> dict[str, str]:
    return {
        "day": _("Day"),
        "week": _("Week"),
        "month": _("Month"),
        "year": _("Year"),
    }


def _charts(told: Overview, name: str) -> list[Chart]:
    titles = {
        "day": _("Requests and errors per hour"),
        "week": _("Requests and errors per 6 hours"),
        "month": _("Requests and errors per day"),
        "year": _("Requests and errors per 2 weeks"),
    }
    return [
        Chart(
            "usage",
            _("Named by objects, and stored"),
            "area",
            "bytes",
            [_("Named"), _("Stored")],
            [(at, list(known or (None, None))) for at, [known] in told.usage],
        ),
        Chart(
            "growth",
            _("Growth of the largest buckets"),
            "lines",
            "bytes",
            [bucket.name for bucket in told.largest.top[: len(told.growth[0].sizes)]],
            [
                (at, [size and size.named for size in sizes])
                for at, sizes in told.growth
            ],
        ),
        Chart(
            "requests",
            titles[name],
            "bars",
            "requests",
            [_("Answered"), _("Refused (4xx)"), _("Errors (5xx)")],
            [
                (start, [requests - refused - errors, refused, errors])
                for start, requests, refused, errors in told.requests
            ],
        ),
    ]


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
