"""Sessions of the console in the database, under a digest of what the cookie holds.

With Django's own store the key of the row is the cookie: whoever reads the database, or
a copy of it, could go on with the session of anybody who is signed in.
"""

from hashlib import sha256
from typing import Any, cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.utils import timezone

from objects_app.access.sealing import base64url
from objects_app.models import ConsoleSession

_MOST_CHARACTERS = 40  # of the column; 240 bits, no less than the cookie has


class SessionStore(DatabaseStore):
    """Django's sessions in the database, as SESSION_ENGINE wants them."""

    @classmethod
    def get_model_class(cls) -> type[ConsoleSession]:
        """Return the table, which knows whose session is whose."""
        return ConsoleSession

    def exists(self, session_key: str) -> bool:
        """Whether there is a session whose cookie this is."""
        return super().exists(kept_as(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> ConsoleSession:
        """Return the row to save."""
        row = cast("ConsoleSession", super().create_model_instance(data))
        row.session_key = kept_as(row.session_key)
        row.user_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        return row

    def delete(self, session_key: str | None = None) -> None:
        """End a session, this one unless told."""
        session_key = session_key or self.session_key
        if session_key is not None:
            super().delete(kept_as(session_key))

    def _get_session_from_db(self) -> ConsoleSession | None:
        row = ConsoleSession.objects.filter(
            session_key=kept_as(self.session_key or ""), expire_date__gt=timezone.now()
        ).first()
        if row is None:
            self._session_key = None
        return row


def kept_as(session_key: str) -> str:
    """Return under which key of the table the session of a cookie is."""
    return base64url(sha256(session_key.encode()).digest())[:_MOST_CHARACTERS]
