"""The way to the identity provider and back.

The protocol is imported when somebody takes it: each program's start would pay for it.
"""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from objects_app.access import logins
from objects_app.errors import InvalidCredentials, IssuerUnavailable
from objects_app.web import refusals

_NEXT = "sign_on_next"
_RETRY_SECONDS = 20


@never_cache
@require_GET
def begin(request: HttpRequest) -> HttpResponse:
    """Send the browser to the provider; `next` is where to go afterwards."""
    from objects_app.access import sign_on  # noqa: PLC0415 see above

    callback = request.build_absolute_uri(reverse("oidc_callback"))
    try:
        answer = sign_on.begin(request, callback)
    except InvalidCredentials as error:
        return refusals.sign_on_failed(request, error, status=404)
    except IssuerUnavailable as error:
        return _unavailable(request, error)
    request.session[_NEXT] = request.GET.get("next", "")
    return answer


@never_cache
@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """Sign in whom the provider sent back."""
    from objects_app.access import sign_on  # noqa: PLC0415 see above

    wanted = request.session.pop(_NEXT, "")
    try:
        user = sign_on.finish(request)
    except InvalidCredentials as error:
        return refusals.sign_on_failed(request, error, status=403)
    except IssuerUnavailable as error:
        return _unavailable(request, error)
    logins.sign_in(request, user, detail="single sign-on")
    if _stays_here(request, wanted):
        return HttpResponseRedirect(wanted)
    return redirect("home")


def _stays_here(request: HttpRequest, url: str) -> bool:
    return url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )


def _unavailable(request: HttpRequest, error: IssuerUnavailable) -> HttpResponse:
    answer = refusals.sign_on_failed(request, error, status=503)
    answer["Retry-After"] = str(_RETRY_SECONDS)
    return answer
