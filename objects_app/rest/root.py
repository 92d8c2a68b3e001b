"""GET /: a browser goes to the console, a program is told where things are."""

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect

from objects_app.rest.answers import json_answer
from objects_app.rest.routing import by_method


def _get(request: HttpRequest) -> HttpResponseBase:
    if "text/html" in request.headers.get("Accept", ""):
        headers = {"Content-Length": "0", "Vary": "Accept"}
        return HttpResponseRedirect("/ui/", headers=headers)
    answer = json_answer(
        {
            "message": "An object store. PUT bytes to /buckets/{bucket}/objects/{key}.",
            "console": "/ui/",
            "buckets": "/buckets",
            "objects": "/objects",
            "health": "/healthz",
            "openapi": "/openapi.json",
        }
    )
    answer["Vary"] = "Accept"
    return answer


root = by_method(GET=_get, HEAD=_get)
