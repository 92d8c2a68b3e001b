"""What another S3 store says of an object, by the rules of this one."""

from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header

from django.utils.datastructures import CaseInsensitiveMapping

from objects_app.http.headers import read_stored_headers
from objects_app.http.media_types import guess, is_media_type
from objects_app.http.metadata import check_metadata
from objects_app.services.objects import Description

_METADATA = "x-amz-meta-"


def describe(headers: Mapping[str, str], key: str) -> Description:
    """Return the description that an S3 response's headers give.

    A type that is none is guessed from the key. Raises InvalidMetadata and
    InvalidArgument for what this store refuses from its own clients, too.
    """
    given = CaseInsensitiveMapping(headers)
    sent = given.get("content-type", "").strip(" \t")
    return Description(
        content_type=sent if is_media_type(sent) else guess(key),
        headers=read_stored_headers(given),
        metadata=check_metadata(
            {
                name.lower().removeprefix(_METADATA): _text(value)
                for name, value in headers.items()
                if name.lower().startswith(_METADATA)
            }
        ),
    )


def _text(value: str) -> str:
    """S3 sends other text than ASCII as RFC 2047 has it, other stores as plain UTF-8,
    which Python's HTTP reads as Latin-1."""
    if "=?" in value:
        try:
            return str(make_header(decode_header(value)))
        except (HeaderParseError, LookupError, UnicodeDecodeError, ValueError):
            return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value
