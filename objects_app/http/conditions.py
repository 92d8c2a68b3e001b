"""Why a request gets 304 or 412: RFC 9110 section 13, and its order of 13.2.2.

Reads are decided here. Writes are decided in the commit, by the database; here their
conditions are only read. ETags are bare (without quotes) everywhere but in headers, and
each of ours is strong. Times are compared as headers show them, in whole seconds.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

from django.utils.http import parse_http_date_safe
from django.utils.translation import gettext_noop

from objects_app.errors import InvalidArgument
from objects_app.queries.rows import Preconditions

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAG_LIST = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")
_TAG_PARTS = re.compile(r'(W/)?"([^"]*)"')
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ANY = "*"
_OF_WRITES = ("If-Match", "If-None-Match", "If-Unmodified-Since")


class Outcome(Enum):
    """What the conditions of a read come to."""

    PROCEED = auto()
    NOT_MODIFIED = auto()
    FAILED = auto()


def write_preconditions(headers: Mapping[str, str]) -> Preconditions:
    """Read the conditions of a PUT or DELETE.

    Raises InvalidArgument for an If-Match or If-None-Match that cannot be understood: a
    guard on a write is never ignored. A date that is none is, as 13.1.4 demands.
    """
    if_match = _guard(headers, "If-Match")
    if_none_match = _guard(headers, "If-None-Match")
    since = None
    if if_match is None:
        since = _seconds(headers.get("If-Unmodified-Since"))
    return Preconditions(
        if_match=None if if_match is None else _names(if_match, strong=True),
        if_none_match=None if if_none_match is None else _names(if_none_match),
        if_unmodified_since=None
        if since is None
        else _EPOCH + timedelta(seconds=since),
    )


def refuse_in_headers(headers: Mapping[str, str]) -> None:
    """Raise InvalidArgument for conditions in the headers of a request whose target is
    not its path: passed over, they would seem to have held."""
    for name in _OF_WRITES:
        if name in headers:
            raise InvalidArgument(
                gettext_noop(
                    "%(name)s: this request is about objects that its body names; "
                    "their conditions go there, too, where it takes any."
                ),
                name=name,
            )


def evaluate(
    headers: Mapping[str, str], etag: str, modified: datetime, method: str
) -> Outcome:
    """Decide the conditions of a request for an object that exists.

    A malformed If-Match fails and a malformed If-None-Match proceeds: neither names the
    object, and the dates, which they outrank, are not asked.
    """
    if_match = headers.get("If-Match")
    if if_match is not None:
        if not _names_object(if_match, etag, strong=True):
            return Outcome.FAILED
    else:
        since = _seconds(headers.get("If-Unmodified-Since"))
        if since is not None and _second(modified) > since:
            return Outcome.FAILED
    safe = method in ("GET", "HEAD")
    if_none_match = headers.get("If-None-Match")
    if if_none_match is not None:
        if _names_object(if_none_match, etag):
            return Outcome.NOT_MODIFIED if safe else Outcome.FAILED
    elif safe:
        since = _seconds(headers.get("If-Modified-Since"))
        if since is not None and _second(modified) <= since:
            return Outcome.NOT_MODIFIED
    return Outcome.PROCEED


def range_applies(headers: Mapping[str, str], etag: str, modified: datetime) -> bool:
    """Whether If-Range lets a Range count: a strong ETag or the very date (13.1.5)."""
    value = headers.get("If-Range")
    if value is None:
        return True
    if value.endswith('"'):
        return value == f'"{etag}"'
    return _seconds(value) == _second(modified)


def _guard(headers: Mapping[str, str], name: str) -> list[tuple[str, str]] | None:
    value = headers.get(name)
    if value is None:
        return None
    tags = _parse(value)
    if tags is None:
        raise InvalidArgument(
            gettext_noop(
                '%(name)s must be * or a list of ETags in double quotes, such as "abc".'
            ),
            name=name,
        )
    return tags


def _names_object(value: str, etag: str, *, strong: bool = False) -> bool:
    if value == f'"{etag}"':
        return True
    tags = _parse(value)
    if tags is None:
        return False
    names = _names(tags, strong=strong)
    return names == (_ANY,) or etag in names


def _parse(value: str) -> list[tuple[str, str]] | None:
    """Return each tag's weakness mark and opaque text; None for anything malformed.

    `*`, which is no tag, comes back with itself as the mark.
    """
    if value == _ANY:
        return [(_ANY, _ANY)]
    if not _TAG_LIST.fullmatch(value):
        return None
    return _TAG_PARTS.findall(value)


def _names(tags: list[tuple[str, str]], *, strong: bool = False) -> tuple[str, ...]:
    """Return the ETags that may match, or `("*",)` for any.

    The tag `"*"` in quotes is left out: bare it would read as any, and nothing has it.
    """
    if tags == [(_ANY, _ANY)]:
        return (_ANY,)
    return tuple(
        opaque for weak, opaque in tags if opaque != _ANY and not (strong and weak)
    )


def _seconds(value: str | None) -> int | None:
    return None if value is None else parse_http_date_safe(value)


def _second(moment: datetime) -> int:
    return int(moment.timestamp())
