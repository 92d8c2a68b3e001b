"""What happens and has happened: the journal, its sums, jobs, nodes."""

import re

from django.contrib import admin
from django.db.models import Max, Min, Q
from django.http import HttpRequest
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from objects_app.admin.base import ReadOnlyAdmin
from objects_app.admin.lists import (
    AFTER,
    BEFORE,
    IndexFilter,
    KeysetList,
    Rows,
    is_digest,
    some,
)
from objects_app.models import (
    Bucket,
    BucketTotals,
    Job,
    JournalEntry,
    JournalWatermark,
    Lease,
    Node,
    SweepHold,
)
from objects_app.names import prefix_end

LOOKED_THROUGH = 100_000
_REQUEST_ID = re.compile(r"[0-9a-f]{32}")


class JournalList(KeysetList):
    """A search looks through LOOKED_THROUGH entries at a time.

    Every write of the store adds an entry: an index for each thing that may be searched
    for would cost all of them more than searching costs a few.
    """

    def get_results(self, request: HttpRequest) -> None:
        """Find what there is in a stretch of the journal; the next page goes on."""
        if not self.query:
            super().get_results(request)
            return
        ends = JournalEntry.objects.aggregate(first=Min("pk"), last=Max("pk"))
        first, last = ends["first"] or 1, ends["last"] or 0
        after, before = self.place(request, AFTER), self.place(request, BEFORE)
        top = before[0] + LOOKED_THROUGH + 1 if before else (after or [last + 1])[0]
        bottom = max(top - LOOKED_THROUGH, first)
        self.queryset = self.queryset.filter(pk__gte=bottom, pk__lt=top)
        super().get_results(request)
        self.note = gettext("Looked through entries %(first)s to %(last)s") % {
            "first": f"{bottom:,}",
            "last": f"{min(top - 1, last):,}",
        }
        if not self.next_page and bottom > first:
            self.next_page = self.link(AFTER, [bottom])
        if not self.previous_page and top <= last:
            self.previous_page = self.link(BEFORE, [top - 1])


@admin.register(JournalEntry)
class JournalEntryAdmin(ReadOnlyAdmin):
    """The journal, newest first."""

    changelist = JournalList
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
    search_fields = ("bucket_name", "key", "actor", "key_id", "request_id", "sha256")
    search_help_text = format_lazy(
        _(
            "A bucket, with or without the beginning of a key (photos/2026/), a user, "
            "an access key, an address, a request or a SHA-256; {number} entries are "
            "looked through at a time"
        ),
        number=f"{LOOKED_THROUGH:,}",
    )

    def find(self, rows: Rows, term: str) -> Rows:
        """Return the entries that name it."""
        if _REQUEST_ID.fullmatch(term):
            return rows.filter(request_id=term)
        if is_digest(term):
            return rows.filter(sha256=term.lower())
        if "/" not in term:
            names = ("bucket_name", "actor", "key_id", "address")
            return rows.filter(Q(*((name, term) for name in names), _connector=Q.OR))
        bucket, _, prefix = term.partition("/")
        found = rows.filter(bucket_name=bucket, key__gte=prefix)
        end = prefix_end(prefix)
        return found if end is None else found.filter(key__lt=end)


@admin.register(BucketTotals)
class BucketTotalsAdmin(ReadOnlyAdmin):
    """Totals up to the journal's watermark."""

    list_display = ("bucket_id", "objects_total", "bytes_total")
    search_fields = ("bucket_id",)
    search_help_text = _("A bucket")

    def find(self, rows: Rows, term: str) -> Rows:
        """Return the bucket's."""
        named = Bucket.objects.filter(name=term).values_list("pk", flat=True)
        return rows.filter(pk=named.first() or 0)


class Unfinished(IndexFilter):
    """Jobs that wait or run."""

    title = _("state")
    parameter_name = "jobs"
    choice = ("unfinished", _("Unfinished"))
    condition = Q(state__in=[Job.State.QUEUED, Job.State.RUNNING])


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Jobs, the newest first."""

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
    list_filter = (Unfinished,)
    list_select_related = ("user",)
    search_fields = ("job_id", "user")
    search_help_text = _("A job's ID, or a user's name")

    def find(self, rows: Rows, term: str) -> Rows:
        """Return the job, or those of the user."""
        return some(rows, Q(job_id=term), Q(user__username=term))


@admin.register(Node)
class NodeAdmin(ReadOnlyAdmin):
    """Nodes, by their last heartbeat."""

    list_display = ("node_id", "version", "started_at", "seen_at")
    ordering = ("-seen_at", "-pk")


@admin.register(JournalWatermark, Lease, SweepHold)
class PlainAdmin(ReadOnlyAdmin):
    """Rows that need no more than to be seen."""
