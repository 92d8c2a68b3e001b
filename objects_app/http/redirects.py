"""Sending a client to the bytes' own server instead of passing them on."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_noop

from objects_app.errors import InvalidArgument
from objects_app.http.paths import query

# What asks for a part or sets conditions is answered here, where HEAD is: S3's ETag and
# Last-Modified are the blob's, not the object's.
_CONDITIONS = (
    *("Range", "If-Range", "If-Match", "If-None-Match"),
    *("If-Modified-Since", "If-Unmodified-Since"),
)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def may_redirect(request: HttpRequest) -> bool:
    """Whether a GET may be answered elsewhere: it wants all, whatever it has.

    `?redirect=0` says that it may not: pages whose policy knows this origin alone show
    pictures so. Raises InvalidArgument for another value.
    """
    wanted = query(request.META).get("redirect")
    if wanted not in {None, "0"}:
        raise InvalidArgument(gettext_noop("redirect is 0, or left out."))
    return (
        settings.DOWNLOAD_MODE == "redirect"
        and wanted is None
        and not any(name in request.headers for name in _CONDITIONS)
    )


def redirect_response(request: HttpRequest, url: str) -> HttpResponse | None:
    """Return 307 to a signed URL; None if it lies on this very origin.

    There, what people stored could act as this site. No cache may keep the answer: it
    would outlive the URL, and hand it to people who may not read the object.
    """
    if _same_origin(request, url):
        return None
    answer = HttpResponse(
        status=307,
        headers={
            "Location": url,
            "Cache-Control": "no-store",
            "Content-Length": "0",
            "Referrer-Policy": "no-referrer",
        },
    )
    del answer["Content-Type"]
    return answer


def _same_origin(request: HttpRequest, url: str) -> bool:
    """Compare host and port; whether TLS ends in front of us is not known."""
    target = urlsplit(url)
    host = request.get_host().lower()
    ours = {host.removesuffix(port) for port in _DEFAULT_PORTS.values()}
    theirs = target.netloc.lower().removesuffix(_DEFAULT_PORTS[target.scheme])
    return theirs in ours
