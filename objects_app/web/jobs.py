"""Jobs: how far they are, why one failed, and to end them."""

import re

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from objects_app.access import own
from objects_app.access.principals import principal_of
from objects_app.errors import InvalidArgument
from objects_app.services import jobs
from objects_app.web.pages import is_part, page, sent

_PAGE = 50
_MOST_DIGITS = 18
_INNER_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
_UNFORESEEN = "internal_error"


@require_safe
@page
def job_list(request: HttpRequest) -> HttpResponse:
    """Show the newest jobs, or those below a position."""
    wanted = sent(request)
    whose = own.jobs_of(principal_of(request))
    state = wanted.get("state", "")
    found = jobs.list_jobs(
        whose=whose, state=state, before=_position(wanted.get("before")), limit=_PAGE
    )
    return render(
        request,
        "parts/job_list.html" if is_part(request) else "job_list.html",
        {
            "area": "jobs",
            "jobs": found.jobs,
            "next_position": found.next_position,
            "is_first": "before" not in wanted,
            "state": state,
            "states": _states(),
            "of_everybody": whose.everybody,
            "polls": any(job.is_unfinished for job in found.jobs),
        },
    )


@require_safe
@page
def job(request: HttpRequest, job_id: str) -> HttpResponse:
    """Show one job."""
    row = jobs.get_job(job_id=job_id, whose=own.jobs_of(principal_of(request)))
    template = "parts/job.html" if is_part(request) else "job.html"
    return render(
        request, template, {"area": "jobs", "job": row, "code": code_of(row.error)}
    )


@require_POST
@page
def cancel(request: HttpRequest, job_id: str) -> HttpResponse:
    """End a job; what it did stays."""
    whose = own.jobs_to_cancel(principal_of(request))
    row = jobs.cancel_job(job_id=job_id, whose=whose)
    if row.state == "cancelled":
        messages.success(request, _("Cancelled. What it had done stays done."))
    else:
        messages.info(request, _("It had ended before."))
    return redirect("job", job_id)


def code_of(error: str) -> str:
    """Return the code that the REST API gives the error of this class."""
    return _INNER_CAPITAL.sub("_", error).lower() or _UNFORESEEN


def _states() -> list[tuple[str, str]]:
    return [
        ("", _("All")),
        ("running", _("Running")),
        ("queued", _("Waiting")),
        ("done", _("Done")),
        ("failed", _("Failed")),
        ("cancelled", _("Cancelled")),
    ]


def _position(text: str | None) -> int | None:
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
        return int(text)
    raise InvalidArgument(_("That page of jobs is not one of ours."))
