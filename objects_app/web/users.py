"""Users, for administrators: found, made, let in and kept out."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from objects_app.access import groups, own, sessions, users
from objects_app.access.principals import actor_of, principal_of
from objects_app.access.users import UserRow
from objects_app.errors import StoreError
from objects_app.services import grants, identities, quotas
from objects_app.web.pages import is_part, page, sent
from objects_app.web.posted import byte_count, posted, whole_number
from objects_app.web.refusals import status_of


@require_http_methods(["GET", "HEAD", "POST"])
@page
def all_users(request: HttpRequest) -> HttpResponse:
    """Show users, or as a part those that are found; a POST makes one."""
    own.administrator(principal_of(request), _("administer users"))
    if request.method == "POST":
        return _make(request)
    return _show(request)


@sensitive_variables("given", "password", "wanted")
def _make(request: HttpRequest) -> HttpResponse:
    """A password that was made for the user is on the answer, and nowhere else."""
    wanted = posted(request)
    given = request.POST.get("password", "")
    name = wanted.get("name", "")
    try:
        password = users.create_user(name=name, password=given, by=actor_of(request))
    except StoreError as error:
        return _show(request, name=name, error=error)
    if not given:
        context = {"area": "users", "name": name, "password": password}
        return render(request, "user_made.html", context)
    messages.success(request, _("%(name)s can sign in now.") % {"name": name})
    return redirect("user", name)


def _show(
    request: HttpRequest, *, name: str = "", error: StoreError | None = None
) -> HttpResponse:
    wanted = sent(request)
    part = wanted.get("q", "")
    found = users.list_users(part=part, after=wanted.get("after", ""))
    shown = {"found": found, "part": part, "name": name, "error": error}
    context = {"area": "users", **shown}
    template = "parts/user_rows.html" if is_part(request) else "all_users.html"
    status = status_of(error) if error else 200
    return render(request, template, context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def one_user(request: HttpRequest, name: str) -> HttpResponse:
    """Show a user; a POST does what its field `do` says."""
    own.administrator(principal_of(request), _("administer users"))
    row = users.get_user(name=name)
    if request.method == "POST":
        do = _DO.get(posted(request).get("do", ""), _change)
        if (answer := do(request, row)) is not None:
            return answer
        return redirect("user", name)
    return render(
        request,
        "one_user.html",
        {
            "area": "users",
            "row": row,
            "owned": quotas.owned(user_id=row.user_id),
            "groups": groups.groups_of_user(user_id=row.user_id),
            "grants": grants.grants_of(user_id=row.user_id),
            "issuers": identities.issuers_of(user_id=row.user_id),
            "sessions": sessions.list_sessions(user_id=row.user_id, this=None),
            "is_me": row.user_id == principal_of(request).user_id,
        },
    )


def _change(request: HttpRequest, row: UserRow) -> None:
    """Set what the form names to what it says."""
    wanted = posted(request)
    changes: dict[users.Change, bool] = {
        name: wanted[name] == "yes" for name in users.CHANGES if name in wanted
    }
    if changes:
        users.change_user(name=row.name, changes=changes, by=actor_of(request))
        messages.success(request, _("%(name)s is changed.") % {"name": row.name})


@sensitive_variables("given", "password")
def _set_password(request: HttpRequest, row: UserRow) -> HttpResponse | None:
    given = request.POST.get("password", "")
    password = users.set_password(name=row.name, password=given, by=actor_of(request))
    if not given:
        context = {"area": "users", "name": row.name, "password": password}
        return render(request, "user_made.html", context)
    messages.success(request, _("%(name)s has another password.") % {"name": row.name})
    return None


def _set_allowance(request: HttpRequest, row: UserRow) -> None:
    wanted = posted(request)
    changes: dict[str, int | None] = {
        name: read(wanted[name]) if name in wanted else None
        for name, read in (
            ("buckets", whole_number),
            ("bytes_quota", byte_count),
            ("objects_quota", whole_number),
        )
        if name in request.POST
    }
    quotas.change_allowance(user_id=row.user_id, changes=changes, by=actor_of(request))
    messages.success(request, _("The allowance is changed."))


def _join(request: HttpRequest, row: UserRow) -> None:
    group = posted(request).get("group", "")
    groups.add_member(name=group, user=row.name, by=actor_of(request))


def _leave(request: HttpRequest, row: UserRow) -> None:
    group = posted(request).get("group", "")
    groups.remove_member(name=group, user=row.name, by=actor_of(request))


def _sign_out(request: HttpRequest, row: UserRow) -> None:
    sessions.end_others(user_id=row.user_id, this=None, by=actor_of(request))
    messages.success(request, _("%(name)s is signed out.") % {"name": row.name})


_DO: dict[str, Callable[[HttpRequest, UserRow], HttpResponse | None]] = {
    "password": _set_password,
    "allowance": _set_allowance,
    "join": _join,
    "leave": _leave,
    "sign_out": _sign_out,
}
