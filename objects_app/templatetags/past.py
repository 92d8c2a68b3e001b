"""What the control for a moment of the past offers."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from django import template
from django.utils import timezone
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from objects_app.queries.rows import BucketRow

register = template.Library()


class Choice(NamedTuple):
    """A moment that is a click away; `at` as addresses have it."""

    name: str
    at: str


class Past(NamedTuple):
    """From when to when there is a past, for a control of times in UTC."""

    first: str
    last: str
    choices: list[Choice]


@register.simple_tag
def past_of(bucket: "BucketRow") -> Past | None:
    """Return what may be chosen; None for a bucket that never kept versions."""
    since = bucket.versioned_since
    if since is None:
        return None
    now = timezone.now()
    offered = (
        (_("An hour ago"), timedelta(hours=1)),
        (_("A day ago"), timedelta(days=1)),
        (_("A week ago"), timedelta(days=7)),
    )
    # A control without fractions: the first whole second that has a past.
    return Past(
        _local(since + timedelta(seconds=1)),
        _local(now),
        [
            Choice(name, in_address(now - back))
            for name, back in offered
            if now - back >= since
        ],
    )


@register.filter
def in_address(moment: datetime) -> str:
    """Return a time as the parameter `at` has it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@register.filter
def in_control(moment: datetime | None) -> str:
    """Return a time as an input of the type datetime-local has it, in UTC."""
    return "" if moment is None else _local(moment)


def _local(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
