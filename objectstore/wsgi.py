"""Two handlers in one process: the console with Django's usual stack, and the data
plane with a short one, because the usual stack costs more than a small request."""

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.http import HttpResponse  # noqa: TID251 a door's, like the rest of this
from django.urls import get_resolver
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from django.http import HttpRequest, HttpResponseBase  # noqa: TID251 only its types

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "objectstore.settings")
django.setup(set_prefix=False)

from objects_app.blobs.backend import preload  # noqa: E402 needs Django set up
from objects_app.http.bodies import limit_silence  # noqa: E402
from objects_app.http.forwarded import believe  # noqa: E402
from objects_app.http.pace import LIMITED  # noqa: E402
from objects_app.http.paths import raw_path  # noqa: E402

CONSOLE = ("/ui/", "/admin/", "/static/")


class DataPlaneHandler(WSGIHandler):
    """Django's handler with the data plane's middleware and URL list, and no more.

    Exceptions reach `problem_responses` as they are: nothing turns them into HTML.
    Django's signals around a request, its hooks for views and the closing of answers
    that hold nothing open would cost as much as our own part of a small GET.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        """Build the chain from DATA_PLANE_MIDDLEWARE, the first one outermost."""
        handler: Callable[[HttpRequest], HttpResponseBase] = _route
        for path in reversed(settings.DATA_PLANE_MIDDLEWARE):
            handler = import_string(path)(handler)
        self._middleware_chain = handler

    def __call__(  # type: ignore[override] # it returns what a WSGI server takes
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer one request. What streams is closed by the server, the rest here."""
        _check_connection()
        response: Any = self._middleware_chain(self.request_class(environ))
        start_response(
            f"{response.status_code} {response.reason_phrase}", list(response.items())
        )
        if isinstance(response, HttpResponse):
            _check_connection()
            return [response.content]
        file = getattr(response, "file_to_stream", None)
        wrapper = environ.get("wsgi.file_wrapper")
        streamed: Iterable[bytes] = response
        if file is not None and wrapper is not None:
            file.close = response.close  # the server closes the wrapper's file only
            streamed = wrapper(file, response.block_size)
        return streamed


def _route(request: "HttpRequest") -> "HttpResponseBase":
    view, positional, named = get_resolver(settings.DATA_PLANE_URLCONF).resolve(
        request.path_info
    )
    answer: HttpResponseBase = view(request, *positional, **named)
    return answer


def _check_connection() -> None:
    """Do what Django's signals do: have the connection looked at before its next use,
    and give a broken one up, or one that belongs to a pool.
    """
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()


def _limit_the_database() -> None:
    """Give requests their time limits and their pool; commands may take hours.

    Nothing is asked of the session where it may be a pooler's in transaction mode: such
    a one refuses the startup parameter, and would hand a SET to somebody else.
    """
    database = settings.DATABASES["default"]
    if not database["ENGINE"].endswith("postgresql"):
        return
    from objectstore.postgresql.connection import Connection  # noqa: PLC0415 else unused

    options = database["OPTIONS"]
    options["answer_seconds"] = settings.ANSWER_SECONDS
    if settings.DATABASE_PREPARE:
        limits = (
            f"-c statement_timeout={settings.STATEMENT_TIMEOUT_MS}"
            f" -c idle_in_transaction_session_timeout={settings.STATEMENT_TIMEOUT_MS}"
        )
        options["options"] = f"{limits} {options.get('options', '')}".rstrip()
    if settings.DATABASE_POOL_SIZE:
        database["CONN_MAX_AGE"] = 0
        database["CONN_HEALTH_CHECKS"] = False  # our own is without a round trip
        options["pool"] = {
            "connection_class": Connection,
            "min_size": 0,
            "max_size": settings.DATABASE_POOL_SIZE,
            "timeout": settings.POOL_TIMEOUT_SECONDS,
            # While an attempt waits for its next try, nobody else connects.
            "reconnect_timeout": 1,
        }


_limit_the_database()
preload()
_console = WSGIHandler()
_data_plane = DataPlaneHandler()


def application(
    environ: "WSGIEnvironment", start_response: "StartResponse"
) -> Iterable[bytes]:
    """Answer one request (PEP 3333)."""
    raw_path(environ)  # before Django rewrites PATH_INFO: keys are bytes
    believe(environ)
    if LIMITED not in environ:
        limit_silence(environ)  # also while sending: a reader that stops is dropped
    to_console = f"{environ['PATH_INFO']}/".startswith(CONSOLE)
    handler = _console if to_console else _data_plane
    return handler(environ, start_response)
