"""Who may do what, and who tried."""

from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from objects_app.access import keys, lockout, sessions
from objects_app.admin.actions import Told, confirmed, each
from objects_app.admin.base import ReadOnlyAdmin, actor_of
from objects_app.admin.lists import Rows, some
from objects_app.models import (
    AccessKey,
    Allowance,
    ConsoleSession,
    Grant,
    OidcIdentity,
    TemporaryPassword,
)


@admin.register(AccessKey)
class AccessKeyAdmin(ReadOnlyAdmin):
    """Access keys, without their secrets."""

    list_display = ("key_id", "user", "label", "expires_at", "revoked_at")
    list_select_related = ("user",)
    search_fields = ("key_id", "user")
    search_help_text = _("A key's ID, or a user's name")
    exclude = ("sealed_secret",)
    actions = ("revoke",)

    @confirmed(
        label=_("Revoke"),
        warning=_("These keys, with the tokens and presigned URLs they made, end now."),
    )
    def revoke(self, request: HttpRequest, rows: list[AccessKey]) -> Iterator[Told]:
        """End the keys."""
        by = actor_of(request)
        yield from each(
            rows, lambda key: keys.revoke_key(key_id=key.key_id, user_id=None, by=by)
        )

    def find(self, rows: Rows, term: str) -> Rows:
        """Return the key, or those of the user."""
        return some(rows, Q(key_id=term), Q(user__username=term))


@admin.register(Grant)
class GrantAdmin(ReadOnlyAdmin):
    """Who may do what in whose buckets."""

    list_display = ("bucket", "user", "group", "role", "prefix", "created_at")
    list_select_related = ("bucket", "user", "group")
    search_fields = ("bucket", "user", "group")
    search_help_text = _("The name of a bucket, a user or a group")

    def find(self, rows: Rows, term: str) -> Rows:
        """Return the grants in the bucket, to the user or to the group."""
        names = ("bucket__name", "user__username", "group__name")
        return some(rows, *(Q(**{name: term}) for name in names))


@admin.register(Allowance)
class AllowanceAdmin(ReadOnlyAdmin):
    """How much users may own."""

    list_display = ("user", "buckets", "objects_quota", "bytes_quota")
    list_select_related = ("user",)
    search_fields = ("user",)
    search_help_text = _("A user's name")

    def find(self, rows: Rows, term: str) -> Rows:
        """Return the user's."""
        return rows.filter(user__username=term)


@admin.register(TemporaryPassword)
class TemporaryPasswordAdmin(ReadOnlyAdmin):
    """Whose password is to be changed when signing in."""

    list_display = ("user", "created_at")
    list_select_related = ("user",)
    search_fields = ("user",)
    search_help_text = _("A user's name")

    def find(self, rows: Rows, term: str) -> Rows:
        """Return the user's."""
        return rows.filter(user__username=term)


@admin.register(OidcIdentity)
class OidcIdentityAdmin(ReadOnlyAdmin):
    """Users of an identity provider."""

    list_display = ("issuer", "subject", "user", "created_at")
    list_select_related = ("user",)
    search_fields = ("subject", "user")
    search_help_text = _("A subject of the provider configured, or a user's name")

    def find(self, rows: Rows, term: str) -> Rows:
        """Return the subject's, or the user's."""
        subject = Q(issuer=settings.OIDC_ISSUER or "", subject=term)
        return some(rows, subject, Q(user__username=term))


@admin.register(AccessAttempt)
class AccessAttemptAdmin(ReadOnlyAdmin):
    """Failed logins that count."""

    list_display = ("username", "ip_address", "failures_since_start", "attempt_time")
    search_fields = ("username", "ip_address")
    search_help_text = _("An account, or the network that it was tried from")
    exclude = ("user_agent", "http_accept", "get_data", "post_data")
    actions = ("forget",)

    @confirmed(
        label=_("Forget"),
        warning=_(
            "These failures no longer count: an account that is locked for them can "
            "sign in from there again."
        ),
    )
    def forget(self, request: HttpRequest, rows: list[AccessAttempt]) -> Iterator[Told]:
        """Open the locks of these accounts and networks."""
        by = actor_of(request)
        yield from each(
            rows,
            lambda row: lockout.release(
                username=row.username, address=row.ip_address, by=by
            ),
        )

    def find(self, rows: Rows, term: str) -> Rows:
        """Return the failures of the account, or from the network."""
        wanted = [Q(username=term)]
        with suppress(ValueError):
            wanted.append(Q(ip_address=str(ip_address(term))))
        return some(rows, *wanted)


@admin.register(ConsoleSession)
class ConsoleSessionAdmin(ReadOnlyAdmin):
    """Who is signed in, or was."""

    list_display = ("session_key", "user", "expire_date")
    list_select_related = ("user",)
    ordering = ("-expire_date", "-pk")
    search_fields = ("user",)
    search_help_text = _("A user's name")
    exclude = ("session_data",)
    actions = ("end",)

    @confirmed(
        label=_("End"), warning=_("Whoever has these sessions has to sign in again.")
    )
    def end(self, request: HttpRequest, rows: list[ConsoleSession]) -> Iterator[Told]:
        """End the sessions that are somebody's."""
        by = actor_of(request)
        yield from each(
            [row for row in rows if row.user_id is not None],
            lambda row: sessions.end_session(
                user_id=row.user_id, session_id=row.session_key, by=by
            ),
        )

    def find(self, rows: Rows, term: str) -> Rows:
        """Return the user's."""
        return some(rows, Q(user__username=term))
