"""What a presigned URL asks of the one request that it is for."""

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


def named_by_url(request: HttpRequest, headers: dict[str, str]) -> dict[str, str]:
    """Return a download's headers with the file name that the URL gives it, if any."""
    url = principal_of(request).presigned
    if url is None or url.filename is None:
        return headers
    disposition = content_disposition_header(True, url.filename)
    return {**headers, "Content-Disposition": disposition or "attachment"}
