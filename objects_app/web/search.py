"""Search over everything that the reader may list."""

from collections.abc import Iterator, Mapping
from datetime import MAXYEAR, timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from objects_app.access import policy
from objects_app.access.principals import Principal, principal_of
from objects_app.errors import CredentialsRequired, InvalidArgument, StoreError
from objects_app.http.searches import search_of
from objects_app.names import folder_of
from objects_app.services import search as searches
from objects_app.web.pages import address, is_part, page, sent
from objects_app.web.posted import byte_count, moment
from objects_app.web.refusals import status_of

if TYPE_CHECKING:
    from objects_app.queries.search import Found

_PAGE = "50"
_ONE_DAY = timedelta(days=1)
_ORDERS = {
    "name": ("key", "asc"),
    "newest": ("created_at", "desc"),
    "oldest": ("created_at", "asc"),
    "largest": ("size", "desc"),
    "smallest": ("size", "asc"),
}
_TYPES = (
    *("image/*", "video/*", "audio/*", "text/*"),
    *("application/pdf", "application/zip", "application/json"),
)
# What alone says nothing of what is looked for.
_NOT_ASKED = frozenset({"sort", "cursor"})


class Line(NamedTuple):
    """An object that was found, and where to see it and what is beside it."""

    found: "Found"
    href: str
    folder: str
    folder_href: str


@require_safe
@page
def search(request: HttpRequest) -> HttpResponse:
    """Show the form with what was found; as a part what was found, or more of it."""
    form = sent(request)
    principal = principal_of(request)
    if is_part(request) and "cursor" in form:
        return render(request, "parts/search_rows.html", _results(principal, form))
    asked = bool(form.keys() - _NOT_ASKED)
    results, status = _results_or_why_not(principal, form) if asked else ({}, 200)
    shown = {"form": form, "asked": asked, "types": _TYPES, **results}
    if is_part(request):
        answer = render(request, "parts/search_results.html", shown)
        answer["HX-Replace-Url"] = address("search", **form)
        return answer
    shown |= {"area": "search", "filtered": form.keys() - _NOT_ASKED - {"q"}}
    return render(request, "search.html", shown, status=status)


def _results_or_why_not(
    principal: Principal, form: Mapping[str, str]
) -> tuple[dict[str, object], int]:
    """Return what the page shows of it, and its status."""
    try:
        return _results(principal, form), 200
    except CredentialsRequired:
        raise
    except StoreError as error:
        return {"problem": error.translated()}, status_of(error)


def _results(principal: Principal, form: Mapping[str, str]) -> dict[str, object]:
    asked = search_of(dict(_parameters(form)))
    found = searches.find(
        wanted=asked.wanted,
        reaches=policy.searchable(principal, asked.bucket, asked.prefix),
        order=asked.order,
        query=asked.query,
        cursor=asked.cursor,
        limit=asked.limit,
    )
    more = address("search", **{**form, "cursor": found.next_cursor or ""})
    return {
        "lines": [_line(one) for one in found.objects],
        "more": more if found.next_cursor else "",
        "text": asked.wanted.text,
    }


def _line(found: "Found") -> Line:
    bucket, key = found.entry.bucket, found.entry.key
    folder = folder_of(key)
    return Line(
        found,
        address("object", bucket, key=key),
        folder,
        address("browser", bucket, prefix=folder),
    )


def _parameters(form: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the REST API's parameters for what the form asks.

    Raises InvalidArgument.
    """
    text = form.get("q", "").strip()
    if "*" not in text:
        yield "q", text
    else:
        yield "glob", text if "/" in text else f"**/{text}"
    by, order = _ORDERS.get(form.get("sort", ""), _ORDERS["name"])
    yield "sort", by
    yield "order", order
    yield "limit", _PAGE
    for name, there in (
        ("bucket", "bucket"),
        ("prefix", "prefix"),
        ("type", "content_type"),
    ):
        yield there, form.get(name, "")
    for name in ("min_size", "max_size"):
        if name in form:
            yield name, str(byte_count(form[name]))
    if "since" in form:
        yield "after", moment(form["since"]).isoformat()
    if "until" in form:
        day = moment(form["until"])
        yield "before", (day + _ONE_DAY if day.year < MAXYEAR else day).isoformat()
    if "tag" in form:
        name, equals, value = form["tag"].partition("=")
        if not (name and equals):
            raise InvalidArgument(_("Write a tag as name=value."))
        yield f"tag.{name.strip()}", value.strip()
    if "cursor" in form:
        yield "cursor", form["cursor"]
