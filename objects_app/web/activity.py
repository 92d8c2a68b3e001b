"""What happened: the journal by who, what, where and when, as a page and as CSV."""

import csv
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from objects_app.access import own, policy
from objects_app.access.policy import Action
from objects_app.access.principals import principal_of
from objects_app.errors import (
    BucketRequired,
    InvalidArgument,
    InvalidBucketName,
    NoSuchBucket,
)
from objects_app.services import audit
from objects_app.web.pages import address, is_part, page, sent
from objects_app.web.posted import moment, whole_number
from objects_app.web.refusals import status_of
from objects_app.web.sentences import KINDS, sentence

if TYPE_CHECKING:
    from objects_app.models import JournalEntry
    from objects_app.queries.rows import BucketRow

EXPORT_ROWS = 500_000
EXPORT_SECONDS = 60.0
_MORE_FILTERS = ("prefix", "since", "until", "key_id", "address")
_FILTERS = ("operation", "actor", "bucket", *_MORE_FILTERS)
_COLUMNS = (
    *("created_at", "operation", "actor", "key_id", "address", "bucket_name", "key"),
    *("version_id", "objects_delta", "bytes_delta", "sha256", "detail", "node_id"),
    "request_id",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@require_safe
@page
def activity(request: HttpRequest) -> HttpResponse:
    """Show the newest entries that are wanted, or as a part those after one."""
    asked = sent(request)
    context: dict[str, Any] = {
        "area": "activity",
        "asked": asked,
        "operations": [(name, label) for name, (_icon, label, _text) in KINDS.items()],
        "filtered": any(name in asked for name in _FILTERS),
        "more_filters": any(name in asked for name in _MORE_FILTERS),
        "csv_url": _address("activity_csv", asked),
    }
    status = 200
    try:
        wanted, context["bucket"] = _wanted(request, asked)
        after = whole_number(asked["after"]) if "after" in asked else None
        context |= _found(audit.page(wanted=wanted, after=after), asked)
    except BucketRequired:
        context["choose_bucket"] = True
    except InvalidArgument as error:
        context["error"] = error
        status = status_of(error)
    return render(request, _template(request), context, status=status)


@require_safe
@page
def activity_csv(request: HttpRequest) -> HttpResponseBase:
    """Send up to EXPORT_ROWS entries as CSV; the last row says if these are all."""
    wanted, _bucket = _wanted(request, sent(request))
    answer = StreamingHttpResponse(
        rows(wanted), content_type="text/csv; charset=utf-8; header=present"
    )
    answer["Content-Disposition"] = 'attachment; filename="activity.csv"'
    return answer


def rows(wanted: audit.Filter) -> Iterator[str]:
    """Return the lines of the file, in little memory."""
    deadline = time.monotonic() + EXPORT_SECONDS
    writer = csv.writer(_Echo())
    yield writer.writerow(_COLUMNS)
    written = 0
    for entry in audit.entries(wanted=wanted, limit=EXPORT_ROWS + 1):
        if written == EXPORT_ROWS or time.monotonic() > deadline:
            until = (entry.created_at + timedelta(microseconds=1)).isoformat()
            told = _("Stopped after %(n)d entries: go on with those until %(until)s.")
            yield writer.writerow([told % {"n": written, "until": until}])
            return
        yield writer.writerow(_cells(entry))
        written += 1
    yield writer.writerow([_("The end: %(n)d entries.") % {"n": written}])


def _template(request: HttpRequest) -> str:
    """Return the page's, or that of the part which htmx puts in place."""
    if not is_part(request):
        return "activity.html"
    of_filter = request.headers.get("HX-Target") == "found"
    return f"parts/activity_{'found' if of_filter else 'rows'}.html"


class _Echo:
    """What csv writes to: the line goes on at once."""

    def write(self, line: str) -> str:
        return line


def _cells(entry: "JournalEntry") -> list[str | int]:
    """Return a row. A text that a spreadsheet would take for a formula is quoted."""
    cells: list[str | int] = [entry.created_at.isoformat(timespec="microseconds")]
    for name in _COLUMNS[1:]:
        value = getattr(entry, name)
        is_formula = isinstance(value, str) and value.startswith(_FORMULA)
        cells.append(f"'{value}" if is_formula else value)
    return cells


def _wanted(
    request: HttpRequest, asked: dict[str, str]
) -> tuple[audit.Filter, "BucketRow | None"]:
    """Return the filter, within what the reader may know, and the bucket it names."""
    principal = principal_of(request)
    name = asked.get("bucket", "")
    bucket = own.journal_reader(principal, name)
    operation = asked.get("operation")
    if operation is not None and operation not in KINDS:
        raise InvalidArgument(_("There is no such operation."))
    wanted = audit.Filter(
        actor=asked.get("actor"),
        key_id=asked.get("key_id"),
        address=asked.get("address"),
        bucket=name,
        bucket_id=bucket.id if bucket else None,
        prefix=asked.get("prefix"),
        operation=[operation] if operation else None,
        since=moment(asked["since"]) if "since" in asked else None,
        until=moment(asked["until"]) if "until" in asked else None,
    )
    if bucket is None and name:
        with suppress(NoSuchBucket, InvalidBucketName):  # there was one, perhaps
            bucket = policy.bucket_for(principal, name, Action.OWN)
    return wanted, bucket


def _found(found: audit.Page, asked: dict[str, str]) -> dict[str, Any]:
    after = str(found.next or "")
    return {
        "rows": [
            {
                "entry": entry,
                "icon": KINDS[entry.operation][0],
                "told": sentence(entry),
                "sign": "+" if entry.bytes_delta > 0 else "",
            }
            for entry in found.entries
        ],
        "reached": found.reached,
        "next_url": after and _address("activity", asked, after=after),
    }


def _address(view: str, asked: dict[str, str], **more: str) -> str:
    kept = {name: asked[name] for name in _FILTERS if name in asked}
    return address(view, **kept, **more)
