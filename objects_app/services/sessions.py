"""Sessions of the console, and failed logins: what is over, out of the database."""

from datetime import timedelta

from axes.models import AccessAttempt
from django.conf import settings
from django.db.models.functions import Now

from objects_app.models import ConsoleSession

_BATCH = 10_000  # fewer than a statement may have parameters


def prune() -> int:
    """Remove ended sessions and failures that no longer count; return how many.

    By the database's clock: a node whose own is wrong signs nobody out.
    """
    ended: int = ConsoleSession.objects.filter(expire_date__lt=Now()).delete()[0]
    past = Now() - timedelta(seconds=settings.LOGIN_LOCK_SECONDS)
    over = AccessAttempt.objects.filter(attempt_time__lt=past)
    while ids := list(over.values_list("pk", flat=True)[:_BATCH]):
        ended += AccessAttempt.objects.filter(pk__in=ids).delete()[0]
    return ended
