"""The headers an object is stored with, and those it is served with."""

import re
from collections.abc import Mapping
from functools import lru_cache

from django.utils.http import content_disposition_header, http_date
from django.utils.translation import gettext_noop

from objects_app.errors import InvalidArgument
from objects_app.http.digests import repr_digest
from objects_app.http.media_types import is_active
from objects_app.http.metadata import metadata_headers
from objects_app.http.tags import COUNT_HEADER
from objects_app.queries.rows import ObjectRow

_STORED = {
    "cache-control": "Cache-Control",
    "content-disposition": "Content-Disposition",
    "content-encoding": "Content-Encoding",
    "content-language": "Content-Language",
    "expires": "Expires",
}
_SENDABLE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  # RFC 9110's token, no secret
_QUOTED = r'"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"'
_DISPOSITION = re.compile(
    rf"{_TOKEN}((?:[ \t]*;[ \t]*{_TOKEN}[ \t]*=[ \t]*(?:{_TOKEN}|{_QUOTED}))*)[ \t;]*"
)

# Of a 304, by RFC 9110 15.4.5 (gunicorn adds Date).
_OF_NOT_MODIFIED = ("ETag", "Cache-Control", "Expires", "Last-Modified")


def read_stored_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the request's headers that are kept and served again, lower-case names.

    The `aws-chunked` of a Content-Encoding describes the transfer and is dropped.
    Raises InvalidArgument for control characters, which no response may carry.
    """
    stored = {}
    for name, label in _STORED.items():
        value = headers.get(label)
        if value is None:
            continue
        if not _SENDABLE.fullmatch(value):
            raise InvalidArgument(
                gettext_noop("%(label)s holds control characters: leave them out."),
                label=label,
            )
        if name == "content-encoding":
            value = _without_aws_chunked(value)
        if value:
            stored[name] = value
    return stored


def check_stored_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers to be kept, by lower-case names, as a PUT's would be.

    Raises InvalidArgument for those that are never kept, and for values that no
    response may carry.
    """
    for name in headers:
        if name not in _STORED:
            raise InvalidArgument(
                gettext_noop(
                    "headers.%(name)s is none of those that are kept: %(known)s."
                ),
                name=name,
                known=", ".join(_STORED),
            )
    return read_stored_headers({_STORED[n]: value for n, value in headers.items()})


def object_headers(row: ObjectRow) -> dict[str, str]:
    """Return the headers of a GET or HEAD, all but Content-Length and Content-Range.

    A document that could act on our origin is sandboxed, never sniffed, and offered for
    download instead of being shown.
    """
    headers = {
        "Content-Type": row.content_type,
        "ETag": f'"{row.etag}"',
        "Last-Modified": _date(int(row.created_at.timestamp())),
        "X-Version-Id": row.version_id,
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    if row.sha256:
        headers["Repr-Digest"] = repr_digest(row.sha256)
    for name, value in row.headers.items():
        headers[_STORED[name]] = value
    if row.metadata:
        headers.update(metadata_headers(row.metadata))
    if row.tags:
        headers[COUNT_HEADER] = str(len(row.tags))
    if is_active(row.content_type):
        headers["Content-Disposition"] = _attachment(
            row.headers.get("content-disposition", "")
        )
    return headers


def with_file_name(headers: Mapping[str, str], key: str) -> dict[str, str]:
    """Return the headers for a URL that does not end in the key: they say what a
    download is called, where the object's own Content-Disposition does not."""
    disposition = headers.get("Content-Disposition", "inline").rstrip("; \t")
    named = content_disposition_header(False, key.rpartition("/")[2])
    if (
        named is None
        or "filename" in disposition.lower()
        or not _DISPOSITION.fullmatch(disposition)
    ):
        return dict(headers)
    file_name = named.removeprefix("inline")
    return {**headers, "Content-Disposition": f"{disposition}{file_name}"}


def not_modified_headers(row: ObjectRow) -> dict[str, str]:
    """Return the headers of a 304: those of the 200 that caches go by."""
    headers = object_headers(row)
    return {name: headers[name] for name in _OF_NOT_MODIFIED if name in headers}


@lru_cache(maxsize=1024)
def _date(second: int) -> str:
    """Format a POSIX time; Django takes as long for it as for all other headers."""
    return http_date(second)


def _attachment(disposition: str) -> str:
    """Return `disposition` as a download (RFC 6266), with its filename if it has one.

    What breaks the grammar is dropped whole: browsers show some of it inline.
    """
    matched = _DISPOSITION.fullmatch(disposition)
    return f"attachment{matched[1]}" if matched else "attachment"


def _without_aws_chunked(encoding: str) -> str:
    if "aws-chunked" not in encoding.lower():
        return encoding
    codings = (coding.strip(" \t") for coding in encoding.split(","))
    return ", ".join(c for c in codings if c and c.lower() != "aws-chunked")
