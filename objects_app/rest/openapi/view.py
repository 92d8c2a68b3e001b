"""GET /openapi.json: the description of the API, for anybody."""

import hashlib
import json

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response

from objects_app.rest.answers import parameters
from objects_app.rest.openapi.document import DOCUMENT
from objects_app.rest.routing import by_method

_TEXT = json.dumps(DOCUMENT, indent=1).encode() + b"\n"
_ETAG = f'"{hashlib.sha256(_TEXT).hexdigest()[:32]}"'


def _get(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    answer = HttpResponse(
        _TEXT,
        headers={
            "Content-Type": "application/json",
            "Content-Length": str(len(_TEXT)),
            "Cache-Control": "no-cache",
            "ETag": _ETAG,
            "X-Content-Type-Options": "nosniff",
        },
    )
    return get_conditional_response(request, etag=_ETAG, response=answer) or answer


description = by_method(GET=_get, HEAD=_get)
