"""Django admin: look at everything, change next to nothing, at any size.

Lists are ordered by primary key, never counted beyond COUNT_LIMIT and searched by exact
or leading text only, so that each page is a few index look-ups however many rows there
are. Objects and blobs change only through the services.
"""

import re
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from objects_app.access.addresses import client_address
from objects_app.models import (
    AccessKey,
    Allowance,
    Blob,
    Bucket,
    BucketFigures,
    BucketTotals,
    Chore,
    DuplicatedContent,
    Grant,
    ImportedObject,
    Job,
    JournalEntry,
    JournalWatermark,
    Lease,
    Node,
    OidcIdentity,
    RequestCount,
    Segment,
    StoredObject,
    SweepHold,
    Upload,
    UploadPart,
    UsageSample,
)
from objects_app.names import prefix_end
from objects_app.queries import reads
from objects_app.queries.rows import Actor
from objects_app.services import audit

COUNT_LIMIT = 10_000
_DIGEST = re.compile(r"[0-9a-f]{64}")

admin.site.site_header = "Object store"
admin.site.site_title = "Object store"
admin.site.index_title = "Tables"
admin.site.site_url = "/ui/"


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not at run time
    """Counts up to COUNT_LIMIT rows and pretends that there are no more."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, at most COUNT_LIMIT."""
        rows: QuerySet[Model] = self.object_list  # type: ignore[assignment]
        return rows.order_by()[:COUNT_LIMIT].count()


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not at run time
    """Rows to look at."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    ordering = ("-pk",)
    actions = None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: rows are written by the services."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: rows are written by the services."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: only the sweep removes blobs, only the services objects."""
        return False


@admin.register(Bucket)
class BucketAdmin(ReadOnlyAdmin):
    """Buckets; their owner may be changed."""

    list_display = ("name", "owner", "visibility", "versioning", "created_at")
    list_select_related = ("owner",)
    search_fields = ("name__startswith",)
    autocomplete_fields = ("owner",)
    readonly_fields = (
        "name",
        "visibility",
        "versioning",
        "quota_bytes",
        "quota_objects",
        "created_at",
    )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever has Django's permission may change the owner."""
        return admin.ModelAdmin.has_change_permission(self, request, obj)

    def save_model(
        self, request: HttpRequest, obj: Bucket, form: Any, change: bool
    ) -> None:
        """Give it to another owner, and write down who did.

        Only that: the rest is what it was when the form's row was read.
        """
        obj.save(update_fields=["owner"])  # the view has a transaction
        by = Actor(
            label=request.user.get_username(),
            node_id=settings.NODE_ID,
            request_id=request.request_id,  # type: ignore[attr-defined]
            address=client_address(request),
        )
        audit.record(
            operation=JournalEntry.Operation.CHANGE_BUCKET,
            by=by,
            bucket=reads.find_bucket(obj.name),
            detail=f"owner: {obj.owner or 'nobody'}",
        )


@admin.register(StoredObject)
class StoredObjectAdmin(ReadOnlyAdmin):
    """Objects. Search by SHA-256, or by `bucket/key prefix`."""

    list_display = (
        "key",
        "bucket",
        "version_id",
        "is_latest",
        "is_delete_marker",
        "size",
        "content_type",
        "node_id",
        "created_at",
    )
    list_select_related = ("bucket",)
    raw_id_fields = ("blob", "bucket")
    search_fields = ("sha256",)
    search_help_text = "A SHA-256, or a bucket and the beginning of a key: photos/2026/"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search along the indexes only."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if _DIGEST.fullmatch(term.lower()):
            return _with_blob(queryset, term.lower()), False
        bucket, _, prefix = search_term.lstrip().partition("/")
        found = queryset.filter(bucket__name=bucket, key__gte=prefix)
        end = prefix_end(prefix)
        return found.filter(key__lt=end) if end is not None else found, False


def _with_blob(queryset: QuerySet[Any], sha256: str) -> QuerySet[Any]:
    """Return the objects that are this blob, and some of those it is a segment of."""
    segments = Segment.objects.filter(blob__sha256=sha256)
    parts_of = list(segments.values_list("object_id", flat=True)[:COUNT_LIMIT])
    return queryset.filter(Q(blob__sha256=sha256) | Q(pk__in=parts_of))


@admin.register(Blob)
class BlobAdmin(ReadOnlyAdmin):
    """Blobs. Search by SHA-256."""

    list_display = (
        "sha256",
        "size",
        "created_at",
        "verified_at",
        "condemned_at",
        "deleting_since",
    )
    search_fields = ("=sha256",)
    search_help_text = "A whole SHA-256"


@admin.register(JournalEntry)
class JournalEntryAdmin(ReadOnlyAdmin):
    """The journal, newest first."""

    list_display = (
        "created_at",
        "operation",
        "bucket_name",
        "key",
        "bytes_delta",
        "actor",
        "key_id",
        "address",
        "node_id",
        "request_id",
    )


@admin.register(BucketTotals)
class BucketTotalsAdmin(ReadOnlyAdmin):
    """Totals up to the journal's watermark."""

    list_display = ("bucket_id", "objects_total", "bytes_total")


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


@admin.register(Node)
class NodeAdmin(ReadOnlyAdmin):
    """Nodes, by their last heartbeat."""

    list_display = ("node_id", "version", "started_at", "seen_at")
    ordering = ("-seen_at",)


@admin.register(ImportedObject)
class ImportedObjectAdmin(ReadOnlyAdmin):
    """What imports have brought."""

    list_display = ("source", "source_key", "source_size", "key", "imported_at")


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Jobs, the newest first; `DELETE /jobs/{id}` ends one."""

    list_display = (
        "job_id",
        "kind",
        "state",
        "user",
        "keys_done",
        "keys_total",
        "created_at",
        "finished_at",
    )
    list_select_related = ("user",)
    search_fields = ("=job_id", "=user__username")


@admin.register(AccessKey)
class AccessKeyAdmin(ReadOnlyAdmin):
    """Access keys, without their secrets."""

    list_display = ("key_id", "user", "label", "expires_at", "revoked_at")
    list_select_related = ("user",)
    search_fields = ("=key_id", "=user__username")
    exclude = ("sealed_secret",)


@admin.register(Grant)
class GrantAdmin(ReadOnlyAdmin):
    """Who may do what in whose buckets."""

    list_display = ("bucket", "user", "group", "role", "prefix", "created_at")
    list_select_related = ("bucket", "user", "group")
    search_fields = ("=bucket__name",)


@admin.register(Allowance)
class AllowanceAdmin(ReadOnlyAdmin):
    """How much users may own."""

    list_display = ("user", "buckets", "objects_quota", "bytes_quota")
    list_select_related = ("user",)


@admin.register(OidcIdentity)
class OidcIdentityAdmin(ReadOnlyAdmin):
    """Users of an identity provider."""

    list_display = ("issuer", "subject", "user", "created_at")
    list_select_related = ("user",)


@admin.register(AccessAttempt)
class AccessAttemptAdmin(ReadOnlyAdmin):
    """Failed logins that count; `axes_reset_username` forgets an account's."""

    list_display = ("username", "ip_address", "failures_since_start", "attempt_time")
    search_fields = ("=username", "=ip_address")
    exclude = ("user_agent", "http_accept", "get_data", "post_data")


@admin.register(Segment)
class SegmentAdmin(ReadOnlyAdmin):
    """What objects are made of that came in parts. Search by SHA-256."""

    list_display = ("object", "number", "offset", "size", "blob")
    list_select_related = ("object", "blob")
    raw_id_fields = ("object", "blob")
    search_fields = ("=blob__sha256",)


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin):
    """Uploads in parts, unfinished and completed."""

    list_display = (
        "upload_id",
        "protocol",
        "bucket",
        "key",
        "actor",
        "created_at",
        "expires_at",
        "completed_at",
    )
    list_select_related = ("bucket",)
    search_fields = ("=upload_id", "=bucket__name")


@admin.register(UploadPart)
class UploadPartAdmin(ReadOnlyAdmin):
    """Parts of unfinished uploads."""

    list_display = ("upload", "number", "size", "sha256", "created_at")
    list_select_related = ("upload",)
    raw_id_fields = ("upload", "blob")
    search_fields = ("=upload__upload_id",)


@admin.register(JournalWatermark, Lease, SweepHold)
class PlainAdmin(ReadOnlyAdmin):
    """Rows that need no more than to be seen."""
