"""What an issuer says of a user, in the store's terms."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_noop

from objects_app.errors import InvalidCredentials
from objects_app.services.identities import Identity

_SUBJECT_CHARACTERS = 255  # OpenID Connect Core 2
_NAME_CHARACTERS = 100  # of 150, so that a suffix has room
_MOST_GROUPS = 1000
_NOT_IN_NAMES = re.compile(r"[^\w.@+-]+")  # Django's UnicodeUsernameValidator


def identity_of(claimed: Mapping[str, Any], *, all_of_them: bool) -> Identity:
    """Return who that is. `claimed` was verified, and has `iss`, `sub` and `iat`.

    `all_of_them`: no claim of groups means no groups, as at the login page; otherwise
    that nothing was said of them, as in an access token. Raises InvalidCredentials.
    """
    subject: str = claimed["sub"]
    if not 0 < len(subject) <= _SUBJECT_CHARACTERS or "\0" in subject:
        raise InvalidCredentials(
            gettext_noop("The token is not accepted: its subject is no name.")
        )
    values = _values(claimed.get(settings.OIDC_GROUPS_CLAIM))
    if values is None and all_of_them:
        values = frozenset()
    return Identity(
        issuer=claimed["iss"],
        subject=subject,
        name=_name(claimed, subject),
        groups=None if values is None else _groups(values),
        is_administrator=settings.OIDC_ADMIN_GROUP in (values or ()),
        claimed_at=datetime.fromtimestamp(max(0, claimed["iat"]), UTC),
    )


def _name(claimed: Mapping[str, Any], subject: str) -> str:
    """Return a name in Django's characters, from the first claim that gives one."""
    for value in (
        claimed.get(settings.OIDC_USERNAME_CLAIM),
        claimed.get("email"),
        subject,
    ):
        if isinstance(value, str):
            plain = unicodedata.normalize("NFKC", value)
            name = _NOT_IN_NAMES.sub("-", plain).strip("-")[:_NAME_CHARACTERS]
            if name:
                return name
    return "user"


def _values(value: object) -> frozenset[str] | None:
    """Return the values of the groups claim; one text is one group. None: no claim."""
    if isinstance(value, str):
        return frozenset({value})
    if isinstance(value, list):
        texts = (item for item in value[:_MOST_GROUPS] if isinstance(item, str))
        return frozenset(text for text in texts if "\0" not in text)
    return None


def _groups(values: frozenset[str]) -> frozenset[str]:
    """Return the names of groups here that these values stand for (OIDC_GROUPS)."""
    if not settings.OIDC_GROUPS:
        return values
    pairs = (pair.rpartition("=") for pair in settings.OIDC_GROUPS)
    return frozenset(group for value, _, group in pairs if value in values)
