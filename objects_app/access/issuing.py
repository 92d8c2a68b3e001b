"""Handing out tokens, for a password or an access key, and presigned URLs."""

from django.conf import settings
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from objects_app.access import logins, tokens
from objects_app.access.principals import actor_of, principal_of
from objects_app.errors import CredentialsRequired
from objects_app.models import JournalEntry
from objects_app.queries.rows import BucketRow
from objects_app.services import audit
from objects_app.services.buckets import NewBucket


@sensitive_variables("password")
def token_for_password(
    request: HttpRequest, username: str, password: str
) -> tokens.Issued:
    """Return a token of the user. Raises what `logins.check_password` does."""
    user = logins.check_password(request, username, password)
    issued = tokens.issue(
        user_id=user.pk,
        key_id="",
        auth_hash=user.get_session_auth_hash(),
        seconds=settings.TOKEN_SECONDS,
    )
    by = actor_of(request)._replace(label=user.get_username())
    audit.record(operation=JournalEntry.Operation.CREATE_TOKEN, by=by)
    return issued


def token_for_key(request: HttpRequest) -> tokens.Issued:
    """Return a token of the key that the request shows, with the key's limits.

    Raises CredentialsRequired for any other caller: a token gets no second one.
    """
    principal = principal_of(request)
    if principal.kind != "key" or principal.user_id is None:
        raise CredentialsRequired(
            "Send username and password as JSON, or an access key in Authorization."
        )
    issued = tokens.issue(
        user_id=principal.user_id,
        key_id=principal.key_id,
        auth_hash="",
        seconds=settings.TOKEN_SECONDS,
    )
    by = actor_of(request)
    audit.record(operation=JournalEntry.Operation.CREATE_TOKEN, by=by)
    return issued


def record_url(
    request: HttpRequest, *, bucket: BucketRow | NewBucket, key: str, what: str
) -> None:
    """Write down who was handed a presigned URL; what is done by it is, anyway."""
    audit.record(
        operation=JournalEntry.Operation.PRESIGN,
        by=actor_of(request),
        bucket=bucket,
        key=key,
        detail=what,
    )
