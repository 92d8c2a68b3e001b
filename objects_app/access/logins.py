"""Passwords, at the two places that take them: the login page and POST /auth/token.

Nothing about an answer, its time included, tells whether there is such a user: Django
hashes for unknown and disabled ones as well, and a lock counts for any name.
"""

import unicodedata
from threading import BoundedSemaphore

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.translation import gettext_noop
from django.views.decorators.debug import sensitive_variables

from objects_app.access import accounts, lockout, sessions
from objects_app.access.addresses import client_address
from objects_app.errors import InvalidCredentials, LoginLocked, TooManyLogins
from objects_app.models import JournalEntry, TemporaryPassword
from objects_app.queries.rows import Actor
from objects_app.services import audit

_NAME_CHARACTERS = 150  # of a user's name in the database
_BACKEND = "django.contrib.auth.backends.ModelBackend"
_Operation = JournalEntry.Operation

# Of each process. Argon2 takes 100 MiB for each hash, and a third of a second: a burst
# of logins must take neither a node's memory nor all of its threads.
_HASHING = BoundedSemaphore(2)
_PRESENT = BoundedSemaphore(4)


@sensitive_variables("password")
def check_password(request: HttpRequest, username: str, password: str) -> User:
    """Return the user whose name and password these are. Writes down a failure.

    Raises InvalidCredentials, in the same words whatever is wrong, LoginLocked after
    too many failures (`lockout.Handler`), also for the right password, TooManyLogins.
    """
    name = _usable(username)
    shown = lockout.witness(request)
    user = hash_and_compare(shown, name, _encodable(password))
    if isinstance(user, User):
        lockout.forget(shown, name)
        return user
    if not lockout.is_locked(shown):
        _record_failure(request, name)
        raise InvalidCredentials(
            gettext_noop("The user name or the password is wrong.")
        )
    locked = LoginLocked(lockout.seconds_left(shown, name))
    if lockout.was_checked(shown):
        _record_failure(request, f"{name} (locked for {locked.retry_after} s)")
    raise locked


@sensitive_variables("password")
def hash_and_compare(shown: HttpRequest, name: str, password: str) -> object:
    """Return the user if the password is right, after waiting for one's turn.

    Raises TooManyLogins when others are waiting already.
    """
    if not _PRESENT.acquire(blocking=False):
        raise TooManyLogins(
            gettext_noop("Many are signing in at this moment: try again shortly.")
        )
    try:
        with _HASHING:
            return auth.authenticate(request=shown, username=name, password=password)
    finally:
        _PRESENT.release()


def sign_in(request: HttpRequest, user: User, *, detail: str = "") -> None:
    """Begin the console's session of a user whose password or claims were checked."""
    auth.login(request, user, backend=_BACKEND)
    sessions.note_beginning(request)
    request.session.set_expiry(None)  # single sign-on gave it a short life at first
    record(request, _Operation.LOGIN, label=user.get_username(), detail=detail)


def sign_in_with_password(request: HttpRequest, user: User) -> None:
    """As `sign_in`, and keep in mind whether the password is to be changed first."""
    sign_in(request, user)
    if TemporaryPassword.objects.filter(user=user).exists():
        request.session[accounts.PASSWORD_TO_CHANGE] = True


def has_password_to_change(request: HttpRequest) -> bool:
    """Whether this session began with a password that was made for the user, and has
    not been changed since."""
    session = accounts.session(request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""))
    return session is not None and session.has_password_to_change


def sign_out(request: HttpRequest) -> None:
    """End the session, if it is somebody's."""
    if request.user.is_authenticated:
        record(request, _Operation.LOGOUT, label=request.user.get_username())
    auth.logout(request)
    accounts.forget()


def record_password_change(request: HttpRequest) -> None:
    """Write down that the signed-in user has a new password; other sessions end."""
    label = request.user.get_username()
    TemporaryPassword.objects.filter(user__username=label).delete()
    request.session.pop(accounts.PASSWORD_TO_CHANGE, None)
    accounts.forget()
    record(request, _Operation.CHANGE_PASSWORD, label=label)


def record(
    request: HttpRequest,
    operation: JournalEntry.Operation,
    *,
    label: str,
    detail: str = "",
) -> None:
    """Write a journal entry about a login or what goes with it."""
    by = Actor(
        label=label,
        node_id=settings.NODE_ID,
        request_id=request.request_id,  # type: ignore[attr-defined]
        address=client_address(request),
    )
    audit.record(operation=operation, by=by, detail=detail)


def _record_failure(request: HttpRequest, detail: str) -> None:
    record(request, _Operation.LOGIN_FAILED, label="anonymous", detail=detail)


def _usable(username: str) -> str:
    """Return a name as the login page and the database take it: NFKC, no NUL."""
    name = unicodedata.normalize("NFKC", _encodable(username)).strip()
    return name.replace("\0", "\N{REPLACEMENT CHARACTER}")[: _NAME_CHARACTERS + 1]


def _encodable(text: str) -> str:
    """Return the text without lone surrogates, which JSON can hold and UTF-8 not."""
    return text.encode("utf-8", "replace").decode()
