"""Folders and files of one bucket, at any depth."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from objects_app.access import policy
from objects_app.access.policy import Action
from objects_app.access.principals import principal_of
from objects_app.services import listing
from objects_app.web.pages import is_part, page, sent

_PAGE = 100


@require_safe
@page
def browser(request: HttpRequest, bucket: str) -> HttpResponse:
    """Show a folder's first keys, or as a part those after a cursor."""
    wanted = sent(request)
    prefix = wanted.get("prefix", "")
    principal = principal_of(request)
    row = policy.bucket_for(principal, bucket, Action.LIST, prefix=prefix)
    found = listing.list_bucket(
        bucket=row,
        prefix=prefix,
        delimiter="/",
        cursor=wanted.get("cursor"),
        limit=_PAGE,
    )
    template = "parts/browser_rows.html" if is_part(request) else "browser.html"
    return render(
        request,
        template,
        {
            "area": "buckets",
            "bucket": row,
            "prefix": prefix,
            "crumbs": crumbs(prefix),
            "entries": found.entries,
            "next_cursor": found.next_cursor,
            "may_write": policy.allows(principal, row, Action.WRITE),
        },
    )


def crumbs(prefix: str) -> list[tuple[str, str]]:
    """Return each folder on the way down: its name, and its prefix."""
    names = prefix.split("/")[:-1]
    return [
        (name, "/".join(names[: depth + 1]) + "/") for depth, name in enumerate(names)
    ]
