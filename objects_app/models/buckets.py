"""Buckets, objects and the blobs they refer to."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from objects_app.models.fields import KeyField


class Bucket(models.Model):
    """A namespace of keys. A null owner is whoever may write without credentials."""

    class Visibility(models.TextChoices):
        """Who may read without credentials: nobody; objects; objects and listing."""

        PRIVATE = "private"
        PUBLIC_READ = "public-read"
        PUBLIC_LIST = "public-list"

    class Versioning(models.TextChoices):
        """Whether overwriting and deleting keep what was there (S3's three states).

        Once enabled it is never off again: suspended keeps the versions there are.
        """

        OFF = "off"
        ENABLED = "enabled"
        SUSPENDED = "suspended"

    name = KeyField()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="buckets",
    )
    visibility = models.CharField(
        max_length=16, choices=Visibility, default=Visibility.PRIVATE
    )
    versioning = models.CharField(
        max_length=16, choices=Versioning, default=Versioning.OFF, db_default="off"
    )
    versioned_since = models.DateTimeField(null=True, editable=False)
    quota_bytes = models.BigIntegerField(null=True, blank=True)
    quota_objects = models.BigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "bucket"
        constraints = [
            models.UniqueConstraint(fields=["name"], name="one_bucket_per_name")
        ]

    def __str__(self) -> str:
        return str(self.name)


class Blob(models.Model):
    """Bytes stored once, under their SHA-256 (DESIGN: claimed, live, condemned,
    deleting)."""

    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    md5 = models.CharField(max_length=32, null=True, blank=True)  # noqa: DJ001
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    verified_at = models.DateTimeField(null=True, blank=True)
    condemned_at = models.DateTimeField(null=True, blank=True)
    deleting_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "blob"
        constraints = [
            models.UniqueConstraint(fields=["sha256"], name="one_blob_per_digest"),
            models.CheckConstraint(
                condition=Q(size__gte=0), name="blob_size_not_negative"
            ),
        ]
        indexes = [
            models.Index(
                fields=["condemned_at"],
                condition=Q(condemned_at__isnull=False),
                name="blob_condemned",
            )
        ]

    def __str__(self) -> str:
        return self.sha256


class BlobReference(models.Model):
    """What every row that keeps a blob alive has; the guard is built on it."""

    blob_usable = models.BooleanField(db_default=True, editable=False)

    class Meta:
        abstract = True


class StoredObject(BlobReference):
    """One version of one key.

    A version is the key's state from `created_at` on, until `superseded_at` (null: the
    latest). Without a blob it is a delete marker or made of segments; then `sha256` is
    "" until the worker has read it all.
    """

    bucket = models.ForeignKey(
        Bucket, on_delete=models.PROTECT, related_name="stored_objects", db_index=False
    )
    key = KeyField()
    version_id = models.CharField(max_length=64, default="null")
    is_latest = models.BooleanField(default=True)
    is_delete_marker = models.BooleanField(default=False)
    blob = models.ForeignKey(
        Blob,
        null=True,
        on_delete=models.PROTECT,
        related_name="stored_objects",
        db_index=False,
    )
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    prev_size = models.BigIntegerField(null=True, editable=False)
    prev_blob_id = models.BigIntegerField(null=True, editable=False)
    etag = models.CharField(max_length=128)
    content_type = models.CharField(max_length=255)
    headers = models.JSONField(default=dict)
    metadata = models.JSONField(default=dict)
    tags = models.JSONField(default=dict)
    node_id = models.CharField(max_length=128)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    superseded_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        db_table = "stored_object"
        verbose_name = "object"
        constraints = [
            models.UniqueConstraint(
                fields=["bucket", "key"],
                condition=Q(is_latest=True),
                name="one_latest_per_key",
            ),
            models.UniqueConstraint(
                fields=["bucket", "key", "version_id"], name="one_row_per_version"
            ),
        ]
        indexes = [
            models.Index(
                fields=["bucket", "key", "-created_at", "superseded_at"],
                condition=Q(is_latest=False),
                name="object_history",
            ),
            models.Index(
                fields=["id"],
                condition=Q(sha256="", is_delete_marker=False),
                name="object_without_digest",
            ),
            models.Index(fields=["blob", "bucket"], name="object_content"),
            models.Index(
                fields=["sha256"],
                condition=Q(blob__isnull=True, is_delete_marker=False),
                name="object_of_segments",
            ),
        ]

    def __str__(self) -> str:
        return str(self.key)


class Segment(BlobReference):
    """One blob's place in an object made of several."""

    object = models.ForeignKey(
        StoredObject, on_delete=models.CASCADE, related_name="segments", db_index=False
    )
    number = models.PositiveIntegerField()
    offset = models.BigIntegerField()
    size = models.BigIntegerField()
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="segments")

    class Meta:
        db_table = "segment"
        constraints = [
            models.UniqueConstraint(
                fields=["object", "number"], name="one_segment_a_place"
            )
        ]

    def __str__(self) -> str:
        return f"{self.number} at {self.offset}"
