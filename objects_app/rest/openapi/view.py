"""GET /openapi.json: the description of the API, for anybody."""

import hashlib
import json
from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from objects_app.errors import PreconditionFailed
from objects_app.http.conditions import Outcome, evaluate
from objects_app.rest.answers import parameters
from objects_app.rest.openapi.document import DOCUMENT
from objects_app.rest.routing import by_method

_TEXT = json.dumps(DOCUMENT, indent=1).encode() + b"\n"
_ETAG = hashlib.sha256(_TEXT).hexdigest()[:32]
_SINCE = datetime.now(UTC)


def _get(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    caching = {"ETag": f'"{_ETAG}"', "Cache-Control": "no-cache"}
    outcome = evaluate(request.headers, _ETAG, _SINCE, request.method or "")
    if outcome is Outcome.FAILED:
        raise PreconditionFailed("The description has another ETag by now: read it.")
    if outcome is Outcome.NOT_MODIFIED:
        answer = HttpResponse(status=304, headers=caching)
        del answer["Content-Type"]
        return answer
    headers = {
        **caching,
        "Content-Type": "application/json",
        "Content-Length": str(len(_TEXT)),
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse(_TEXT, headers=headers)


description = by_method(GET=_get, HEAD=_get)
