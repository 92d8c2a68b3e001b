"""Which bucket names and keys exist: S3's rules, and the order of keys."""

import re
from ipaddress import IPv4Address

from django.utils.translation import gettext_noop

from objects_app.errors import InvalidBucketName, InvalidKey

KEY_MAX_BYTES = 1024

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_ACCESS_KEY_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_LAST_CHARACTER = "\U0010ffff"


def check_bucket_name(name: str) -> str:
    """Return `name` if S3's rules for general purpose buckets allow it.

    Raises InvalidBucketName with the rule that is broken.
    """
    if not _BUCKET.fullmatch(name):
        raise InvalidBucketName(
            gettext_noop(
                "Use 3 to 63 lowercase letters, digits, dots and hyphens, with a "
                "letter or digit first and last."
            )
        )
    if ".." in name:
        raise InvalidBucketName(
            gettext_noop("Two dots may not stand beside each other.")
        )
    if _is_ipv4(name):
        raise InvalidBucketName(
            gettext_noop("A bucket name may not look like an IP address.")
        )
    if name.startswith(_RESERVED_PREFIXES) or name.endswith(_RESERVED_SUFFIXES):
        raise InvalidBucketName(
            gettext_noop(
                "S3 reserves the prefixes %(prefixes)s and the suffixes %(suffixes)s."
            ),
            prefixes=", ".join(_RESERVED_PREFIXES),
            suffixes=", ".join(_RESERVED_SUFFIXES),
        )
    return name


def _is_ipv4(name: str) -> bool:
    try:
        IPv4Address(name)
    except ValueError:
        return bool(re.fullmatch(r"\d+\.\d+\.\d+\.\d+", name))
    return True


def decode_key(raw: bytes) -> str:
    """Return the key that the percent-decoded bytes spell, never normalised.

    Raises InvalidKey unless they are 1 to 1024 bytes of UTF-8 without NUL.
    """
    if not raw:
        raise InvalidKey(
            gettext_noop(
                "The key is empty: name the object after /objects/, or list the "
                "bucket with GET /objects?bucket=NAME."
            )
        )
    if len(raw) > KEY_MAX_BYTES:
        raise InvalidKey(
            gettext_noop("The key has %(size)s bytes; at most %(most)s are allowed."),
            size=len(raw),
            most=KEY_MAX_BYTES,
        )
    if b"\0" in raw:
        raise InvalidKey(gettext_noop("The key holds a NUL byte (%00): leave it out."))
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidKey(
            gettext_noop(
                "The key is not UTF-8 at byte %(byte)s: percent-encode its UTF-8."
            ),
            byte=error.start,
        ) from error


def check_key(key: str) -> str:
    """Return a key that came as text, from JSON. Raises InvalidKey."""
    try:
        return decode_key(key.encode())
    except UnicodeEncodeError as error:  # half a surrogate pair
        raise InvalidKey(
            gettext_noop("The key is not UTF-8: send whole characters.")
        ) from error


def check_prefix(prefix: str) -> str:
    """Return the beginning of keys if keys can begin so, "" for all of them.

    Raises InvalidKey.
    """
    return check_key(prefix) if prefix else prefix


def is_storable(text: str) -> bool:
    """Whether a database can hold the text; what it cannot is no name of anything.

    PostgreSQL has no NUL, and half a surrogate pair (JSON and command lines may hold
    one) is no character.
    """
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def is_access_key_id(text: str) -> bool:
    """Whether an access key may have this id; anything else need not be looked up."""
    return bool(_ACCESS_KEY_ID.fullmatch(text))


def folder_of(key: str) -> str:
    """Return the folder that a key is in: all as far as its last slash."""
    return key[: key.rfind("/") + 1]


def prefix_end(prefix: str) -> str | None:
    """Return the first string after all that start with `prefix`; None if none is."""
    head = prefix.rstrip(_LAST_CHARACTER)
    if not head:
        return None
    following = ord(head[-1]) + 1
    if 0xD800 <= following <= 0xDFFF:  # surrogates are no characters of UTF-8
        following = 0xE000
    return head[:-1] + chr(following)


def after_prefix(prefix: str) -> str:
    """Return a string that sorts after every key that starts with `prefix`."""
    return prefix + _LAST_CHARACTER * (KEY_MAX_BYTES // 4)
