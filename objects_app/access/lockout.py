"""Failed logins counted, and locked: what django-axes keeps in the database.

All nodes share its table. A lock ends LOGIN_LOCK_SECONDS after the last failure that
counted; attempts meanwhile are neither checked nor counted, so that nobody can keep
an account locked by trying on.
"""

import math
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any, NamedTuple

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_client_username
from axes.models import AccessAttempt
from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q, QuerySet, Sum
from django.http import HttpRequest
from django.utils.timezone import now
from django.utils.translation import gettext_noop

from objects_app.access.addresses import client_network
from objects_app.errors import InvalidArgument
from objects_app.models import JournalEntry
from objects_app.queries.rows import Actor
from objects_app.services import audit

MOST_LOCKS = 100  # of each kind, that are shown

# An address that tries many accounts, and an account tried from many addresses.
_TIMES_PER_ADDRESS = 10
_TIMES_PER_ACCOUNT = 20

Credentials = dict[str, Any] | None


class Lock(NamedTuple):
    """Who cannot sign in: an account from an address; without `username` any account
    from there, without `address` the account from anywhere."""

    username: str | None
    address: str | None
    failures: int
    ends_at: datetime


class Handler(AxesDatabaseHandler):  # type: ignore[misc] # axes has no types
    """Locks an account for an address after LOGIN_FAILURES.

    Ten times as many lock the address for all accounts, twenty times as many the
    account for all addresses: passwords cannot be tried sideways either.
    """

    def get_failures(
        self, request: HttpRequest, credentials: Credentials = None
    ) -> int:
        """Return the failures, those of an address or account at large scaled down."""
        pair, address, account = _counted_by(request, credentials)
        sums = _recent(request, address | account).aggregate(
            pair=Sum("failures_since_start", filter=pair, default=0),
            address=Sum("failures_since_start", filter=address, default=0),
            account=Sum("failures_since_start", filter=account, default=0),
        )
        worst: int = max(
            sums["pair"],
            sums["address"] // _TIMES_PER_ADDRESS,
            sums["account"] // _TIMES_PER_ACCOUNT,
        )
        return worst

    def clean_expired_user_attempts(
        self, request: HttpRequest | None = None, credentials: Credentials = None
    ) -> int:
        """Begin anew for this account and address where failures no longer count.

        All others are the worker's (`services/sessions.py: prune`): so many may be left
        by an attack that no login could remove them, and none would succeed.
        """
        if request is None:
            return 0
        pair, _, _ = _counted_by(request, credentials)
        AxesProxyHandler.update_request(request)
        over = AccessAttempt.objects.filter(
            pair, attempt_time__lte=get_cool_off_threshold(request)
        )
        return int(over.delete()[0])


def witness(request: HttpRequest) -> HttpRequest:
    """Return what axes is shown of a request: where it came from.

    It keeps fields, queries and headers in its table; passwords have many names.
    """
    shown = HttpRequest()
    shown.META = {
        name: request.META[name]
        for name in ("objectstore.client", "REMOTE_ADDR", "PATH_INFO")
        if name in request.META
    }
    shown.path = shown.path_info = request.path_info
    return shown


def is_locked(shown: HttpRequest) -> bool:
    """Whether the login just tried with this witness ran into a lock, or made one."""
    return bool(shown.axes_locked_out)  # type: ignore[attr-defined]


def was_checked(shown: HttpRequest) -> bool:
    """Whether the password was looked at; not, when there was a lock already."""
    return shown.axes_failures_since_start is not None  # type: ignore[attr-defined]


def seconds_left(shown: HttpRequest, name: str) -> int:
    """Return in how many seconds the lock is surely over, 1 or more."""
    _, address, account = _counted_by(shown, {"username": name})
    last = _recent(shown, address | account).aggregate(last=Max("attempt_time"))["last"]
    passed = (now() - last).total_seconds() if last else 0.0
    return max(1, math.ceil(settings.LOGIN_LOCK_SECONDS - passed))


def forget(shown: HttpRequest, name: str) -> None:
    """Begin anew for this account and address, after a login that went well."""
    pair, _, _ = _counted_by(shown, {"username": name})
    AccessAttempt.objects.filter(pair).delete()


def locks() -> list[Lock]:
    """Return the locks there are, the widest first, the latest of each kind first."""
    kinds = {
        ("ip_address",): settings.LOGIN_FAILURES * _TIMES_PER_ADDRESS,
        ("username",): settings.LOGIN_FAILURES * _TIMES_PER_ACCOUNT,
        ("username", "ip_address"): settings.LOGIN_FAILURES,
    }
    length = timedelta(seconds=settings.LOGIN_LOCK_SECONDS)
    recent = AccessAttempt.objects.filter(attempt_time__gte=now() - length)
    return [
        Lock(
            row.get("username"),
            row.get("ip_address"),
            row["failures"],
            row["last"] + length,
        )
        for columns, most in kinds.items()
        for row in recent.values(*columns)
        .annotate(failures=Sum("failures_since_start"), last=Max("attempt_time"))
        .filter(failures__gte=most)
        .order_by("-last")[:MOST_LOCKS]
    ]


def release(*, username: str | None, address: str | None, by: Actor) -> None:
    """Forget the failures of an account, an address, or (both named) of the pair.

    Raises InvalidArgument for what is no address.
    """
    if address is not None and not _is_address(address):
        raise InvalidArgument(
            gettext_noop("%(address)s is no address: copy it from the list."),
            address=address,
        )
    named = {"username": username, "ip_address": address}
    which = {name: value for name, value in named.items() if value is not None}
    with transaction.atomic():
        if which and AccessAttempt.objects.filter(**which).delete()[0]:
            audit.record(
                operation=JournalEntry.Operation.RELEASE_LOCK,
                by=by,
                detail=" from ".join(which.values()),
            )


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text  # a zone is for this machine to know, and in no column


def _counted_by(request: HttpRequest, credentials: Credentials) -> tuple[Q, Q, Q]:
    address = Q(ip_address=client_network(request))
    account = Q(username=get_client_username(request, credentials))
    return address & account, address, account


def _recent(request: HttpRequest, which: Q) -> QuerySet[Any]:
    AxesProxyHandler.update_request(request)
    threshold = get_cool_off_threshold(request)
    recent: QuerySet[Any] = AccessAttempt.objects.filter(attempt_time__gte=threshold)
    return recent.filter(which)
