"""What differs by caller: what a presigned URL asks of its request, and caching."""

from typing import TYPE_CHECKING, NamedTuple

from django.http import HttpRequest
from django.utils.http import content_disposition_header

from objects_app.access.principals import principal_of
from objects_app.errors import DigestMismatch, InvalidPresigned
from objects_app.http.digests import expected_digests

if TYPE_CHECKING:
    from objects_app.blobs.ingest import Expected


class UploadLimits(NamedTuple):
    """What a body must hash to, and how large it may be; None: as any other."""

    expected: "Expected"
    most_bytes: int | None = None


def upload_limits(request: HttpRequest, content_type: str) -> UploadLimits:
    """Return what the body must hash to and may measure, by headers and URL.

    Raises InvalidPresigned for another Content-Type than the URL's, DigestMismatch for
    a header that contradicts it, and what `expected_digests` raises.
    """
    expected = expected_digests(request.headers)
    url = principal_of(request).presigned
    if url is None:
        return UploadLimits(expected)
    if url.content_type is not None and content_type != url.content_type:
        raise InvalidPresigned(f"This URL wants Content-Type: {url.content_type}.")
    if url.sha256 is not None:
        if expected.sha256 not in {None, url.sha256}:
            raise DigestMismatch("This URL is for a body of another SHA-256.")
        expected = expected._replace(sha256=url.sha256)
    return UploadLimits(expected, url.max_bytes)


def for_caller(request: HttpRequest, headers: dict[str, str]) -> dict[str, str]:
    """Return a download's headers as this caller gets them.

    With the file name that a presigned URL gives it. Caches that are shared keep only
    what says so itself: they know Authorization, but no cookie and no signature
    (RFC 9111 3.5). A browser's own asks each time whether it is still the same: it
    would guess from Last-Modified how long it may not (4.2.2).
    """
    principal = principal_of(request)
    if principal.kind not in {"session", "url"}:
        return headers
    headers = {"Cache-Control": "private, no-cache", **headers}
    if principal.presigned is not None and principal.presigned.filename is not None:
        disposition = content_disposition_header(True, principal.presigned.filename)
        headers["Content-Disposition"] = disposition or "attachment"
    return headers
