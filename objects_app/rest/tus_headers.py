"""The headers of tus 1.0 (https://tus.io/protocols/resumable-upload)."""

import base64
import re
from collections.abc import Mapping

from django.conf import settings

from objects_app.errors import (
    BodyTooLarge,
    InvalidArgument,
    InvalidMetadata,
    UnsupportedContentType,
    UnsupportedTusVersion,
)
from objects_app.http.media_types import essence
from objects_app.services.tus_body import Checksum

VERSION = "1.0.0"
EXTENSIONS = (
    "creation,creation-with-upload,creation-defer-length,expiration,checksum,"
    "termination"
)
CONTENT_TYPE = "application/offset+octet-stream"

# By hashlib's names, with the length of their digests in bytes.
_ALGORITHMS = {"sha256": 32, "sha1": 20, "md5": 16}
CHECKSUMS = ",".join(_ALGORITHMS)

_NUMBER = re.compile(r"[0-9]{1,19}")
_MOST = 2**63 - 1


def require_version(headers: Mapping[str, str]) -> None:
    """Raise UnsupportedTusVersion for a client of another version, or of none."""
    if headers.get("Tus-Resumable") != VERSION:
        raise UnsupportedTusVersion(f"Send Tus-Resumable: {VERSION}.")


def require_content_type(headers: Mapping[str, str]) -> None:
    """Raise UnsupportedContentType for another body than tus' own."""
    if essence(headers.get("Content-Type", "")) != CONTENT_TYPE:
        raise UnsupportedContentType(f"Send Content-Type: {CONTENT_TYPE}.")


def upload_offset(headers: Mapping[str, str]) -> int:
    """Return where the body belongs. Raises InvalidArgument."""
    offset = _number(headers, "Upload-Offset")
    if offset is None:
        raise InvalidArgument("Say with Upload-Offset where the body belongs.")
    return offset


def upload_length(headers: Mapping[str, str]) -> int | None:
    """Return how long the upload will be, None where that is not told here.

    Raises InvalidArgument; BodyTooLarge for more than there may be.
    """
    length = _number(headers, "Upload-Length")
    if length is not None and length > settings.MAX_OBJECT_BYTES:
        raise BodyTooLarge(
            f"An upload has at most {settings.MAX_OBJECT_BYTES} bytes (Tus-Max-Size)."
        )
    return length


def length_to_create(headers: Mapping[str, str]) -> int | None:
    """As `upload_length`, None only for a client that says it will tell later."""
    if "Upload-Concat" in headers:
        raise InvalidArgument(
            "Upload-Concat: concatenation is not offered (Tus-Extension says what is)."
        )
    length = upload_length(headers)
    deferred = headers.get("Upload-Defer-Length")
    if deferred not in {None, "1"} or (length is None) != (deferred == "1"):
        raise InvalidArgument("Send either Upload-Length or Upload-Defer-Length: 1.")
    return length


def upload_metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the pairs of Upload-Metadata, their names in lower case.

    Raises InvalidArgument for a name that is given twice, InvalidMetadata for a value
    that is not the base64 of UTF-8.
    """
    pairs: dict[str, str] = {}
    for pair in headers.get("Upload-Metadata", "").split(","):
        name, _, value = pair.strip(" ").partition(" ")
        if not name:
            continue
        if name.lower() in pairs:
            raise InvalidArgument(f"Upload-Metadata names {name} twice.")
        try:
            pairs[name.lower()] = base64.b64decode(value, validate=True).decode()
        except ValueError as error:
            raise InvalidMetadata(
                f"{name} in Upload-Metadata must be the base64 of UTF-8 text."
            ) from error
    return pairs


def user_metadata(pairs: Mapping[str, str]) -> dict[str, str]:
    """Return what the object keeps of Upload-Metadata: all that has no other meaning.

    `filename` stands for a `key` that is not there.
    """
    meant = {"bucket", "filetype", "key", *([] if pairs.get("key") else ["filename"])}
    return {name: value for name, value in pairs.items() if name not in meant}


def upload_checksum(headers: Mapping[str, str]) -> Checksum | None:
    """Return what the body shall hash to. Raises InvalidArgument."""
    value = headers.get("Upload-Checksum")
    if value is None:
        return None
    algorithm, _, encoded = value.partition(" ")
    try:
        digest = base64.b64decode(encoded, validate=True)
    except ValueError:
        digest = b""
    if len(digest) != _ALGORITHMS.get(algorithm, -1):
        raise InvalidArgument(
            f"Upload-Checksum is one of {CHECKSUMS}, a blank and the base64 of the "
            "digest."
        )
    return Checksum(algorithm, digest)


def _number(headers: Mapping[str, str], name: str) -> int | None:
    value = headers.get(name)
    if value is None:
        return None
    if not _NUMBER.fullmatch(value) or int(value) > _MOST:
        raise InvalidArgument(f"{name} must be a plain number of bytes.")
    return int(value)
