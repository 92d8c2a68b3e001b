"""When what is done now and then was last done, and what it came to."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models.functions import Now

from objects_app.models import Chore


class Done(NamedTuple):
    """The last end of a chore; `outcome` has its numbers by name."""

    ended_at: datetime
    outcome: Mapping[str, int]


def record(name: str, outcome: Mapping[str, int]) -> None:
    """Say that a chore has ended just now."""
    Chore.objects.update_or_create(
        name=name, defaults={"outcome": dict(outcome), "ended_at": Now()}
    )


def done_within(name: str, seconds: float) -> bool:
    """Return whether a chore ended less than so many seconds ago."""
    since = Now() - timedelta(seconds=seconds)
    return Chore.objects.filter(name=name, ended_at__gt=since).exists()


def last() -> dict[str, Done]:
    """Return the last end of every chore, by name."""
    rows = Chore.objects.values_list("name", "ended_at", "outcome")
    return {name: Done(ended_at, outcome) for name, ended_at, outcome in rows}
