"""What happened, and the sums of it."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from objects_app.models.fields import KeyField


class JournalEntry(models.Model):
    """One change, written in the transaction that made it; never changed after.

    On PostgreSQL the table also has `xid` (xid8), the order followers read in. Bucket
    and blob are plain numbers: history outlives them. What belongs to no bucket, such
    as a login, has bucket 0 and no name; `detail` says what other columns cannot.
    """

    class Operation(models.TextChoices):
        CREATE_BUCKET = "create_bucket"
        DELETE_BUCKET = "delete_bucket"
        PUT = "put"
        DELETE = "delete"
        COPY = "copy"
        MOVE = "move"
        RESTORE = "restore"
        CHANGE_OBJECT = "change_object"
        DELETE_VERSION = "delete_version"
        CHANGE_BUCKET = "change_bucket"
        CHANGE_ALLOWANCE = "change_allowance"
        GRANT = "grant"
        REVOKE_GRANT = "revoke_grant"
        CREATE_KEY = "create_key"
        REVOKE_KEY = "revoke_key"
        CREATE_TOKEN = "create_token"  # noqa: S105 an operation's name
        PRESIGN = "presign"
        LOGIN = "login"
        LOGIN_FAILED = "login_failed"
        LOGOUT = "logout"
        CHANGE_PASSWORD = "change_password"  # noqa: S105 an operation's name
        ROTATE_SECRETS = "rotate_secrets"
        END_SESSION = "end_session"
        RELEASE_LOCK = "release_lock"
        CREATE_USER = "create_user"
        CHANGE_USER = "change_user"
        CREATE_GROUP = "create_group"
        CHANGE_GROUP = "change_group"
        DELETE_GROUP = "delete_group"
        CANCEL_JOB = "cancel_job"
        ABORT_UPLOAD = "abort_upload"
        VERIFY = "verify"
        SWEEP = "sweep"

    bucket_id = models.BigIntegerField()
    bucket_name = KeyField()
    key = KeyField(default="")
    version_id = models.CharField(max_length=64, default="")
    operation = models.CharField(max_length=32, choices=Operation)
    objects_delta = models.IntegerField(default=0)
    bytes_delta = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, default="")
    old_blob_id = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=255)
    key_id = models.CharField(max_length=32, default="", db_default="")
    address = models.CharField(max_length=45, default="", db_default="")
    detail = models.TextField(default="", db_default="")
    node_id = models.CharField(max_length=128)
    request_id = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "journal_entry"
        verbose_name_plural = "journal entries"
        # Each for one filter of `services/audit.py`, newest first. Every write pays for
        # them, with 3 to 10 us of the server's time: so there is none by address.
        indexes = [
            models.Index(fields=["created_at", "id"], name="journal_by_time"),
            models.Index(fields=["actor", "created_at", "id"], name="journal_by_actor"),
            models.Index(
                fields=["bucket_name", "created_at", "id"], name="journal_by_bucket"
            ),
            models.Index(
                fields=["key_id", "created_at", "id"],
                name="journal_by_key_id",
                condition=~Q(key_id=""),
            ),
            models.Index(
                fields=["operation", "created_at", "id"],
                name="journal_by_operation",
                condition=~Q(operation="put"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.bucket_name}/{self.key}"


class BucketTotals(models.Model):
    """The journal's sums per bucket, up to the watermark."""

    bucket_id = models.BigIntegerField(primary_key=True)
    objects_total = models.BigIntegerField(default=0)
    bytes_total = models.BigIntegerField(default=0)

    class Meta:
        db_table = "bucket_totals"
        verbose_name_plural = "bucket totals"

    def __str__(self) -> str:
        return f"{self.objects_total} objects, {self.bytes_total} bytes"


class JournalWatermark(models.Model):
    """Up to where the journal is folded: an xid on PostgreSQL, an id on SQLite."""

    position = models.BigIntegerField(default=0)

    class Meta:
        db_table = "journal_watermark"

    def __str__(self) -> str:
        return str(self.position)
