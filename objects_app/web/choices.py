"""What a form's choices may be."""

from collections.abc import Sequence

from django.http import HttpRequest

from objects_app.errors import InvalidArgument

VISIBILITY = ("private", "public-read", "public-list")
VERSIONING = ("off", "enabled", "suspended")


def chosen(request: HttpRequest, name: str, known: Sequence[str]) -> str:
    """Return what a form says of that name, the first one known where it says nothing.

    Raises InvalidArgument for anything else.
    """
    value = request.POST.get(name, known[0])
    if value not in known:
        raise InvalidArgument(f"{name} is one of {', '.join(known)}.")
    return value
