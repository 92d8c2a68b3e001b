"""Sessions of the console as their users see them: listed, and ended.

A session that was ended signs nobody in to the admin from then on, and to dashboard and
API neither: in this process at once, in others within ACCESS_CACHE_SECONDS.
"""

from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.timezone import now

from objects_app.access import accounts
from objects_app.access.addresses import client_address
from objects_app.access.console_sessions import SessionStore, kept_as
from objects_app.models import ConsoleSession, JournalEntry
from objects_app.queries.rows import Actor
from objects_app.services import audit

MOST = 100
_BEGINNING = "beginning"
_AGENT_CHARACTERS = 300


class SessionRow(NamedTuple):
    """A session. `session_id` finds it and signs nobody in; when, where and with what
    it began are None and "" where that was not written down."""

    session_id: str
    began_at: datetime | None
    address: str
    user_agent: str
    expires_at: datetime
    is_this: bool


def note_beginning(request: HttpRequest) -> None:
    """Write into the session where it begins, and with what."""
    request.session[_BEGINNING] = {
        "at": now().isoformat(),
        "address": client_address(request),
        "user_agent": request.META.get("HTTP_USER_AGENT", "")[:_AGENT_CHARACTERS],
    }


def list_sessions(*, user_id: int, this: str | None) -> list[SessionRow]:
    """Return a user's sessions, at most MOST, those that last longest first.

    `this` is what the asker's cookie holds, if anything.
    """
    rows = _of_user(user_id).filter(expire_date__gt=Now()).order_by("-expire_date")
    mine = kept_as(this) if this else ""
    return [_row(row, mine) for row in rows[:MOST]]


def end_session(*, user_id: int, session_id: str, by: Actor) -> None:
    """End one of a user's sessions; nothing happens when it is over."""
    _end(_of_user(user_id).filter(session_key=session_id), by)


def end_others(*, user_id: int, this: str | None, by: Actor) -> int:
    """End a user's sessions but that of this cookie, if any; return how many."""
    others = _of_user(user_id)
    return _end(others.exclude(session_key=kept_as(this)) if this else others, by)


def _of_user(user_id: int) -> QuerySet[ConsoleSession]:
    return ConsoleSession.objects.filter(user_id=user_id)


def _end(sessions: QuerySet[ConsoleSession], by: Actor) -> int:
    with transaction.atomic():
        names = set(sessions.values_list("user__username", flat=True))
        ended, _ = sessions.delete()
        for name in names:
            audit.record(
                operation=JournalEntry.Operation.END_SESSION,
                by=by,
                detail=f"{ended} of {name}",
            )
    accounts.forget()
    return ended


def _row(row: ConsoleSession, mine: str) -> SessionRow:
    held: dict[str, Any] = SessionStore().decode(row.session_data)
    beginning: dict[str, str] = held.get(_BEGINNING, {})
    at = beginning.get("at")
    return SessionRow(
        session_id=row.session_key,
        began_at=datetime.fromisoformat(at) if at else None,
        address=beginning.get("address", ""),
        user_agent=beginning.get("user_agent", ""),
        expires_at=row.expire_date,
        is_this=row.session_key == mine,
    )
