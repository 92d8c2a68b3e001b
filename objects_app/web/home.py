"""The page a browser sees first."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Say what this is and show the curl lines, for the address it was reached at."""
    url = f"{request.scheme}://{request.get_host()}"
    return render(request, "home.html", {"url": url, "node_id": settings.NODE_ID})
