"""Groups, for administrators: made, filled, emptied, deleted."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from objects_app.access import groups, own, users
from objects_app.access.principals import actor_of, principal_of
from objects_app.errors import StoreError
from objects_app.web.pages import address, is_part, page, sent
from objects_app.web.posted import posted
from objects_app.web.refusals import status_of


@require_http_methods(["GET", "HEAD", "POST"])
@page
def all_groups(request: HttpRequest) -> HttpResponse:
    """Show groups; a POST makes one."""
    own.administrator(principal_of(request), _("administer groups"))
    if request.method == "POST":
        name = posted(request).get("name", "")
        try:
            groups.create_group(name=name, by=actor_of(request))
        except StoreError as error:
            return _show(request, name=name, error=error)
        return redirect(address("group", name=name))
    return _show(request)


def _show(
    request: HttpRequest, *, name: str = "", error: StoreError | None = None
) -> HttpResponse:
    found = groups.list_groups(after=sent(request).get("after", ""))
    context = {"area": "groups", "found": found, "name": name, "error": error}
    template = "parts/group_rows.html" if is_part(request) else "all_groups.html"
    status = status_of(error) if error else 200
    return render(request, template, context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def one_group(request: HttpRequest) -> HttpResponse:
    """Show a group and its members; a POST does what its field `do` says."""
    own.administrator(principal_of(request), _("administer groups"))
    wanted = sent(request)
    row = groups.get_group(name=wanted.get("name", ""))
    if request.method == "POST":
        return _do(request, row.name)
    members = users.list_users(group=row.name, after=wanted.get("after", ""))
    if is_part(request):
        context = {"row": row, "members": members}
        return render(request, "parts/member_rows.html", context)
    return render(
        request,
        "one_group.html",
        {
            "area": "groups",
            "row": row,
            "members": members,
            "grants": groups.grants_of_group(name=row.name),
        },
    )


def _do(request: HttpRequest, name: str) -> HttpResponse:
    wanted = posted(request)
    user = wanted.get("user", "").strip()
    by = actor_of(request)
    match wanted.get("do"):
        case "add":
            groups.add_member(name=name, user=user, by=by)
        case "remove":
            groups.remove_member(name=name, user=user, by=by)
        case "delete":
            groups.delete_group(name=name, by=by)
            messages.success(request, _("%(name)s is deleted.") % {"name": name})
            return redirect("groups")
        case None if "may_create" in wanted:
            may_create = wanted.get("may_create") == "yes"
            groups.let_create(name=name, may_create=may_create, by=by)
    return redirect(address("group", name=name))
