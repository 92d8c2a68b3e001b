"""Pages that say why not, and what to do."""

import math

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from objects_app.errors import LoginLocked, StoreError, TooManyLogins

_BUSY_SECONDS = 2


def no_login(request: HttpRequest, error: LoginLocked | TooManyLogins) -> HttpResponse:
    """Return 429 for a login that is locked, whoever's it is, 503 in a crowd."""
    if isinstance(error, TooManyLogins):
        answer = _page(request, status=503, title="One moment", reason=str(error))
        answer["Retry-After"] = str(_BUSY_SECONDS)
        return answer
    minutes = math.ceil(error.retry_after / 60)
    answer = _page(
        request,
        status=429,
        title="Too many attempts",
        reason="Signing in has failed too often for this account or from your address. "
        f"Try again in {minutes} minute{'s' if minutes > 1 else ''}.",
    )
    answer["Retry-After"] = str(error.retry_after)
    return answer


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Return 403 for a form of another site's page, or of one that is out of date."""
    return _page(
        request,
        status=403,
        title="That form is out of date",
        reason="It was opened too long ago, before you signed in, or without cookies. "
        "Go back, load the page again and send it once more.",
    )


def sign_on_failed(
    request: HttpRequest, error: StoreError, *, status: int
) -> HttpResponse:
    """Return 403 or 503 for a single sign-on that came to nothing."""
    return _page(request, status=status, title="Not signed in", reason=str(error))


def _page(
    request: HttpRequest, *, status: int, title: str, reason: str
) -> HttpResponse:
    answer = render(
        request, "refusal.html", {"title": title, "reason": reason}, status=status
    )
    answer["Cache-Control"] = "no-store"
    return answer
