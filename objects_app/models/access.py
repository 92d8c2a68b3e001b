"""Who may do what: keys, grants, allowances, identities."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from objects_app.models.buckets import Bucket
from objects_app.models.fields import KeyField


class Role(models.IntegerChoices):
    """What a grant allows; each includes the ones below it.

    Numbers, so that the highest of several grants is their maximum.
    """

    READER = 1, "reader"
    WRITER = 2, "writer"
    OWNER = 3, "owner"


class Grant(models.Model):
    """A role in a bucket for a user or a group, for keys of one prefix or all ("")."""

    bucket = models.ForeignKey(Bucket, on_delete=models.CASCADE, related_name="grants")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="bucket_grants",
    )
    group = models.ForeignKey(
        Group,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="bucket_grants",
    )
    role = models.PositiveSmallIntegerField(choices=Role)
    prefix = KeyField(default="", blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "bucket_grant"
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=True) ^ Q(group__isnull=True),
                name="grant_to_a_user_or_a_group",
            ),
            models.CheckConstraint(
                condition=~Q(role=Role.OWNER) | Q(prefix=""),
                name="owner_of_a_whole_bucket",
            ),
            models.UniqueConstraint(
                fields=["bucket", "user", "prefix"],
                condition=Q(user__isnull=False),
                name="one_grant_per_user_and_prefix",
            ),
            models.UniqueConstraint(
                fields=["bucket", "group", "prefix"],
                condition=Q(group__isnull=False),
                name="one_grant_per_group_and_prefix",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} of {self.bucket_id}/{self.prefix}"


class AccessKey(models.Model):
    """A program's credentials. The secret is sealed (`access/sealing.py`)."""

    key_id = models.CharField(max_length=32, unique=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="access_keys"
    )
    label = models.CharField(max_length=100, blank=True)
    sealed_secret = models.CharField(max_length=512, editable=False)
    read_only = models.BooleanField(default=False)
    only_bucket = KeyField(default="", blank=True)
    only_prefix = KeyField(default="", blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        db_table = "access_key"
        constraints = [
            models.CheckConstraint(
                condition=Q(only_prefix="") | ~Q(only_bucket=""),
                name="a_key_prefix_needs_a_bucket",
            )
        ]

    def __str__(self) -> str:
        return self.key_id


class Allowance(models.Model):
    """How much a user may own: buckets, objects and bytes. Null: as much as fits."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        primary_key=True,
        on_delete=models.CASCADE,
        related_name="allowance",
    )
    buckets = models.PositiveIntegerField(null=True, blank=True)
    objects_quota = models.BigIntegerField(null=True, blank=True)
    bytes_quota = models.BigIntegerField(null=True, blank=True)

    class Meta:
        db_table = "allowance"

    def __str__(self) -> str:
        return f"of user {self.user_id}"


class TemporaryPassword(models.Model):
    """A user whose password somebody else was shown: to be changed when signing in."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        primary_key=True,
        on_delete=models.CASCADE,
        related_name="temporary_password",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "temporary_password"

    def __str__(self) -> str:
        return f"of user {self.user_id}"


class OidcIdentity(models.Model):
    """Which user an identity provider's subject is, here.

    `groups` (ids) and `is_administrator` are what its claims gave the user, so that
    they can be taken back; `claims_at` is when the latest claims heeded were issued.
    """

    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="oidc_identities",
    )
    groups = models.JSONField(default=list)
    is_administrator = models.BooleanField(default=False)
    claims_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "oidc_identity"
        verbose_name = "OIDC identity"
        verbose_name_plural = "OIDC identities"
        constraints = [
            models.UniqueConstraint(
                fields=["issuer", "subject"], name="one_user_per_identity"
            )
        ]

    def __str__(self) -> str:
        return f"{self.subject} of {self.issuer}"


class ConsoleSession(AbstractBaseSession):
    """A session of the console (`access/console_sessions.py`), and whose it is.

    Nobody's is one that has only begun to sign on.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.CASCADE,
        related_name="console_sessions",
    )

    class Meta:
        db_table = "console_session"
