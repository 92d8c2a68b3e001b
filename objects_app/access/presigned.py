"""Presigned URLs: one request, on one object, for a while, for whoever has the URL.

The signature is the query's last parameter. It covers the method, the path and every
byte of the query in front of it, so nothing can be changed, added, dropped, repeated or
moved. Percent-encoding leaves nothing in the query that curl or a browser re-encodes.
"""

import hashlib
import hmac
import re
from typing import NamedTuple
from urllib.parse import quote, unquote

from django.utils.translation import gettext_noop

from objects_app.access.sealing import KID, DerivedKey, base64url, derive, find
from objects_app.errors import InvalidArgument, InvalidPresigned, PresignedExpired

METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})
MAX_SECONDS = 7 * 86_400
PREFIX = "X-Store-"  # of the names of all its parameters but those of the request

_PURPOSE = "presign"
_MAX_TEXT_BYTES = 255
_MAX_NUMBER = 10**18
_CLOCK_SECONDS = 60  # the clock of the node that signed may be ahead by so much
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SHA256 = "[0-9a-f]{64}"
_NUMBER = "[0-9]{1,19}"
_TEXT = "[A-Za-z0-9_.~%-]+"
_QUERY = re.compile(
    rf"(?P<signed>(?:key={_TEXT}&)?(?:version={_TEXT}&)?(?:at={_TEXT}&)?"
    rf"X-Store-Expires=(?P<expires>{_NUMBER})"
    rf"&X-Store-User=(?P<user>{_NUMBER})"
    rf"(?:&X-Store-Access-Key=(?P<key_id>{_TEXT}))?"
    rf"(?:&X-Store-Auth=(?P<auth>{_TEXT}))?"
    rf"(?:&X-Store-Content-Type=(?P<content_type>{_TEXT}))?"
    rf"(?:&X-Store-Max-Bytes=(?P<max_bytes>{_NUMBER}))?"
    rf"(?:&X-Store-SHA256=(?P<sha256>{_SHA256}))?"
    rf"(?:&X-Store-Filename=(?P<filename>{_TEXT}))?"
    rf"&X-Store-Kid=(?P<kid>{KID}))"
    r"&X-Store-Signature=(?P<signature>[A-Za-z0-9_-]{43})"
)


class Issuer(NamedTuple):
    """On whose behalf it works; `key_id` is "" where no access key asked for it.

    Then `auth_digest` is the user's (`tokens.auth_digest`) until the password changes.
    """

    user_id: int
    key_id: str
    auth_digest: str = ""


class Presigned(NamedTuple):
    """What a presigned URL allows, besides its method on its path."""

    issuer: Issuer
    expires_at: int
    content_type: str | None
    max_bytes: int | None
    sha256: str | None
    filename: str | None


def sign(
    *,
    method: str,
    path: bytes,
    issuer: Issuer,
    expires_at: int,
    content_type: str | None = None,
    max_bytes: int | None = None,
    sha256: str | None = None,
    filename: str | None = None,
    key: str | None = None,
    version: str | None = None,
    at: str | None = None,
) -> str:
    """Return the query string that makes a URL of `path` a presigned one.

    `path` is the percent-decoded path, as `raw_path` gives it; `key` is for an object
    whose key goes as `?key=`; `version` and `at` are as in any query. `expires_at` is
    in seconds since 1970, at most 7 days ahead when it is used. Raises InvalidArgument
    for what no such URL can hold.
    """
    _check_method(method, content_type, max_bytes, sha256, filename)
    _check_text("content_type", content_type)
    _check_text("filename", filename)
    _check_text("version", version)
    if max_bytes is not None and not 0 <= max_bytes < _MAX_NUMBER:
        raise InvalidArgument(gettext_noop("max_bytes is a number of bytes from 0 on."))
    if sha256 is not None and not re.fullmatch(_SHA256, sha256):
        raise InvalidArgument(
            gettext_noop("sha256 has 64 digits of lower-case hexadecimal.")
        )
    current = derive(_PURPOSE)[0]
    values = {
        "key": key,
        "version": version,
        "at": at,
        "X-Store-Expires": expires_at,
        "X-Store-User": issuer.user_id,
        "X-Store-Access-Key": issuer.key_id or None,
        "X-Store-Auth": issuer.auth_digest or None,
        "X-Store-Content-Type": content_type,
        "X-Store-Max-Bytes": max_bytes,
        "X-Store-SHA256": sha256,
        "X-Store-Filename": filename,
        "X-Store-Kid": current.kid,
    }
    signed = "&".join(
        f"{name}={quote(str(value), safe='')}"
        for name, value in values.items()
        if value is not None
    )
    signature = _signature(current, method, path, signed)
    return f"{signed}&X-Store-Signature={signature}"


def is_presigned(query_string: str) -> bool:
    """Whether the query has any parameter of presigned URLs: then `read` it.

    Any, not all: a URL that lost its signature is a broken one, not a plain one.
    """
    return query_string.startswith(PREFIX) or f"&{PREFIX}" in query_string


def remaining(query_string: str) -> str:
    """Return a query that was read without what makes it presigned.

    No value has a `=` of its own.
    """
    return query_string.partition("X-Store-Expires=")[0].rstrip("&")


def read(*, method: str, path: bytes, query_string: str, now: float) -> Presigned:
    """Return what a presigned request may do, if it is as it was signed.

    `path` as `raw_path` gives it, `query_string` as in the environ, `now` in seconds
    since 1970. That the issuer still may is for the caller to see to.
    Raises InvalidPresigned, PresignedExpired.
    """
    form = _QUERY.fullmatch(query_string)
    key = find(derive(_PURPOSE), form["kid"]) if form else None
    if form is None or key is None:
        raise _refusal()
    expected = _signature(key, method, path, form["signed"])
    if not hmac.compare_digest(expected, form["signature"]):
        raise _refusal()
    expires_at = int(form["expires"])
    if expires_at > now + MAX_SECONDS + _CLOCK_SECONDS:
        raise _refusal()
    if expires_at <= now:
        raise PresignedExpired(
            gettext_noop("This presigned URL has expired: ask for a new one.")
        )
    return Presigned(
        issuer=Issuer(
            int(form["user"]), _text(form["key_id"]) or "", _text(form["auth"]) or ""
        ),
        expires_at=expires_at,
        content_type=_text(form["content_type"]),
        max_bytes=None if form["max_bytes"] is None else int(form["max_bytes"]),
        sha256=form["sha256"],
        filename=_text(form["filename"]),
    )


def _check_method(
    method: str,
    content_type: str | None,
    max_bytes: int | None,
    sha256: str | None,
    filename: str | None,
) -> None:
    """A constraint that its method does not heed would promise what nobody keeps."""
    if method not in METHODS:
        raise InvalidArgument(
            gettext_noop("A presigned URL is for GET, HEAD, PUT or DELETE.")
        )
    of_uploads = (content_type, max_bytes, sha256)
    if method != "PUT" and any(value is not None for value in of_uploads):
        raise InvalidArgument(
            gettext_noop("content_type, max_bytes and sha256 are for PUT alone.")
        )
    if method not in {"GET", "HEAD"} and filename is not None:
        raise InvalidArgument(gettext_noop("filename is for GET and HEAD alone."))


def _check_text(name: str, text: str | None) -> None:
    if text is None:
        return
    try:
        raw = text.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(
            gettext_noop("%(name)s holds half a character."), name=name
        ) from error
    if not 0 < len(raw) <= _MAX_TEXT_BYTES or _CONTROL.search(text):
        raise InvalidArgument(
            gettext_noop("%(name)s has 1 to %(most)s bytes and no control characters."),
            name=name,
            most=_MAX_TEXT_BYTES,
        )


def _text(encoded: str | None) -> str | None:
    return None if encoded is None else unquote(encoded)


def _signature(key: DerivedKey, method: str, path: bytes, signed: str) -> str:
    """Return the HMAC; the path's length keeps it apart from what follows it."""
    head = f"objectstore presigned 1\n{method} {len(path)}\n".encode()
    text = head + path + b"\n" + signed.encode()
    return base64url(hmac.digest(key.key, text, hashlib.sha256))


def _refusal() -> InvalidPresigned:
    return InvalidPresigned(
        gettext_noop(
            "This presigned URL is not as it was signed: use it whole, with its "
            "method, and quote it in a shell; else ask for a new one."
        )
    )
