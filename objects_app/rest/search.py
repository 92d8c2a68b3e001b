"""GET /search: objects of all buckets that the caller may read, page by page."""

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponseBase

from objects_app.access import policy
from objects_app.access.principals import principal_of
from objects_app.http.searches import read_search
from objects_app.rest.answers import json_answer
from objects_app.rest.listing import object_answer
from objects_app.rest.routing import by_method
from objects_app.services import search as searches

if TYPE_CHECKING:
    from objects_app.queries.search import Found


def _search(request: HttpRequest) -> HttpResponseBase:
    asked = read_search(request.META)
    reaches = policy.searchable(principal_of(request), asked.bucket, asked.prefix)
    page = searches.find(
        wanted=asked.wanted,
        reaches=reaches,
        order=asked.order,
        query=asked.query,
        cursor=asked.cursor,
        limit=asked.limit,
    )
    return json_answer(
        {
            "objects": [_found(found) for found in page.objects],
            "next_cursor": page.next_cursor,
        }
    )


def _found(found: "Found") -> dict[str, Any]:
    return {
        **object_answer(found.entry),
        "metadata": found.metadata,
        "tags": found.tags,
    }


search = by_method(GET=_search, HEAD=_search)
