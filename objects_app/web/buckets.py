"""The first screen: all buckets that the reader may list."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from objects_app.access import policy
from objects_app.access.principals import principal_of
from objects_app.services import buckets
from objects_app.web.pages import base_url, page


@require_safe
@page
def home(request: HttpRequest) -> HttpResponse:
    """Show the buckets, or how to begin where there are none."""
    principal = principal_of(request)
    return render(
        request,
        "buckets.html",
        {
            "area": "buckets",
            "buckets": buckets.list_buckets(readable=policy.readable(principal)),
            "may_create": policy.may_create(principal),
            "base_url": base_url(request),
        },
    )
