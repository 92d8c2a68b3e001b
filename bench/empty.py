"""The least a WSGI application can do: what gunicorn alone costs."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

BODY = bytes(4096)


def application(
    _environ: "WSGIEnvironment", start_response: "StartResponse"
) -> Iterable[bytes]:
    """Answer every request with the same 4 KiB."""
    start_response("200 OK", [("Content-Length", str(len(BODY)))])
    return [BODY]
