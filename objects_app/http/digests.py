"""Digests in headers: Content-MD5, RFC 9530's two fields, and X-Content-SHA256."""

import base64
import binascii
import re
from collections.abc import Mapping

from django.utils.translation import gettext_noop

from objects_app.blobs.ingest import Expected
from objects_app.errors import DigestMismatch, InvalidArgument

_SHA256_BYTES = 32
_MD5_BYTES = 16

_HEX = re.compile(r"[0-9A-Fa-f]{64}")

# RFC 8941: a dictionary whose values are byte sequences; parameters are skipped.
_KEY = r"[a-z*][a-z0-9_.*-]*"
_BYTES = r":[A-Za-z0-9+/=]*:"
_STRING = r'"(?:[ !\x23-\x5b\x5d-\x7e]|\\["\\])*"'
_NUMBER = r"-?[0-9]{1,15}(?:\.[0-9]{1,3})?"
_NAME = r"[A-Za-z*][!#$%&'*+.^_`|~:/0-9A-Za-z-]*"
_ITEM = rf"(?:{_BYTES}|{_STRING}|{_NUMBER}|{_NAME}|\?[01])"
_MEMBER = re.compile(rf"({_KEY})=({_BYTES})(?:; *{_KEY}(?:={_ITEM})?)*")
_COMMA = re.compile(r"[ \t]*,[ \t]*")


def expected_digests(headers: Mapping[str, str]) -> Expected:
    """Return what a request says its body hashes to, hexadecimal in lower case.

    All of them are over the bytes as sent, whatever their Content-Encoding. Algorithms
    of RFC 9530 other than sha-256 are ignored. Raises InvalidArgument for a field that
    cannot be understood, DigestMismatch when two SHA-256 contradict each other.
    """
    claims = {
        claim
        for claim in (
            _dictionary_sha256(headers, "Content-Digest"),
            _dictionary_sha256(headers, "Repr-Digest"),
            _hex_sha256(headers),
        )
        if claim is not None
    }
    if len(claims) > 1:
        raise DigestMismatch(
            gettext_noop(
                "Content-Digest, Repr-Digest and X-Content-SHA256 name different "
                "digests of one body: send one of them. Nothing was stored."
            )
        )
    return Expected(sha256=claims.pop() if claims else None, md5=_md5(headers))


def known_content(
    headers: Mapping[str, str], *, length: int | None, expected: Expected
) -> str | None:
    """Return the SHA-256 of content to be stored without a body; None: there is one.

    Raises InvalidArgument for an X-If-Known that is not 1, comes with a body, or
    without a digest.
    """
    value = headers.get("X-If-Known")
    if value is None:
        return None
    if value != "1" or length != 0 or expected.sha256 is None:
        raise InvalidArgument(
            gettext_noop(
                "X-If-Known: 1 comes with X-Content-SHA256 and without a body."
            )
        )
    return expected.sha256


def repr_digest(sha256: str) -> str:
    """Return the value of a Repr-Digest header for a hexadecimal SHA-256."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"


def _hex_sha256(headers: Mapping[str, str]) -> str | None:
    value = headers.get("X-Content-SHA256")
    if value is None:
        return None
    if not _HEX.fullmatch(value):
        raise InvalidArgument(
            gettext_noop("X-Content-SHA256 must be 64 hexadecimal digits.")
        )
    return value.lower()


def _md5(headers: Mapping[str, str]) -> bytes | None:
    value = headers.get("Content-MD5")
    if value is None:
        return None
    try:
        digest = base64.b64decode(value, validate=True)
    except ValueError:
        digest = b""
    if len(digest) != _MD5_BYTES:
        raise InvalidArgument(
            gettext_noop("Content-MD5 must be the base64 of the body's 16 bytes.")
        )
    return digest


def _dictionary_sha256(headers: Mapping[str, str], name: str) -> str | None:
    value = headers.get(name)
    if value is None:
        return None
    encoded = _members(value, name).get("sha-256")
    if encoded is None:
        return None
    try:
        # RFC 8941 4.2.7: missing padding is no error.
        digest = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != _SHA256_BYTES:
        raise InvalidArgument(
            gettext_noop("%(name)s's sha-256 must be the base64 of 32 bytes."),
            name=name,
        )
    return digest.hex()


def _members(value: str, name: str) -> dict[str, str]:
    """Return each algorithm's base64; of one named twice the last, as RFC 8941 says."""
    members: dict[str, str] = {}
    text = value.strip(" ")
    position = 0
    while text:
        member = _MEMBER.match(text, position)
        if member is None:
            break
        members[member[1]] = member[2].strip(":")
        if member.end() == len(text):
            return members
        comma = _COMMA.match(text, member.end())
        if comma is None:
            break
        position = comma.end()
    if text:
        raise InvalidArgument(
            gettext_noop(
                "%(name)s must look like sha-256=:base64 of the digest:, "
                "comma-separated."
            ),
            name=name,
        )
    return members
