"""JSON answers and query parameters, alike for every view."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse

from objects_app.errors import InvalidArgument
from objects_app.http.moments import read_moment
from objects_app.http.paths import query

if TYPE_CHECKING:
    from objects_app.queries.rows import BucketRow


def json_answer(data: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Return JSON, ended by a newline for terminals, with its Content-Length.

    No cache keeps it: it is of one moment, and often for one caller, whom a cookie
    tells (RFC 9111 3.5 knows Authorization alone). What names hold is never sniffed.
    """
    body = json.dumps(data) + "\n"
    return HttpResponse(
        body,
        status=status,
        headers={
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


def empty_answer(**headers: str) -> HttpResponse:
    """Return 204 No Content."""
    answer = HttpResponse(status=204, headers=headers)
    del answer["Content-Type"]
    return answer


def timestamp(moment: datetime) -> str:
    """Return a time as RFC 3339 in UTC with microseconds."""
    text = moment.astimezone(UTC).isoformat(timespec="microseconds")
    return text.replace("+00:00", "Z")


def bucket_answer(bucket: "BucketRow") -> dict[str, Any]:
    """Return what every caller who may see a bucket is told of it."""
    return {
        "name": bucket.name,
        "created_at": timestamp(bucket.created_at),
        "visibility": bucket.visibility,
        "versioning": bucket.versioning,
    }


def parameters(request: HttpRequest, *known: str) -> dict[str, str]:
    """Return the query's parameters, empty ones left out.

    Raises InvalidArgument for any other than `known`: a misspelt one must not widen
    what is read or removed.
    """
    sent = query(request.META)
    unknown = sorted(set(sent) - set(known))
    if unknown:
        raise InvalidArgument(
            f"Unknown parameter {unknown[0]!r}: use {', '.join(known) or 'none'}."
        )
    return {name: value for name, value in sent.items() if value}


def moment(sent: Mapping[str, str], name: str) -> datetime | None:
    """Return the time that a parameter stands for. Raises InvalidArgument."""
    return read_moment(name, sent[name]) if name in sent else None
