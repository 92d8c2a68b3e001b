"""What every screen begins with: who is asking, and what to say when it cannot be."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.cache import patch_cache_control, patch_vary_headers

from objects_app.access.authentication import signed_in
from objects_app.errors import CredentialsRequired, StoreError
from objects_app.http.paths import query
from objects_app.web import refusals

View = Callable[..., HttpResponseBase]
THEMES = frozenset({"light", "dark"})


def page(view: View) -> View:
    """Give a view `request.principal`, and its reader a page for what is raised.

    Who must sign in for it is sent to do so, and back. Nothing of it is kept by caches.
    """

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **named: Any) -> HttpResponseBase:
        request.principal = signed_in(request)  # type: ignore[attr-defined]
        try:
            answer = view(request, *args, **named)
        except CredentialsRequired:
            answer = _to_sign_in(request)
        except StoreError as error:
            if is_part(request):
                answer = refusals.sentence(error)
            else:
                answer = refusals.refused(request, error)
        patch_cache_control(answer, no_store=True)
        patch_vary_headers(answer, ["Cookie", "HX-Request"])
        return answer

    return wrapped


def is_part(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of the page, not the whole."""
    return request.headers.get("HX-Request") == "true"


def sent(request: HttpRequest) -> dict[str, str]:
    """Return the query's parameters, empty ones left out. Raises InvalidArgument.

    Read as the REST API reads them: every key there may be comes through whole.
    """
    return {name: value for name, value in query(request.META).items() if value}


def address(view: str, *args: str, **parameters: str) -> str:
    """Return a screen's address with the query's parameters, empty ones left out."""
    wanted = {name: value for name, value in parameters.items() if value}
    url = reverse(view, args=args)
    return f"{url}?{urlencode(wanted)}" if wanted else url


def base_url(request: HttpRequest) -> str:
    """Return what this store's addresses begin with, as the reader reached it."""
    return f"{request.scheme}://{request.get_host()}"


def sent_to(request: HttpRequest, url: str) -> HttpResponse:
    """Return what brings the reader there, also where a part was asked for."""
    if not is_part(request):
        return HttpResponseRedirect(url)
    answer = HttpResponse(status=204)
    answer["HX-Redirect"] = url
    return answer


def context(request: HttpRequest) -> dict[str, Any]:
    """Return what the shell of every page needs (a context processor)."""
    theme = request.COOKIES.get("theme", "")
    return {
        "principal": getattr(request, "principal", None),
        "theme": theme if theme in THEMES else "",
    }


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    back = request.get_full_path()
    if is_part(request):
        here = urlsplit(request.headers.get("HX-Current-URL", ""))
        back = f"{here.path}?{here.query}" if here.query else here.path
    wanted = redirect_to_login(back or resolve_url(settings.LOGIN_REDIRECT_URL))
    return sent_to(request, cast("Any", wanted).url)
