"""Cursors: where a page ended, as text that a client hands back unchanged."""

import base64
import binascii
import json
from collections.abc import Sequence

from django.utils.translation import gettext_noop

from objects_app.errors import InvalidArgument
from objects_app.names import is_storable

FOREIGN = gettext_noop(
    "The cursor is not one of ours: pass next_cursor back unchanged."
)


def encode(place: Sequence[str | bool]) -> str:
    """Return texts and truths as a cursor."""
    packed = json.dumps(place, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


def decode(cursor: str, *types: type[str] | type[bool]) -> list[str | bool]:
    """Return what was encoded, if it is of these types.

    Raises InvalidArgument for anything that `encode` would not have made of them.
    """
    try:
        packed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        place = json.loads(packed)
        fits = [type(part) for part in place] == list(types)
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise InvalidArgument(FOREIGN) from error
    if not fits or not all(is_storable(p) for p in place if isinstance(p, str)):
        raise InvalidArgument(FOREIGN)
    return list(place)
