"""Jobs over REST: how far they are, and to end them."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from objects_app.access import own
from objects_app.access.principals import principal_of
from objects_app.errors import InvalidArgument
from objects_app.http.paths import raw_path
from objects_app.rest import problems
from objects_app.rest.answers import json_answer, parameters, timestamp
from objects_app.rest.routing import by_method
from objects_app.services import jobs
from objects_app.services.jobs import JobRow

_MOST_DIGITS = 18


def made_answer(row: JobRow) -> HttpResponse:
    """Return 202 for work that was left to the worker, with where to ask for it."""
    answer = json_answer(_answer(row), status=202)
    answer["Location"] = f"/jobs/{row.job_id}"
    return answer


def _list(request: HttpRequest) -> HttpResponseBase:
    sent = parameters(request, "state", "cursor")
    page = jobs.list_jobs(
        whose=own.jobs_of(principal_of(request)),
        state=sent.get("state", ""),
        before=_position(sent.get("cursor")),
        limit=jobs.PAGE_MAX,
    )
    after = page.next_position
    return json_answer(
        {
            "jobs": [_answer(row) for row in page.jobs],
            "next_cursor": None if after is None else str(after),
        }
    )


def _get(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    whose = own.jobs_of(principal_of(request))
    return json_answer(_answer(jobs.get_job(job_id=_id(request), whose=whose)))


def _cancel(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    whose = own.jobs_to_cancel(principal_of(request))
    return json_answer(_answer(jobs.cancel_job(job_id=_id(request), whose=whose)))


def _id(request: HttpRequest) -> str:
    return raw_path(request.META).removeprefix(b"/jobs/").decode("ascii", "replace")


def _position(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if cursor.isascii() and cursor.isdigit() and len(cursor) <= _MOST_DIGITS:
        return int(cursor)
    raise InvalidArgument("The cursor is not one of ours: pass next_cursor back.")


def _answer(row: JobRow) -> dict[str, Any]:
    given = row.parameters
    told: dict[str, Any] = {
        "id": row.job_id,
        "kind": row.kind,
        "state": row.state,
        "from": {"bucket": given["bucket"], "prefix": given["prefix"]},
        "keys_total": row.keys_total,
        "keys_done": row.keys_done,
        "problem": _problem(row) if row.problem else None,
        "created_at": timestamp(row.created_at),
        "started_at": row.started_at and timestamp(row.started_at),
        "finished_at": row.finished_at and timestamp(row.finished_at),
    }
    if given["to_bucket"] is not None:
        told["to"] = {"bucket": given["to_bucket"], "prefix": given["to_prefix"]}
    if row.at is not None:
        told["at"] = timestamp(row.at)
    return told


def _problem(row: JobRow) -> dict[str, str]:
    return {"code": problems.code_of(row.error), "detail": row.problem}


job_list = by_method(GET=_list, HEAD=_list)
job = by_method(GET=_get, HEAD=_get, DELETE=_cancel)
