"""What happens around every request. Functions, innermost last in the settings."""

import secrets
from collections.abc import Callable
from typing import cast

from corsheaders.middleware import CorsMiddleware
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError
from django.urls import reverse

from objects_app.access import logins
from objects_app.access import rates as limits
from objects_app.access.authentication import authenticate
from objects_app.access.origins import refuse_foreign_origins
from objects_app.access.principals import principal_of
from objects_app.errors import InvalidArgument
from objects_app.http.pace import Crowded
from objects_app.http.paths import raw_path
from objects_app.rest import problems
from objects_app.services import request_counts
from objects_app.web import pages

Handler = Callable[[HttpRequest], HttpResponseBase]

# Load balancers ask these by address; they tell nothing that needs protection.
_HEALTH = frozenset({"/healthz", "/readyz"})

# Where one may go before the password that was made for one is changed.
_BEFORE_PASSWORD = frozenset({"password", "login", "logout", "javascript_catalog"})

_OVERRIDE = "HTTP_X_HTTP_METHOD_OVERRIDE"
_OVERRIDABLE = frozenset({"PATCH", "DELETE"})


def identity(get_response: Handler) -> Handler:
    """Give every request an id; name it and this node on every response."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        request.request_id = secrets.token_hex(16)  # type: ignore[attr-defined]
        response = get_response(request)
        response["X-Node-Id"] = settings.NODE_ID
        response["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        return response

    return middleware


def password_first(get_response: Handler) -> Handler:
    """Lead whoever signed in with a password that was made for them to choosing one,
    from every page of dashboard and admin."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        return get_response(request)

    def process_view(
        request: HttpRequest, _view: object, _args: object, _named: object
    ) -> HttpResponse | None:
        here = request.resolver_match and request.resolver_match.url_name
        if here in _BEFORE_PASSWORD or not logins.has_password_to_change(request):
            return None
        return pages.sent_to(request, reverse("password"))

    middleware.process_view = process_view  # type: ignore[attr-defined]
    return middleware


def counted(get_response: Handler) -> Handler:
    """Count answers, but those to load balancers, which ask every few seconds."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if request.path_info not in _HEALTH:
            request_counts.note(response.status_code)
        return response

    return middleware


def head_without_body(get_response: Handler) -> Handler:
    """Answer HEAD with GET's headers alone: gunicorn logs a warning for each body."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if request.method == "HEAD" and isinstance(response, HttpResponse):
            response.setdefault("Content-Length", str(len(response.content)))
            response.content = b""
        return response

    return middleware


def strict_transport(get_response: Handler) -> Handler:
    """Have browsers that came over TLS always do so (HSTS, RFC 6797).

    The console's answers get it from Django's SecurityMiddleware.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if settings.SECURE_HSTS_SECONDS and request.is_secure():
            seconds = settings.SECURE_HSTS_SECONDS
            response["Strict-Transport-Security"] = f"max-age={seconds}"
        return response

    return middleware


def unreadable_bodies(get_response: Handler) -> Handler:
    """Tell who sends a form too slowly so, or in another encoding than UTF-8; to Django
    these are errors of the server's."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if (request.encoding or "utf-8").lower() != "utf-8":
            return HttpResponse(
                "Send forms in UTF-8.\n", status=415, content_type="text/plain"
            )
        return get_response(request)

    def process_exception(
        _request: HttpRequest, error: Exception
    ) -> HttpResponse | None:
        if not isinstance(error, UnreadablePostError):
            return None
        if isinstance(error.__cause__, Crowded):
            return HttpResponse(
                "Too many uploads: try again shortly.\n",
                status=503,
                headers={"Retry-After": str(problems.RETRY_SECONDS)},
                content_type="text/plain",
            )
        return HttpResponse(
            "The form did not arrive.\n", status=408, content_type="text/plain"
        )

    middleware.process_exception = process_exception  # type: ignore[attr-defined]
    return middleware


def cors(get_response: Handler) -> Handler:
    """Answer pages of other origins (CORS), at no cost where none is allowed."""
    answer = cast("Handler", CorsMiddleware(get_response))

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if settings.CORS_ALLOWED_ORIGINS or settings.CORS_ALLOW_ALL_ORIGINS:
            return answer(request)
        return get_response(request)

    return middleware


def problem_responses(get_response: Handler) -> Handler:
    """Turn whatever is raised inside into problem JSON (RFC 9457)."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        try:
            return get_response(request)
        except Exception as error:  # noqa: BLE001 the last one to see it: log and map
            return problems.response(request, error)

    return middleware


def method_override(get_response: Handler) -> Handler:
    """Take a tus POST for the method it stands for: nothing inside knows better.

    So it is authorised, limited and checked for its origin as what it does. Only for
    methods that some clients cannot send; the answer to a HEAD would be framed wrong.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.method == "POST" and _OVERRIDE in request.META:
            method = request.META[_OVERRIDE]
            if method not in _OVERRIDABLE or not request.path_info.startswith("/tus/"):
                raise InvalidArgument(
                    "X-HTTP-Method-Override makes PATCH or DELETE of a POST to /tus/, "
                    "and nothing else."
                )
            request.method = method
        return get_response(request)

    return middleware


def allowed_host(get_response: Handler) -> Handler:
    """Refuse other hosts than ALLOWED_HOSTS: else DNS rebinding reaches the store."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path_info not in _HEALTH:
            request.get_host()  # or, without the header, the address it came to
            if (
                "HTTP_HOST" not in request.META
                and request.META.get("SERVER_PROTOCOL") == "HTTP/1.1"
            ):
                raise DisallowedHost("HTTP/1.1 wants a Host header (RFC 9112 3.2)")
        return get_response(request)

    return middleware


def principal(get_response: Handler) -> Handler:
    """Say who is asking, as `request.principal`; refuse what other sites sent."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        refuse_foreign_origins(request)
        path = raw_path(request.META)
        request.principal = authenticate(request, path=path)  # type: ignore[attr-defined]
        return get_response(request)

    return middleware


def rates(get_response: Handler) -> Handler:
    """Refuse who asks too often, and tell all others how often they may (RateLimit).

    Where nothing is limited this is not there at all.
    """
    configured = limits.rates()
    if configured is None:
        return get_response
    classes = configured.classes
    only_auth = classes == {limits.AUTH}  # the default: then one look at the path

    def middleware(request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        if only_auth and not path.startswith(limits.AUTH_PATH):
            return get_response(request)
        class_ = limits.class_of(request.method or "", path)
        if class_ not in classes:
            return get_response(request)
        standing = configured.hit(class_, limits.who(principal_of(request)))
        try:
            if not standing.allowed:
                raise standing.refusal()
            response = get_response(request)
        except Exception as error:  # noqa: BLE001 as above: its answer tells it too
            response = problems.response(request, error)
        for name, value in standing.fields().items():
            response[name] = value
        return response

    return middleware
