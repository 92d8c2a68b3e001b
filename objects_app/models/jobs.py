"""Work that is too long for one request."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from objects_app.models.fields import KeyField


class Job(models.Model):
    """Something done to many keys, in transactions of many keys each, by the worker.

    `after` is the last key done, written in the transaction that did it: whoever goes
    on after a crash begins there (of versions, which `keys_*` count then, some of the
    next key may be gone, too). `actor` is who asked (queries.rows.Actor as a list):
    what it may was decided then. Of a failed one `problem` says why; `error` is the
    class among `errors`, or "" if nobody foresaw it.
    """

    class Kind(models.TextChoices):
        COPY = "copy"
        MOVE = "move"
        DELETE = "delete"
        RESTORE = "restore"
        DELETE_VERSIONS = "delete_versions"

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    job_id = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=16, choices=Kind)
    state = models.CharField(max_length=16, choices=State, default=State.QUEUED)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.CASCADE,
        related_name="jobs",
    )
    bucket_id = models.BigIntegerField()
    target_bucket_id = models.BigIntegerField(null=True)
    parameters = models.JSONField(default=dict)
    actor = models.JSONField(default=list)
    after = KeyField(default="")
    keys_total = models.BigIntegerField(default=0)
    keys_done = models.BigIntegerField(default=0)
    problem = models.TextField(default="")
    error = models.CharField(max_length=64, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        db_table = "job"
        indexes = [
            models.Index(
                fields=["id"],
                condition=Q(state__in=["queued", "running"]),
                name="job_unfinished",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.job_id}"
