"""Everyone's keys, and who is locked out: for administrators."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from objects_app.access import keys, lockout, own
from objects_app.access.principals import actor_of, principal_of
from objects_app.web.pages import is_part, page, sent
from objects_app.web.posted import posted


@require_safe
@page
def everyones_keys(request: HttpRequest) -> HttpResponse:
    """Show all keys, newest first, or one user's."""
    own.administrator(principal_of(request), _("see everyone's keys"))
    wanted = sent(request)
    user = wanted.get("user", "")
    found = keys.list_everyones_keys(user=user, after=wanted.get("after", ""))
    template = "parts/key_rows.html" if is_part(request) else "everyones_keys.html"
    context = {"area": "everyones_keys", "found": found, "of_user": user}
    return render(request, template, context)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def lockouts(request: HttpRequest) -> HttpResponse:
    """Show who cannot sign in for now; a POST lets them."""
    own.administrator(principal_of(request), _("release locks"))
    if request.method == "POST":
        wanted = posted(request)
        username, place = wanted.get("username"), wanted.get("address")
        lockout.release(username=username, address=place, by=actor_of(request))
        messages.success(request, _("The lock is released."))
        return redirect("lockouts")
    context = {"area": "lockouts", "locks": lockout.locks()}
    return render(request, "lockouts.html", context)
