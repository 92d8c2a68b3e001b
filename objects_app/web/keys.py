"""My access keys: what they may, made with their secret shown once, revoked."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from objects_app.access import keys, own
from objects_app.access.keys import Limits
from objects_app.access.principals import actor_of, principal_of
from objects_app.errors import StoreError
from objects_app.web import key_lines
from objects_app.web.pages import base_url, page
from objects_app.web.posted import posted, whole_number
from objects_app.web.refusals import status_of

_DAY = 86_400


@require_http_methods(["GET", "HEAD", "POST"])
@page
def my_keys(request: HttpRequest) -> HttpResponse:
    """Show the reader's keys; a POST makes one."""
    user_id = own.known_user(principal_of(request))
    if request.method == "POST":
        return _make(request)
    return _show(request, user_id)


@sensitive_variables("made")
def _make(request: HttpRequest) -> HttpResponse:
    """Answer with the page that has the secret: it is kept nowhere else."""
    user_id = own.key_maker(principal_of(request))
    wanted = posted(request)
    try:
        days = wanted.get("days")
        made = keys.create_key(
            user_id=user_id,
            label=wanted.get("label", ""),
            limits=Limits(
                seconds=whole_number(days) * _DAY if days else None,
                read_only="read_only" in wanted,
                only_bucket=wanted.get("bucket", ""),
                only_prefix=wanted.get("prefix", ""),
            ),
            by=actor_of(request),
        )
    except StoreError as error:
        return _show(request, user_id, wanted=wanted, error=error)
    lines = key_lines.lines(base_url(request), made)
    context = {"area": "keys", "made": made, "lines": lines}
    return render(request, "key_made.html", context)


def _show(
    request: HttpRequest,
    user_id: int,
    *,
    wanted: dict[str, str] | None = None,
    error: StoreError | None = None,
) -> HttpResponse:
    rows = keys.list_keys(user_id=user_id)
    return render(
        request,
        "my_keys.html",
        {
            "area": "keys",
            "working": [row for row in rows if row.ended is None],
            "ended": [row for row in rows if row.ended is not None],
            "wanted": wanted or {},
            "error": error,
        },
        status=status_of(error) if error else 200,
    )


@require_POST
@page
def revoke(request: HttpRequest) -> HttpResponse:
    """End a key: one's own, or as an administrator anybody's; go back to the list."""
    sent = posted(request)
    key_id = sent.get("key", "")
    user_id = own.key_revoker(principal_of(request), key_id)
    keys.revoke_key(key_id=key_id, user_id=user_id, by=actor_of(request))
    messages.success(request, _("%(key)s works no more.") % {"key": key_id})
    return redirect("everyones_keys" if sent.get("list") == "everyone" else "my_keys")
