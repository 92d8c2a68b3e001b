"""What callers may do with what is their own: access keys, presigned URLs, jobs."""

from django.utils.translation import gettext_noop

from objects_app.access import accounts, policy, tokens
from objects_app.access.presigned import Issuer
from objects_app.access.principals import Principal
from objects_app.errors import AccessDenied, BucketRequired
from objects_app.queries.rows import BucketRow
from objects_app.services.jobs import Whose


def known_user(principal: Principal) -> int:
    """Return the caller's user. Raises CredentialsRequired for nobody in particular."""
    if principal.user_id is None or principal.kind == "url":
        policy.require_credentials()
    return principal.user_id


def key_maker(principal: Principal) -> int:
    """Return whose keys the caller may make.

    A key makes no keys: else a stolen one would outlive its end. Raises
    CredentialsRequired, AccessDenied.
    """
    user_id = known_user(principal)
    if not principal.is_person:
        raise AccessDenied(
            gettext_noop(
                "An access key makes no keys: sign in, or get a token with your "
                "password."
            )
        )
    return user_id


def key_revoker(principal: Principal, key_id: str) -> int | None:
    """Return whose key the caller may revoke, None for anybody's.

    A key may end itself and no other. Raises CredentialsRequired, AccessDenied.
    """
    user_id = known_user(principal)
    if not principal.is_person and principal.key_id != key_id:
        raise AccessDenied(
            gettext_noop(
                "An access key revokes only itself: sign in, or get a token with "
                "your password."
            )
        )
    return None if principal.is_superuser else user_id


def administrator(principal: Principal, what: str) -> None:
    """Let only administrators on who proved who they are in person.

    For what makes credentials or gives power: a stolen key must not outlive its end.
    Raises CredentialsRequired, AccessDenied.
    """
    known_user(principal)
    policy.require_superuser(principal, what)
    if not principal.is_person:
        raise AccessDenied(
            gettext_noop("An access key may not %(what)s: sign in."), what=what
        )


def journal_reader(principal: Principal, bucket: str) -> BucketRow | None:
    """Return the bucket whose journal the caller may read, None for all of it.

    Administrators read all; owners of a bucket what happened in it, not in former ones
    of its name. Raises CredentialsRequired, NoSuchBucket, AccessDenied; BucketRequired
    where an owner names none.
    """
    known_user(principal)
    if principal.is_superuser and not principal.only_bucket:
        return None
    if not bucket:
        raise BucketRequired(gettext_noop("Name a bucket that you own."))
    return policy.bucket_for(principal, bucket, policy.Action.OWN)


def issuer(principal: Principal) -> Issuer:
    """Return in whose name the caller may presign. Raises CredentialsRequired."""
    user_id = known_user(principal)
    user = accounts.account(user_id)
    if principal.key_id or user is None:
        return Issuer(user_id, principal.key_id)
    return Issuer(user_id, "", tokens.auth_digest(user.auth_hashes[0]))


def jobs_of(principal: Principal) -> Whose:
    """Return whose jobs the caller may know of. Raises CredentialsRequired.

    Jobs name keys: an access key with limits of its own sees only those it made.
    """
    if principal.user_id is None and policy.anonymous_access(principal) != "write":
        policy.require_credentials()
    limited = bool(principal.only_bucket)
    return Whose(
        user_id=principal.user_id,
        everybody=principal.is_superuser and not limited,
        key_id=principal.key_id if limited else "",
    )


def jobs_to_cancel(principal: Principal) -> Whose:
    """As `jobs_of`, for ending them. Raises AccessDenied for a key that only reads."""
    whose = jobs_of(principal)
    if principal.read_only:
        raise AccessDenied(
            gettext_noop("This access key only reads: use another one to cancel.")
        )
    return whose
