"""Objects on their way, arriving in parts."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from objects_app.models.buckets import Blob, BlobReference, Bucket
from objects_app.models.fields import KeyField


class Upload(models.Model):
    """An object on its way. Its parts are stored blobs; completing it writes rows only.

    A row outlives its completion (`completed_at`, and the version that it became), so
    that a client whose last answer was lost can ask; it goes when it expires.
    `length` and `received` are tus': the size declared, and how much has come.
    """

    class Protocol(models.TextChoices):
        """Which door it comes through."""

        MULTIPART = "multipart"
        TUS = "tus"

    upload_id = models.CharField(max_length=64, unique=True)
    protocol = models.CharField(
        max_length=16,
        choices=Protocol,
        default=Protocol.MULTIPART,
        db_default="multipart",
    )
    bucket = models.ForeignKey(Bucket, on_delete=models.PROTECT, related_name="uploads")
    key = KeyField()
    content_type = models.CharField(max_length=255)
    headers = models.JSONField(default=dict)
    metadata = models.JSONField(default=dict)
    tags = models.JSONField(default=dict)
    conditions = models.JSONField(default=dict)
    actor = models.CharField(max_length=255)
    length = models.BigIntegerField(null=True)
    received = models.BigIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True, editable=False)
    version_id = models.CharField(max_length=64, default="", db_default="")

    class Meta:
        db_table = "upload"
        indexes = [
            models.Index(fields=["expires_at"], name="upload_expiry"),
            models.Index(
                fields=["bucket", "key", "upload_id"],
                condition=Q(completed_at__isnull=True),
                name="upload_unfinished",
            ),
        ]

    def __str__(self) -> str:
        return self.upload_id


class UploadPart(BlobReference):
    """One part of an upload, already stored."""

    upload = models.ForeignKey(
        Upload, on_delete=models.CASCADE, related_name="parts", db_index=False
    )
    number = models.PositiveIntegerField()
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64, db_default="")
    blob = models.ForeignKey(
        Blob, on_delete=models.PROTECT, related_name="upload_parts"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "upload_part"
        constraints = [
            models.UniqueConstraint(
                fields=["upload", "number"], name="one_part_a_number"
            )
        ]

    def __str__(self) -> str:
        return str(self.number)
