"""The page a browser sees first."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Say what this is and show the curl lines, for the address it was reached at."""
    return render(
        request, "home.html", {"url": f"{request.scheme}://{request.get_host()}"}
    )
