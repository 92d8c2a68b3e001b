"""Figures for people: what was counted and measured, and what became of chores.

Buckets are plain numbers here, and bucket 0 is the whole store.
"""

from django.db import models
from django.db.models.functions import Now


class RequestCount(models.Model):
    """How many requests a node answered within an hour; of them, how many it `refused`
    (4xx), and how many were `errors` (5xx).

    Past a month the hours of a day are one row, at its midnight (UTC).
    """

    hour = models.DateTimeField()
    node_id = models.CharField(max_length=128)
    requests = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    errors = models.BigIntegerField(default=0)

    class Meta:
        db_table = "request_count"
        constraints = [
            models.UniqueConstraint(
                fields=["hour", "node_id"], name="one_count_per_hour_and_node"
            )
        ]

    def __str__(self) -> str:
        return f"{self.requests} on {self.node_id} at {self.hour}"


class UsageSample(models.Model):
    """How much there was in a bucket at a moment.

    Taken hourly of what has changed, and of everything that is not empty at the first
    time of a day (UTC); past a month one a day is kept, the last.
    """

    taken_at = models.DateTimeField()
    bucket_id = models.BigIntegerField()
    objects_total = models.BigIntegerField()
    named_bytes = models.BigIntegerField()
    stored_bytes = models.BigIntegerField()

    class Meta:
        db_table = "usage_sample"
        constraints = [
            models.UniqueConstraint(
                fields=["bucket_id", "taken_at"], name="one_sample_at_a_time"
            )
        ]
        indexes = [models.Index(fields=["taken_at"], name="sample_time")]

    def __str__(self) -> str:
        return f"{self.named_bytes} bytes at {self.taken_at}"


class BucketFigures(models.Model):
    """What the worker last found in a bucket: bytes named by objects, and bytes stored
    for them, equal content once."""

    bucket_id = models.BigIntegerField(primary_key=True)
    objects_total = models.BigIntegerField()
    named_bytes = models.BigIntegerField()
    stored_bytes = models.BigIntegerField()
    measured_at = models.DateTimeField()

    class Meta:
        db_table = "bucket_figures"
        verbose_name_plural = "bucket figures"

    def __str__(self) -> str:
        return f"{self.named_bytes} bytes named, {self.stored_bytes} stored"


class DuplicatedContent(models.Model):
    """One of the contents that deduplication saves most by: `uses` for one blob."""

    blob_id = models.BigIntegerField(primary_key=True)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    uses = models.BigIntegerField()

    class Meta:
        db_table = "duplicated_content"

    def __str__(self) -> str:
        return f"{self.sha256}, {self.uses} times"


class Chore(models.Model):
    """The last end of something that is done now and then, and what it came to."""

    name = models.CharField(max_length=64, primary_key=True)
    ended_at = models.DateTimeField(db_default=Now())
    outcome = models.JSONField(default=dict)

    class Meta:
        db_table = "chore"

    def __str__(self) -> str:
        return f"{self.name}, {self.ended_at}"
