"""Who I am here, what I may, and where I am signed in."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from objects_app.access import groups, own, policy, sessions, users
from objects_app.access.principals import actor_of, principal_of
from objects_app.services import grants, identities, quotas
from objects_app.web.pages import page
from objects_app.web.posted import posted


@require_safe
@page
def account(request: HttpRequest) -> HttpResponse:
    """Show it."""
    principal = principal_of(request)
    user_id = own.known_user(principal)
    return render(
        request,
        "account.html",
        {
            "area": "account",
            "row": users.get_user(name=principal.label),
            "may_create": policy.may_create(principal),
            "owned": quotas.owned(user_id=user_id),
            "groups": groups.groups_of_user(user_id=user_id),
            "grants": grants.grants_of(user_id=user_id),
            "issuers": identities.issuers_of(user_id=user_id),
            "sessions": sessions.list_sessions(
                user_id=user_id, this=request.session.session_key
            ),
        },
    )


@require_POST
@page
def end_session(request: HttpRequest) -> HttpResponse:
    """End one of the reader's sessions."""
    sessions.end_session(
        user_id=own.known_user(principal_of(request)),
        session_id=posted(request).get("session", ""),
        by=actor_of(request),
    )
    messages.success(request, _("That session is over."))
    return redirect("account")


@require_POST
@page
def end_others(request: HttpRequest) -> HttpResponse:
    """End all of the reader's sessions but this one."""
    ended = sessions.end_others(
        user_id=own.known_user(principal_of(request)),
        this=request.session.session_key,
        by=actor_of(request),
    )
    told = ngettext("%(n)d session is over.", "%(n)d sessions are over.", ended)
    messages.success(request, told % {"n": ended})
    return redirect("account")
