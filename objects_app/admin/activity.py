"""What happens and has happened: the journal, its sums, jobs, nodes."""

import re
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Max, Min, Q
from django.http import HttpRequest
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from objects_app.admin.actions import Told, confirmed, each
from objects_app.admin.base import ReadOnlyAdmin, actor_of
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
from objects_app.services import audit, jobs
from objects_app.services.jobs import Whose

LOOKED_THROUGH = 100_000
_IN_TIME = ("-created_at", "-pk")  # what the journal's indexes are in
_ACCESS_KEY_ID = re.compile(r"OS[A-Z2-7]{16}")
_REQUEST_ID = re.compile(r"[0-9a-f]{32}")


class JournalList(KeysetList):
    """A search that no index answers looks through LOOKED_THROUGH entries at a time.

    Every write of the store adds an entry: an index for each thing that may be searched
    for would cost all of them more than searching costs a few.
    """

    def get_results(self, request: HttpRequest) -> None:
        """Find what there is in a stretch of the journal; the next page goes on."""
        if not self.query or self.order() == _IN_TIME:
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
            "A user, an access key, or a bucket (photos/); for the beginning of a key "
            "(photos/2026/), an address, a request or a SHA-256, {number} entries are "
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
        with suppress(ValueError):
            return rows.filter(address=str(ip_address(term)))
        if _ACCESS_KEY_ID.fullmatch(term):
            return rows.filter(key_id=term).order_by(*_IN_TIME)
        if "/" not in term:
            return rows.filter(actor=term).order_by(*_IN_TIME)
        bucket, _, prefix = term.partition("/")
        rows = rows.filter(bucket_name=bucket)
        if not prefix:
            return rows.order_by(*_IN_TIME)
        end = prefix_end(prefix)
        found = rows.filter(key__gte=prefix)
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
    actions = ("cancel",)
    list_select_related = ("user",)
    search_fields = ("job_id", "user")
    search_help_text = _("A job's ID, or a user's name")

    @confirmed(
        label=_("Cancel"), warning=_("These jobs end. What they have done stays.")
    )
    def cancel(self, request: HttpRequest, rows: list[Job]) -> Iterator[Told]:
        """End the jobs that have not ended."""
        by = actor_of(request)

        def end(job: Job) -> None:
            with transaction.atomic():
                jobs.cancel_job(job_id=job.job_id, whose=Whose(everybody=True))
                audit.record(
                    operation=JournalEntry.Operation.CANCEL_JOB,
                    by=by,
                    detail=f"{job.kind} {job.job_id}",
                )

        unfinished = [job for job in rows if job.finished_at is None]
        yield from each(unfinished, end)
        if len(unfinished) < len(rows):
            yield messages.WARNING, _("Jobs that had ended stay as they are.")

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
