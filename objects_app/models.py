"""The tables. Rows are written by `services/` and `queries/`; nothing here does IO.

Times are the database's clock (`db_default=Now()`), never a node's.
"""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Q
from django.db.models.functions import Now


class KeyField(models.TextField):  # type: ignore[type-arg]  # not at run time
    """Text compared byte by byte, whatever the database's language is."""

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        """Return the column's type, with COLLATE "C" where the default differs."""
        parameters = super().db_parameters(connection)
        if connection.vendor == "postgresql":
            parameters["collation"] = "C"
        return parameters


class Bucket(models.Model):
    """A namespace of keys. A null owner is whoever may write without credentials."""

    class Visibility(models.TextChoices):
        PRIVATE = "private"

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
    """One version of one key."""

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


class Upload(models.Model):
    """An object on its way, arriving in parts."""

    upload_id = models.CharField(max_length=64, unique=True)
    bucket = models.ForeignKey(Bucket, on_delete=models.PROTECT, related_name="uploads")
    key = KeyField()
    content_type = models.CharField(max_length=255)
    headers = models.JSONField(default=dict)
    metadata = models.JSONField(default=dict)
    actor = models.CharField(max_length=255)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "upload"

    def __str__(self) -> str:
        return self.upload_id


class UploadPart(BlobReference):
    """One part of an upload, already stored."""

    upload = models.ForeignKey(
        Upload, on_delete=models.CASCADE, related_name="parts", db_index=False
    )
    number = models.PositiveIntegerField()
    size = models.BigIntegerField()
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


class JournalEntry(models.Model):
    """One change, written in the transaction that made it; never changed after.

    On PostgreSQL the table also has `xid` (xid8), the order followers read in. Bucket
    and blob are plain numbers: history outlives them.
    """

    class Operation(models.TextChoices):
        CREATE_BUCKET = "create_bucket"
        DELETE_BUCKET = "delete_bucket"
        PUT = "put"
        DELETE = "delete"

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
    node_id = models.CharField(max_length=128)
    request_id = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "journal_entry"
        verbose_name_plural = "journal entries"

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


class Node(models.Model):
    """A node that is there, or was: `seen_at` is its last heartbeat.

    `instance` is new with each start, so that two nodes of one name can be told apart.
    """

    node_id = models.CharField(max_length=128, primary_key=True)
    instance = models.CharField(max_length=32)
    version = models.CharField(max_length=64)
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "node"

    def __str__(self) -> str:
        return self.node_id


class Lease(models.Model):
    """A task of one process at a time: of `holder`, until it ends or is renewed."""

    name = models.CharField(max_length=64, primary_key=True)
    holder = models.CharField(max_length=255)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "lease"

    def __str__(self) -> str:
        return f"{self.name} of {self.holder}"


class SweepHold(models.Model):
    """The latest backup's moment: what was condemned after it keeps its bytes."""

    since = models.DateTimeField()
    backup = models.CharField(max_length=255)

    class Meta:
        db_table = "sweep_hold"

    def __str__(self) -> str:
        return f"{self.backup}, {self.since}"


class ImportedObject(models.Model):
    """What an import has brought here, so that the next run can pass it by.

    `source` is the other store's address and bucket. The target bucket is a plain
    number: one that is made anew under the same name has nothing imported yet.
    """

    source = KeyField()
    source_key = KeyField()
    source_etag = models.CharField(max_length=255)
    source_size = models.BigIntegerField()
    bucket_id = models.BigIntegerField()
    key = KeyField()
    imported_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "imported_object"
        constraints = [
            models.UniqueConstraint(
                fields=["bucket_id", "key", "source", "source_key"],
                name="one_import_per_object",
            )
        ]

    def __str__(self) -> str:
        return f"{self.source}/{self.source_key}"
