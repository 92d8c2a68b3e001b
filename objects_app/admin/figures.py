"""What the worker measures and nodes count."""

from django.contrib import admin

from objects_app.admin.base import ReadOnlyAdmin
from objects_app.models import (
    BucketFigures,
    Chore,
    DuplicatedContent,
    RequestCount,
    UsageSample,
)


@admin.register(BucketFigures)
class BucketFiguresAdmin(ReadOnlyAdmin):
    """What the worker last measured; bucket 0 is the whole store."""

    list_display = (
        "bucket_id",
        "objects_total",
        "named_bytes",
        "stored_bytes",
        "measured_at",
    )


@admin.register(UsageSample)
class UsageSampleAdmin(ReadOnlyAdmin):
    """How much there was, over time; bucket 0 is the whole store."""

    list_display = (
        "taken_at",
        "bucket_id",
        "objects_total",
        "named_bytes",
        "stored_bytes",
    )


@admin.register(DuplicatedContent)
class DuplicatedContentAdmin(ReadOnlyAdmin):
    """The contents that deduplication saves most by."""

    list_display = ("sha256", "size", "uses")


@admin.register(RequestCount)
class RequestCountAdmin(ReadOnlyAdmin):
    """Requests per hour and node."""

    list_display = ("hour", "node_id", "requests", "refused", "errors")


@admin.register(Chore)
class ChoreAdmin(ReadOnlyAdmin):
    """What is done now and then, and when it last was."""

    list_display = ("name", "ended_at", "outcome")
