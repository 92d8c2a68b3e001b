"""Two handlers in one process: the console with Django's usual stack, and the data
plane with a short one, because the usual stack costs more than a small request."""

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from django.http import HttpRequest, HttpResponseBase  # noqa: TID251 only its types

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "objectstore.settings")
django.setup(set_prefix=False)

from objects_app.blobs.backend import preload  # noqa: E402 needs Django set up
from objects_app.http.bodies import limit_silence  # noqa: E402
from objects_app.http.paths import raw_path  # noqa: E402

CONSOLE = ("/ui/", "/admin/", "/static/")


class DataPlaneHandler(WSGIHandler):
    """Django's handler with the data plane's middleware and URL list.

    Exceptions reach `problem_responses` as they are: nothing turns them into HTML.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        """Build the chain from DATA_PLANE_MIDDLEWARE, the first one outermost."""
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        handler: Callable[[HttpRequest], HttpResponseBase] = self._route
        for path in reversed(settings.DATA_PLANE_MIDDLEWARE):
            handler = import_string(path)(handler)
        self._middleware_chain = handler

    def _route(self, request: "HttpRequest") -> "HttpResponseBase":
        request.urlconf = settings.DATA_PLANE_URLCONF  # type: ignore[attr-defined]
        answer: HttpResponseBase = self._get_response(request)  # type: ignore[attr-defined]
        return answer


def _limit_statements() -> None:
    """Give requests a time limit in PostgreSQL; others may take hours."""
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("postgresql"):
        limit = f"-c statement_timeout={settings.STATEMENT_TIMEOUT_MS}"
        given = database["OPTIONS"].get("options", "")
        database["OPTIONS"]["options"] = f"{limit} {given}".rstrip()


_limit_statements()
preload()
_console = WSGIHandler()
_data_plane = DataPlaneHandler()


def application(
    environ: "WSGIEnvironment", start_response: "StartResponse"
) -> Iterable[bytes]:
    """Answer one request (PEP 3333)."""
    raw_path(environ)  # before Django rewrites PATH_INFO: keys are bytes
    limit_silence(environ)  # also while sending: a reader that stops is dropped
    to_console = f"{environ['PATH_INFO']}/".startswith(CONSOLE)
    handler = _console if to_console else _data_plane
    return handler(environ, start_response)
