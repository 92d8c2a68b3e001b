"""What a form of a page sends."""

from collections.abc import Sequence
from datetime import UTC, datetime

from django.http import HttpRequest
from django.utils.translation import gettext_noop
from pydantic import ByteSize, TypeAdapter, ValidationError

from objects_app.errors import InvalidArgument
from objects_app.names import is_storable

VISIBILITY = ("private", "public-read", "public-list")
VERSIONING = ("off", "enabled", "suspended")

_BYTES = TypeAdapter(ByteSize)


def posted(request: HttpRequest) -> dict[str, str]:
    """Return a form's fields, empty ones left out.

    Raises InvalidArgument for text that no database holds.
    """
    fields = {name: str(value) for name, value in request.POST.items()}
    if not all(map(is_storable, fields.values())):
        raise InvalidArgument(
            gettext_noop("A field holds characters that are no text.")
        )
    return {name: value for name, value in fields.items() if value}


def chosen(request: HttpRequest, name: str, known: Sequence[str]) -> str:
    """Return what a form says of that name, the first one known where it says nothing.

    Raises InvalidArgument for anything else.
    """
    value = request.POST.get(name, known[0])
    if value not in known:
        raise InvalidArgument(
            gettext_noop("%(name)s is one of %(known)s."),
            name=name,
            known=", ".join(known),
        )
    return value


def whole_number(text: str) -> int:
    """Return a number of things. Raises InvalidArgument."""
    digits = text.strip().replace(",", "")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 20):
        raise InvalidArgument(gettext_noop("%(text)s is no whole number."), text=text)
    return int(digits)


def byte_count(text: str) -> int:
    """Return how many bytes "1.5 GiB", "10 MB" or "5000" are.

    Raises InvalidArgument.
    """
    try:
        return int(_BYTES.validate_python(text.strip().replace(",", "")))
    except ValidationError:
        raise InvalidArgument(
            gettext_noop("%(text)s is no size: write 500 MiB or 10 GiB."), text=text
        ) from None


def moment(text: str) -> datetime:
    """Return the time that a date field, or an address, names in UTC.

    Raises InvalidArgument.
    """
    try:
        when = datetime.fromisoformat(text)
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidArgument(
            gettext_noop("%(text)s is no time: write 2026-05-31 or 2026-05-31T12:30."),
            text=text,
        ) from None
