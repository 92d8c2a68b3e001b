"""User metadata in headers: `X-Object-Meta-*`, plain ASCII or RFC 8187's ext-value."""

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote_to_bytes

from django.utils.translation import gettext_noop

from objects_app.errors import InvalidMetadata

METADATA_MAX_BYTES = 2048
PREFIX = "x-object-meta-"

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_ATTR_CHARS = "!#$&+-.^_`|~"
_EXT_VALUE = re.compile(
    r"utf-8'[a-z0-9-]*'((?:[a-z0-9!#$&+.^_`|~-]|%[0-9a-f]{2})*)", re.IGNORECASE
)
_LOOKS_EXTENDED = re.compile(r"utf-8'[^']*'", re.IGNORECASE)
_ASCII = re.compile(r"[\t\x20-\x7e]*")
_PLAIN = re.compile(r"(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?")


def read_metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the metadata a request carries, with lower-case names without the prefix.

    Raises InvalidMetadata for more than 2 KiB of names and values (as UTF-8, decoded),
    and for values that are neither ASCII nor a whole ext-value of UTF-8 without NUL.
    """
    metadata: dict[str, str] = {}
    for header, value in headers.items():
        lower = header.lower()
        if not lower.startswith(PREFIX):
            continue
        name = lower.removeprefix(PREFIX)
        metadata[name] = _decode(name, value)
    return check_metadata(metadata)


def check_metadata(metadata: dict[str, str]) -> dict[str, str]:
    """Return decoded metadata if its names and size are within the rules.

    Raises InvalidMetadata.
    """
    for name, value in metadata.items():
        if not _TOKEN.fullmatch(name):
            raise InvalidMetadata(
                gettext_noop("Put a name of ASCII letters behind X-Object-Meta-.")
            )
        if "\0" in value:
            raise InvalidMetadata(
                gettext_noop("X-Object-Meta-%(name)s holds NUL: leave it out."),
                name=name,
            )
    size = sum(len(name) + len(value.encode()) for name, value in metadata.items())
    if size > METADATA_MAX_BYTES:
        raise InvalidMetadata(
            gettext_noop(
                "Names and values of X-Object-Meta-* have %(size)s bytes in all; "
                "at most %(most)s are allowed."
            ),
            size=size,
            most=METADATA_MAX_BYTES,
        )
    return metadata


def metadata_headers(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return response headers that `read_metadata` would read as `metadata` again.

    No value can end its header line: whatever is not printable ASCII is encoded.
    """
    return {f"X-Object-Meta-{name}": _encode(value) for name, value in metadata.items()}


def _decode(name: str, value: str) -> str:
    if not _LOOKS_EXTENDED.match(value):
        if not _ASCII.fullmatch(value):
            raise InvalidMetadata(
                gettext_noop(
                    "X-Object-Meta-%(name)s holds other characters than printable "
                    "ASCII: send it as UTF-8'', then the percent-encoded text (RFC "
                    "8187)."
                ),
                name=name,
            )
        return value
    matched = _EXT_VALUE.fullmatch(value)
    if not matched:
        raise InvalidMetadata(
            gettext_noop(
                "X-Object-Meta-%(name)s begins as an ext-value of RFC 8187 and is "
                "none: percent-encode everything but letters, digits and "
                "!#$&+-.^_`|~."
            ),
            name=name,
        )
    try:
        text = unquote_to_bytes(matched[1]).decode()
    except UnicodeDecodeError as error:
        raise InvalidMetadata(
            gettext_noop(
                "X-Object-Meta-%(name)s is not UTF-8 at byte %(byte)s of its text."
            ),
            name=name,
            byte=error.start,
        ) from error
    return text


def _encode(value: str) -> str:
    if _PLAIN.fullmatch(value) and not _LOOKS_EXTENDED.match(value):
        return value
    return f"UTF-8''{quote(value, safe=_ATTR_CHARS)}"
