"""Nodes, leases, holds and imports."""

from django.db import models
from django.db.models.functions import Now

from objects_app.models.fields import KeyField


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
    """A task of one process at a time: of `holder`, until it ends or is renewed; or a
    sweep that `holder` asked for (`services/sweep.py: ask`), to begin before then."""

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
