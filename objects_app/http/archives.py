"""Answering with an archive."""

from typing import TYPE_CHECKING

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

if TYPE_CHECKING:
    from objects_app.services.archive import Archive


def response(made: "Archive", name: str) -> StreamingHttpResponse:
    """Return an archive as a download of that name, which closes it at the end.

    Raises BytesMissing, StorageUnavailable where its first bytes cannot be read.
    """
    try:
        made.begin()
    except BaseException:
        made.close()
        raise
    return StreamingHttpResponse(made, headers=headers(made, name))


def headers(made: "Archive", name: str) -> dict[str, str]:
    """Return the headers of an archive as a download of that name."""
    return {
        "Content-Type": "application/zip",
        "Content-Length": str(made.length),
        "Content-Disposition": content_disposition_header(True, name) or "attachment",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
