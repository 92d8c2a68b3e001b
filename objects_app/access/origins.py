"""Requests that another site made a browser send.

Without this a page anywhere could write to a store on somebody's own machine, or with
the cookie of whoever looks at it.
"""

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_noop

from objects_app.errors import ForeignOrigin

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({"same-origin", "none"})


def refuse_foreign_origins(request: HttpRequest) -> None:
    """Let through what is safe, and what no browser or only our own pages sent.

    By Origin (RFC 6454 7) and Sec-Fetch-Site (W3C Fetch Metadata), whoever asks. Raises
    ForeignOrigin for origins that are not in CORS_ALLOWED_ORIGINS.
    """
    if request.method not in SAFE_METHODS and is_foreign(request):
        raise ForeignOrigin(
            gettext_noop(
                "A page of another origin sent this: add its origin to "
                "CORS_ALLOWED_ORIGINS if it may."
            )
        )


def is_foreign(request: HttpRequest) -> bool:
    """Whether a page of an origin that is not allowed made a browser send this."""
    origin = request.META.get("HTTP_ORIGIN")
    site = request.META.get("HTTP_SEC_FETCH_SITE")
    if origin is None and site is None:
        return False
    if settings.CORS_ALLOW_ALL_ORIGINS or origin in settings.CORS_ALLOWED_ORIGINS:
        return False
    if origin is not None and not _is_ours(request, origin):
        return True
    return site is not None and site not in _OWN_SITES


def is_embedded(request: HttpRequest) -> bool:
    """Whether a foreign page would show it within itself, not as a page of its own."""
    mode = request.META.get("HTTP_SEC_FETCH_MODE")
    return mode != "navigate" and is_foreign(request)


def _is_ours(request: HttpRequest, origin: str) -> bool:
    """By host and port alone: TLS may end at a proxy that does not say so."""
    host = request.get_host().lower()
    return origin.lower() in {f"http://{host}", f"https://{host}"}
