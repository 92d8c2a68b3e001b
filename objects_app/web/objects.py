"""One object: what it is, and what can be done with it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from objects_app.access import policy
from objects_app.access.principals import principal_of
from objects_app.web.pages import page, sent


@require_safe
@page
def stored_object(request: HttpRequest, bucket: str) -> HttpResponse:
    """Show an object, its latest version or that of an id."""
    wanted = sent(request)
    row, stored = policy.object_for(
        principal_of(request),
        bucket,
        wanted.get("key", ""),
        version=wanted.get("version"),
    )
    return render(
        request, "object.html", {"area": "buckets", "bucket": row, "stored": stored}
    )
