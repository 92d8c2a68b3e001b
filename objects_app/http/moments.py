"""Times in parameters, bodies and forms: RFC 3339, as in 2026-05-02T10:30:00Z."""

import re
from datetime import UTC, datetime

from django.utils.translation import gettext_noop

from objects_app.errors import InvalidArgument

# A blank may stand for T (5.6). One before the offset was a + that nobody encoded.
_RFC3339 = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[Tt ](?P<time>\d\d:\d\d:\d\d)"
    r"(?:\.(?P<fraction>\d{1,30}))?(?P<zone>[Zz]|[+\- ]\d\d:\d\d)",
    re.ASCII,
)
_CHOSEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?P<seconds>:\d\d(?:\.\d+)?)?", re.A)


def read_chosen_moment(name: str, text: str) -> datetime:
    """As `read_moment`; also in UTC as a browser's control for times sends it.

    That leaves out the zone, and seconds that are 0 (HTML, local date and time).
    """
    chosen = _CHOSEN.fullmatch(text)
    if chosen is None:
        return read_moment(name, text)
    return read_moment(name, f"{text}{'' if chosen['seconds'] else ':00'}Z")


def read_moment(name: str, text: str) -> datetime:
    """Return the time that a parameter of that name stands for, in UTC.

    What is finer than microseconds is cut off. Raises InvalidArgument.
    """
    found = _RFC3339.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        fraction = (found["fraction"] or "0")[:6].ljust(6, "0")
        zone = found["zone"].upper().replace("Z", "+00:00").replace(" ", "+")
        whole = f"{found['date']}T{found['time']}.{fraction}{zone}"
        return datetime.fromisoformat(whole).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidArgument(
            gettext_noop(
                "%(name)s is no time: use RFC 3339, as in 2026-05-02T10:30:00Z."
            ),
            name=name,
        ) from None
