"""Sessions of the console in the database, under a digest of what the cookie holds.

With Django's own store the key of the row is the cookie: whoever reads the database, or
a copy of it, could go on with the session of anybody who is signed in.
"""

from hashlib import sha256
from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.models import Session
from django.utils import timezone

from objects_app.access.sealing import base64url

_MOST_CHARACTERS = 40  # of the column; 240 bits, no less than the cookie has


class SessionStore(DatabaseStore):
    """Django's sessions in the database, as SESSION_ENGINE wants them."""

    def exists(self, session_key: str) -> bool:
        """Whether there is a session whose cookie this is."""
        return super().exists(_kept_as(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        """Return the row to save."""
        row = super().create_model_instance(data)
        row.session_key = _kept_as(row.session_key)
        return row

    def delete(self, session_key: str | None = None) -> None:
        """End a session, this one unless told."""
        session_key = session_key or self.session_key
        if session_key is not None:
            super().delete(_kept_as(session_key))

    def _get_session_from_db(self) -> Session | None:
        row = Session.objects.filter(
            session_key=_kept_as(self.session_key or ""), expire_date__gt=timezone.now()
        ).first()
        if row is None:
            self._session_key = None
        return row


def _kept_as(session_key: str) -> str:
    return base64url(sha256(session_key.encode()).digest())[:_MOST_CHARACTERS]
