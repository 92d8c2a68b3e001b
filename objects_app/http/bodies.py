"""Reading a request's body straight from the server.

Django's `request.read()` stops at Content-Length and reads nothing of a chunked body
(an empty object would be stored, with a 200). So the body is read from `wsgi.input`,
whose server limits how long it waits (`pace`), or whose socket is given a limit here.
"""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext_noop
from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.errors import ParseException

from objects_app.errors import (
    BodyStalled,
    IncompleteBody,
    InvalidArgument,
    StoreError,
    TooManyUploads,
)
from objects_app.http.pace import Crowded

_MOST_DIGITS = 19


class BodyStream:
    """A request body; reads give fewer bytes than asked only at its end.

    Once a read has failed all later ones fail alike: after an error gunicorn's chunked
    reader would report a clean end, and half a body would pass for a whole one.
    """

    def __init__(self, source: Any, remaining: int | None) -> None:
        self._source = source
        self._remaining = remaining
        self._failure: StoreError | None = None

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, b"" at the end.

        Raises BodyStalled when the client is silent or slow for too long,
        TooManyUploads when enough others are waited for, IncompleteBody when the
        connection or the framing breaks.
        """
        if self._failure is not None:
            raise self._failure
        if self._remaining is not None:
            size = min(size, self._remaining)
            if size == 0:
                return b""
        try:
            data: bytes = self._source.read(size)
        except Crowded as error:
            self._failure = TooManyUploads(
                gettext_noop(
                    "This server is receiving as many bodies as it may: send it "
                    "again shortly. Nothing was stored."
                )
            )
            raise self._failure from error
        except (TimeoutError, BlockingIOError) as error:  # Python's limit, the kernel's
            self._failure = BodyStalled(
                gettext_noop(
                    "Nothing of the body arrived for too long, or too little: send "
                    "it again. Nothing was stored."
                )
            )
            raise self._failure from error
        except (OSError, ParseException) as error:
            self._failure = IncompleteBody(
                gettext_noop(
                    "The body broke off, or its chunks are malformed: send it "
                    "again. Nothing was stored."
                )
            )
            raise self._failure from error
        if self._remaining is not None:
            self._remaining -= len(data)
        return data


class KeptStream(BodyStream):
    """A body of which all that arrives is read, even where it breaks off: only then do
    reads fail, and the last ones before may give fewer bytes than asked."""

    _rest: bytes | None = None

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, b"" at the end. Raises as BodyStream's does."""
        try:
            return super().read(size)
        except StoreError:
            if self._rest is None:
                self._rest = _arrived(self._source)
            data, self._rest = self._rest[:size], self._rest[size:]
            if not data:
                raise
            return data


def _arrived(source: Any) -> bytes:
    """Return what gunicorn had read ahead for a read that failed."""
    reader = getattr(source, "reader", None)
    if isinstance(reader, LengthReader):
        return bytes(source.buf.getvalue() + reader.unreader.take_buffered())
    if isinstance(reader, ChunkedReader):
        return bytes(source.buf.getvalue() + reader.buf.getvalue())
    return b""


def body_stream(
    environ: dict[str, Any], kind: type[BodyStream] = BodyStream
) -> BodyStream:
    """Return the body of the request; reading 1 MiB at a time is quickest.

    Raises InvalidArgument where `declared_length` does, and for a chunked body under a
    server that does not say it ends one (`wsgi.input_terminated`), as gunicorn does.
    """
    length = declared_length(environ)
    if environ.get("wsgi.input_terminated"):
        return kind(environ["wsgi.input"], None)
    if length is None:
        raise InvalidArgument(
            gettext_noop("This server takes no chunked body: send Content-Length.")
        )
    return kind(environ["wsgi.input"], length)


def limit_silence(environ: dict[str, Any]) -> None:
    """Let neither reading nor writing wait for the client beyond BODY_TIMEOUT_SECONDS.

    gunicorn's threads lift the limit again before each request of a connection.
    """
    connection = environ.get("gunicorn.socket")
    if connection is not None:
        connection.settimeout(settings.BODY_TIMEOUT_SECONDS)


def declared_length(environ: dict[str, Any]) -> int | None:
    """Return how many bytes the client announced: None for a chunked body, else 0 up.

    Raises InvalidArgument for a length that is none, both framings at once, a transfer
    coding besides chunked, and for a Content-Range: storing a part as if it were the
    whole would be a loss (RFC 9110 14.5).
    """
    if "HTTP_CONTENT_RANGE" in environ:
        raise InvalidArgument(
            gettext_noop("A part of an object cannot be put: leave Content-Range.")
        )
    length = environ.get("CONTENT_LENGTH") or ""
    coding = environ.get("HTTP_TRANSFER_ENCODING")
    if coding is not None:
        if length or coding.strip(" \t").lower() != "chunked":
            raise InvalidArgument(
                gettext_noop(
                    "Send either Content-Length or Transfer-Encoding: chunked, no "
                    "other transfer coding."
                )
            )
        return None
    if not length:
        return 0
    if not (length.isascii() and length.isdecimal()) or len(length) > _MOST_DIGITS:
        raise InvalidArgument(
            gettext_noop("Content-Length must be a plain number of bytes.")
        )
    return int(length)
