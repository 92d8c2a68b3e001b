"""Handing out tokens, for a password or an access key, and presigned URLs."""

import time
from datetime import UTC, datetime
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_noop
from django.views.decorators.debug import sensitive_variables

from objects_app.access import logins, presigned, tokens
from objects_app.access.presigned import Issuer
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
            gettext_noop(
                "Send username and password as JSON, or an access key in Authorization."
            )
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


class IssuedURL(NamedTuple):
    """A presigned URL, and when it ends."""

    url: str
    expires_at: datetime


def presigned_url(
    request: HttpRequest,
    *,
    issuer: Issuer,
    bucket: BucketRow | NewBucket,
    key: str,
    target: str,
    method: str,
    seconds: int,
    content_type: str | None = None,
    max_bytes: int | None = None,
    sha256: str | None = None,
    filename: str | None = None,
    version: str | None = None,
    at: str | None = None,
) -> IssuedURL:
    """Return a URL of the object at this address, and write down who got it.

    `target` is the object's path in a URL. What is done with the URL is written down
    anyway. Raises InvalidArgument for what no presigned URL can hold.
    """
    encoded_path, _, by_query = target.partition("?")
    path = f"/buckets/{bucket.name}/objects" + ("" if by_query else f"/{key}")
    expires_at = int(time.time()) + seconds
    query = presigned.sign(
        method=method,
        path=path.encode(),
        issuer=issuer,
        expires_at=expires_at,
        content_type=content_type,
        max_bytes=max_bytes,
        sha256=sha256,
        filename=filename,
        key=key if by_query else None,
        version=version,
        at=at,
    )
    ends = datetime.fromtimestamp(expires_at, UTC)
    audit.record(
        operation=JournalEntry.Operation.PRESIGN,
        by=actor_of(request),
        bucket=bucket,
        key=key,
        detail=f"{method} until {ends:%Y-%m-%dT%H:%M:%S.%fZ}",
    )
    origin = f"{request.scheme}://{request.get_host()}"
    return IssuedURL(f"{origin}{encoded_path}?{query}", ends)
