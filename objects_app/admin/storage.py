"""Buckets, objects, the bytes they are made of, and uploads."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from objects_app.admin.actions import Told, ask, confirmed, each
from objects_app.admin.base import ReadOnlyAdmin, actor_of
from objects_app.admin.lists import (
    MOST_FOUND,
    IndexFilter,
    Rows,
    below_prefix,
    is_digest,
    some,
)
from objects_app.errors import StoreError
from objects_app.models import (
    Blob,
    Bucket,
    ImportedObject,
    JournalEntry,
    Segment,
    StoredObject,
    Upload,
    UploadPart,
)
from objects_app.names import prefix_end
from objects_app.queries import reads
from objects_app.services import audit, leadership, sweep, uploads, verify

VERIFY_SECONDS = 5.0
_HEXADECIMAL = re.compile(r"[0-9a-f]{1,64}")
_AFTER_HEXADECIMAL = "g"  # also where the database's language puts digits last


@admin.register(Bucket)
class BucketAdmin(ReadOnlyAdmin):
    """Buckets; their owner may be changed."""

    list_display = ("name", "owner", "visibility", "versioning", "created_at")
    list_select_related = ("owner",)
    ordering = ("name",)
    search_fields = ("name",)
    search_help_text = _("The beginning of a name")
    autocomplete_fields = ("owner",)
    readonly_fields = (
        "name",
        "visibility",
        "versioning",
        "quota_bytes",
        "quota_objects",
        "created_at",
    )

    def find(self, rows: Rows, term: str) -> Rows:
        """Return the buckets whose name begins so."""
        found = rows.filter(name__gte=term)
        end = prefix_end(term)
        return found if end is None else found.filter(name__lt=end)

    def view_on_site(self, obj: Bucket) -> str:
        """Return where the dashboard shows it."""
        return f"/ui/buckets/{quote(obj.name)}/"

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
        audit.record(
            operation=JournalEntry.Operation.CHANGE_BUCKET,
            by=actor_of(request),
            bucket=reads.find_bucket(obj.name),
            detail=f"owner: {obj.owner or 'nobody'}",
        )


class WithoutDigest(IndexFilter):
    """Objects that came in parts and whose SHA-256 is still to be computed."""

    title = _("digest")
    parameter_name = "digest"
    choice = ("missing", _("Not computed yet"))
    condition = Q(sha256="", is_delete_marker=False)


@admin.register(StoredObject)
class StoredObjectAdmin(ReadOnlyAdmin):
    """Objects, each version of them."""

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
    list_filter = (WithoutDigest,)
    list_select_related = ("bucket",)
    search_fields = ("bucket", "key", "sha256")
    search_help_text = format_lazy(
        _(
            "A key with its bucket, or the beginning of one: photos/2026/cat.jpg; or a "
            "SHA-256: of the content, or of a part of it ({most} of each are shown)"
        ),
        most=MOST_FOUND,
    )

    def find(self, rows: Rows, term: str) -> Rows:
        """Return what has the digest, or the keys of that beginning in their order."""
        if is_digest(term):
            return _with_digest(rows, term.lower())
        return below_prefix(rows, term).order_by("key", "version_id")

    def view_on_site(self, obj: StoredObject) -> str:
        """Return where the dashboard shows it."""
        query = {"key": obj.key}
        if not obj.is_latest:
            query["version"] = obj.version_id
        name = quote(obj.bucket.name)
        return f"/ui/buckets/{name}/object?{urlencode(query)}"


def _with_digest(rows: Rows, sha256: str) -> Rows:
    """Return the objects that are this content, and those it is a part of."""
    blobs = Blob.objects.filter(sha256=sha256).values_list("pk", flat=True)
    blob = blobs.first() or 0
    parts = Segment.objects.filter(blob_id=blob).values_list("object_id", flat=True)
    return some(
        rows,
        Q(blob_id=blob),
        Q(blob__isnull=True, is_delete_marker=False, sha256=sha256),
        Q(pk__in=list(parts[:MOST_FOUND])),
    )


class Condemned(IndexFilter):
    """Blobs that the sweep has found nothing to refer to, the first to go first."""

    title = _("sweep")
    parameter_name = "sweep"
    choice = ("condemned", _("Condemned"))
    condition = Q(condemned_at__isnull=False)
    ordering = ("condemned_at", "pk")


@admin.register(Blob)
class BlobAdmin(ReadOnlyAdmin):
    """Bytes, by their SHA-256."""

    list_display = (
        "sha256",
        "size",
        "created_at",
        "verified_at",
        "condemned_at",
        "deleting_since",
    )
    list_filter = (Condemned,)
    actions = ("verify",)
    search_fields = ("sha256",)
    search_help_text = _("A SHA-256, or the beginning of one")

    @confirmed(
        label=_("Verify"),
        warning=_("The stored bytes of these blobs are read back, for some seconds."),
    )
    def verify(self, request: HttpRequest, rows: list[Blob]) -> Iterator[Told]:
        """Read the blobs back."""
        try:
            seen = verify.verify_some(
                sha256s=[blob.sha256 for blob in rows],
                seconds=VERIFY_SECONDS,
                by=actor_of(request),
            )
        except StoreError as error:
            yield messages.ERROR, error.translated()
            return
        for sha256 in seen.missing:
            yield messages.ERROR, _("%(sha256)s is missing.") % {"sha256": sha256}
        for sha256 in seen.damaged:
            yield messages.ERROR, _("%(sha256)s is damaged.") % {"sha256": sha256}
        told = ngettext("%(count)d blob read.", "%(count)d blobs read.", seen.checked)
        yield messages.SUCCESS, told % {"count": seen.checked}
        if seen.unread:
            unread = _("%(count)d not read: too long, or not stored at the moment.")
            yield messages.WARNING, unread % {"count": seen.unread}

    def get_urls(self) -> list[URLPattern]:
        """Add the sweep's."""
        view = self.admin_site.admin_view(self.sweep_now)
        return [path("sweep/", view, name="sweep_now"), *super().get_urls()]

    def sweep_now(self, request: HttpRequest) -> HttpResponse:
        """Ask whether to sweep, then ask the worker.

        It may take hours: that is nothing for a request.
        """
        if not self.has_run_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            warning = _(
                "The worker condemns what nothing refers to, and removes what has been "
                "condemned long enough."
            )
            return ask(self, request, title=_("Sweep now"), warning=warning)
        sweep.ask(by=actor_of(request))
        if leadership.is_led():
            self.message_user(request, _("The worker sweeps now."))
        else:
            told = _("No worker leads at the moment; the next one to do so sweeps.")
            self.message_user(request, told, messages.WARNING)
        return HttpResponseRedirect("../")

    def find(self, rows: Rows, term: str) -> Rows:
        """Return the blobs whose digest begins so."""
        start = term.lower()
        if not _HEXADECIMAL.fullmatch(start):
            return rows.none()
        end = start + _AFTER_HEXADECIMAL
        return rows.filter(sha256__gte=start, sha256__lt=end).order_by("sha256")


@admin.register(Segment)
class SegmentAdmin(ReadOnlyAdmin):
    """What objects are made of that came in parts."""

    list_display = ("object", "number", "offset", "size", "blob")
    list_select_related = ("object", "blob")
    search_fields = ("blob", "object")
    search_help_text = format_lazy(
        _("A blob's SHA-256 ({most} are shown), or an object's ID"), most=MOST_FOUND
    )

    def find(self, rows: Rows, term: str) -> Rows:
        """Return where the bytes are a part, or all parts of the object."""
        if is_digest(term):
            return some(rows, Q(blob__sha256=term.lower()))
        if term.isdecimal():
            return rows.filter(object_id=int(term)).order_by("number")
        return rows.none()


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
    actions = ("abort",)
    search_fields = ("upload_id", "bucket", "key")
    search_help_text = _(
        "An upload's ID; or a bucket and the beginning of a key, for those unfinished: "
        "photos/2026/"
    )

    @confirmed(
        label=_("Abort"),
        warning=_("These uploads end, and the parts that have arrived go with them."),
    )
    def abort(self, request: HttpRequest, rows: list[Upload]) -> Iterator[Told]:
        """End the uploads."""
        by = actor_of(request)

        def end(upload: Upload) -> None:
            with transaction.atomic():
                uploads.abort_upload(upload=upload)
                audit.record(
                    operation=JournalEntry.Operation.ABORT_UPLOAD,
                    by=by,
                    bucket=reads.find_bucket(upload.bucket.name),
                    key=upload.key,
                    detail=f"{upload.protocol} {upload.upload_id}",
                )

        yield from each(rows, end)

    def find(self, rows: Rows, term: str) -> Rows:
        """Return the upload, or what is on its way to keys of that beginning."""
        if "/" not in term:
            return rows.filter(upload_id=term)
        unfinished = below_prefix(rows, term).filter(completed_at__isnull=True)
        return unfinished.order_by("key", "upload_id")


@admin.register(UploadPart)
class UploadPartAdmin(ReadOnlyAdmin):
    """Parts of unfinished uploads."""

    list_display = ("upload", "number", "size", "sha256", "created_at")
    list_select_related = ("upload",)
    search_fields = ("upload", "blob")
    search_help_text = format_lazy(
        _("An upload's ID, or a SHA-256 ({most} are shown)"), most=MOST_FOUND
    )

    def find(self, rows: Rows, term: str) -> Rows:
        """Return the parts of the upload, or those that are the bytes."""
        if is_digest(term):
            return some(rows, Q(blob__sha256=term.lower()))
        found = Upload.objects.filter(upload_id=term).values_list("pk", flat=True)
        return rows.filter(upload_id=found.first() or 0).order_by("number")


@admin.register(ImportedObject)
class ImportedObjectAdmin(ReadOnlyAdmin):
    """What imports have brought."""

    list_display = ("source", "source_key", "source_size", "key", "imported_at")
    search_fields = ("bucket_id", "key")
    search_help_text = _("A bucket and the beginning of a key: photos/2026/")

    def find(self, rows: Rows, term: str) -> Rows:
        """Return what was brought to keys of that beginning."""
        return below_prefix(rows, term).order_by("key", "source", "source_key")
