"""Search over everything that the reader may list."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from objects_app.web.pages import page, sent


@require_safe
@page
def search(request: HttpRequest) -> HttpResponse:
    """Show what was found."""
    return render(request, "search.html", {"query": sent(request).get("q", "")})
