"""One path, several methods: dispatch, 405 with Allow, OPTIONS."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from objects_app.rest.answers import empty_answer
from objects_app.rest.problems import method_not_allowed

View = Callable[[HttpRequest], HttpResponseBase]


def by_method(**views: View) -> View:
    """Return a view that hands each method to its function, as `GET=..., PUT=...`."""
    allowed = ", ".join(sorted({*views, "OPTIONS"}))

    def view(request: HttpRequest) -> HttpResponseBase:
        if handler := views.get(request.method or ""):
            return handler(request)
        if request.method == "OPTIONS":
            return empty_answer(Allow=allowed)
        return method_not_allowed(request, allowed)

    return view
