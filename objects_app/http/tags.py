"""Tags: `X-Object-Tags: project=apollo&state=raw%20data`, with S3's limits."""

import unicodedata
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from django.utils.translation import gettext_noop

from objects_app.errors import InvalidTags

HEADER = "X-Object-Tags"
COUNT_HEADER = "X-Object-Tag-Count"
MOST_TAGS = 10
KEY_MAX_CHARACTERS = 128
VALUE_MAX_CHARACTERS = 256

_SIGNS = frozenset("_.:/=+-@")
_CATEGORIES = frozenset("LNZ")  # letters, numbers, separators
_RESERVED = "aws:"


def read_tags(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the tags a request carries, in the form of a query string.

    Raises InvalidTags for a key given twice, for what is no UTF-8, and as `check_tags`.
    """
    tags: dict[str, str] = {}
    for pair in filter(None, headers.get(HEADER, "").split("&")):
        key, equals, value = pair.partition("=")
        if not equals:
            raise InvalidTags(
                gettext_noop("%(header)s is a list such as project=apollo&state=raw."),
                header=HEADER,
            )
        name = _decode(key)
        if name in tags:
            raise InvalidTags(
                gettext_noop("The tag %(name)r is given twice."), name=name
            )
        tags[name] = _decode(value)
    return check_tags(tags)


def check_tags(tags: dict[str, str]) -> dict[str, str]:
    """Return decoded tags if S3 would take them (API_control_S3Tag).

    Raises InvalidTags.
    """
    if len(tags) > MOST_TAGS:
        raise InvalidTags(
            gettext_noop("There are %(count)s tags; at most %(most)s may be."),
            count=len(tags),
            most=MOST_TAGS,
        )
    for key, value in tags.items():
        if not 1 <= len(key) <= KEY_MAX_CHARACTERS:
            raise InvalidTags(
                gettext_noop(
                    "A tag's key has 1 to %(most)s characters, and one here has "
                    "%(length)s."
                ),
                most=KEY_MAX_CHARACTERS,
                length=len(key),
            )
        if len(value) > VALUE_MAX_CHARACTERS:
            raise InvalidTags(
                gettext_noop(
                    "A tag's value has at most %(most)s characters, and that of "
                    "%(key)r has %(length)s."
                ),
                most=VALUE_MAX_CHARACTERS,
                key=key,
                length=len(value),
            )
        if key.lower().startswith(_RESERVED):
            raise InvalidTags(
                gettext_noop("Tags that begin with %(reserved)s are reserved by S3."),
                reserved=_RESERVED,
            )
        if not all(map(_may_be_in_a_tag, key + value)):
            raise InvalidTags(
                gettext_noop(
                    "The tag %(key)r holds a character that is neither a letter, a "
                    "digit, a blank nor one of _.:/=+-@: leave it out."
                ),
                key=key,
            )
    return tags


def _may_be_in_a_tag(character: str) -> bool:
    return character in _SIGNS or unicodedata.category(character)[0] in _CATEGORIES


def _decode(text: str) -> str:
    """Servers hand header fields out as Latin-1, which `+` and `%20` make needless."""
    try:
        raw = text.encode("ascii")
        return unquote_to_bytes(raw.replace(b"+", b" ")).decode()
    except UnicodeError as error:
        raise InvalidTags(
            gettext_noop(
                "%(header)s holds other characters than ASCII: percent-encode "
                "their UTF-8."
            ),
            header=HEADER,
        ) from error
