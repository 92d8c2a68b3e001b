"""GET /healthz and /readyz."""

from django.http import HttpRequest, HttpResponseBase

from objects_app.ops.health import readiness
from objects_app.rest.answers import json_answer
from objects_app.rest.routing import by_method


def _healthz(request: HttpRequest) -> HttpResponseBase:
    return json_answer({"status": "alive"})


def _readyz(request: HttpRequest) -> HttpResponseBase:
    found = readiness()
    ready = all(dependency.ok for dependency in found)
    return json_answer(
        {
            "status": "ready" if ready else "unavailable",
            "dependencies": {
                dependency.name: {"ok": dependency.ok, "ms": dependency.milliseconds}
                for dependency in found
            },
        },
        status=200 if ready else 503,
    )


healthz = by_method(GET=_healthz, HEAD=_healthz)
readyz = by_method(GET=_readyz, HEAD=_readyz)
