"""What people write into forms: choices, sizes, numbers."""

import re
from collections.abc import Sequence

from django.http import HttpRequest
from django.utils.translation import gettext as _

from objects_app.errors import InvalidArgument

VISIBILITY = ("private", "public-read", "public-list")
VERSIONING = ("off", "enabled", "suspended")

_MOST = 2**63 - 1
_MOST_DIGITS = 19
_SIZE = re.compile(
    rf"(\d{{1,{_MOST_DIGITS}}}(?:\.\d{{1,9}})?) ?(?:([kmgtp]?)(i?)b?)", re.IGNORECASE
)
_POWERS = ("", "k", "m", "g", "t", "p")


def chosen(request: HttpRequest, name: str, known: Sequence[str]) -> str:
    """Return what a form says of that name, the first one known where it says nothing.

    Raises InvalidArgument for anything else.
    """
    value = request.POST.get(name, known[0])
    if value not in known:
        raise InvalidArgument(f"{name} is one of {', '.join(known)}.")
    return value


def size_of(text: str) -> int | None:
    """Return the bytes that `10 MB`, `1.5 GiB` or `5000` stand for; None: no size.

    A letter alone is the binary unit, as sizes are shown. Raises InvalidArgument.
    """
    text = _plain(text)
    if not text:
        return None
    found = _SIZE.fullmatch(text)
    if found is None or not text.isascii():
        raise InvalidArgument(
            _("%(text)s is no size: write it as 500, 10 MB or 1.5 GiB.")
            % {"text": text}
        )
    number, letter, binary = found.groups()
    is_decimal = text[-1] in "bB" and letter and not binary
    base = 1000 if is_decimal else 1024
    return min(int(float(number) * base ** _POWERS.index(letter.lower())), _MOST)


def number_of(text: str) -> int | None:
    """Return the number that `1,000` stands for; None: no number.

    Raises InvalidArgument.
    """
    text = _plain(text)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise InvalidArgument(
            _("%(text)s is no whole number: write it as 1000.") % {"text": text}
        )
    return min(int(text), _MOST)


def _plain(text: str) -> str:
    return text.strip().replace(",", "")
