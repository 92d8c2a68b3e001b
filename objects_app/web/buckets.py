"""The first screen: all buckets that the reader may list, and how to begin."""

from typing import TYPE_CHECKING, NamedTuple

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from objects_app.access import policy
from objects_app.access.policy import Action
from objects_app.access.principals import Principal, actor_of, principal_of
from objects_app.errors import CredentialsRequired, StoreError
from objects_app.names import check_bucket_name
from objects_app.services import buckets, first_steps, grants, listing, savings
from objects_app.web.pages import address, base_url, is_part, page, sent
from objects_app.web.posted import VERSIONING, VISIBILITY, chosen
from objects_app.web.refusals import status_of

if TYPE_CHECKING:
    from objects_app.queries.bucket_pages import ListedBucket

_PAGE = 50
_YEAR = 365 * 86400
_DISMISSED = "first-steps"


class Step(NamedTuple):
    """One of the first things to do; `url` is where, "" while another comes first."""

    name: str
    done: bool
    url: str


@require_safe
@page
def home(request: HttpRequest) -> HttpResponse:
    """Show the buckets, or how to begin where there are none; or as a part a page."""
    wanted = sent(request)
    text, after = wanted.get("name", "").lower(), wanted.get("after", "")
    principal = principal_of(request)
    readable = policy.readable(principal)
    found = buckets.page_of_buckets(
        readable=readable, text=text, after=after, limit=_PAGE
    )
    saved = savings.savings([bucket.row.id for bucket in found.buckets])
    shown = {
        "buckets": [(bucket, saved.get(bucket.row.id)) for bucket in found.buckets],
        "next_after": found.next_after,
        "text": text,
    }
    if is_part(request):
        answer = render(request, "parts/bucket_rows.html", shown)
        if not after:
            answer["HX-Replace-Url"] = address("home", name=text)
        return answer
    whole = {
        **shown,
        "area": "buckets",
        "base_url": base_url(request),
        "folders": _shared_folders(principal),
        "may_create": policy.may_create(principal),
        "steps": [] if text or after else _steps(request, principal, found.buckets),
    }
    return render(request, "buckets.html", whole)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def new_bucket(request: HttpRequest) -> HttpResponseBase:
    """Make a bucket; before that, show the form, or as a part what a name is worth."""
    if is_part(request):
        return _told_of_name(request)
    problem, status = "", 200
    if request.method == "POST":
        try:
            return _create(request)
        except CredentialsRequired:
            raise
        except StoreError as error:
            problem, status = error.translated(), status_of(error)
    context = {
        "area": "buckets",
        "name": request.POST.get("name", ""),
        "visibility": request.POST.get("visibility", "private"),
        "versioning": request.POST.get("versioning", "off"),
        "problem": problem,
    }
    return render(request, "bucket_new.html", context, status=status)


@require_POST
@page
def dismiss_first_steps(request: HttpRequest) -> HttpResponse:
    """Show the first steps no more in this browser."""
    answer = redirect("home")
    answer.set_cookie(_DISMISSED, "done", max_age=_YEAR, samesite="Lax", httponly=True)
    return answer


def _create(request: HttpRequest) -> HttpResponse:
    by = actor_of(request)
    changes = {
        "visibility": chosen(request, "visibility", VISIBILITY),
        "versioning": chosen(request, "versioning", VERSIONING),
    }
    leave = policy.new_bucket(principal_of(request), request.POST.get("name", ""))
    made = buckets.ensure_bucket(bucket=leave, by=by)
    if made.created:
        plain = {"visibility": made.row.visibility, "versioning": made.row.versioning}
        changed = dict(changes.items() - plain.items())
        buckets.change_bucket(bucket=made.row, changes=changed, by=by)
        said = _("Bucket %(name)s is there: put something in it.")
    else:
        said = _("You have a bucket %(name)s already: this is it.")
    messages.success(request, said % {"name": made.row.name})
    return redirect("browser", made.row.name)


def _told_of_name(request: HttpRequest) -> HttpResponse:
    name, problem = sent(request).get("name", ""), ""
    try:
        check_bucket_name(name)
    except StoreError as error:
        problem = error.translated()
    return render(
        request,
        "parts/bucket_name.html",
        {"name": name, "problem": problem, "base_url": base_url(request)},
    )


def _shared_folders(principal: Principal) -> list[tuple[str, str]]:
    if principal.user_id is None or principal.is_superuser:
        return []
    return grants.shared_folders(user_id=principal.user_id)


def _steps(
    request: HttpRequest, principal: Principal, listed: "list[ListedBucket]"
) -> list[Step]:
    """Return the first steps; none to who has made them all, or wants none."""
    writable = [b for b in listed if policy.allows(principal, b.row, Action.WRITE)]
    may_begin = policy.may_create(principal) or writable
    if _DISMISSED in request.COOKIES or not may_begin:
        return []
    into = address("browser", writable[0].row.name) if writable else ""
    filled = [bucket for bucket in listed if bucket.totals.objects]
    steps = [
        Step("bucket", bool(listed), address("new_bucket")),
        Step("upload", bool(filled), into),
    ]
    if principal.user_id is not None:
        done = first_steps.done_by(user_id=principal.user_id, label=principal.label)
        to_share = "" if done.shared or not filled else _an_object(filled[0])
        steps.append(Step("share", done.shared, to_share))
        steps.append(Step("key", done.key, address("my_keys")))
    return [] if all(step.done for step in steps) else steps


def _an_object(bucket: "ListedBucket") -> str:
    """Return where an object of the bucket is shown."""
    first = listing.list_bucket(bucket=bucket.row, limit=1).entries
    return address("object", bucket.row.name, key=first[0].key) if first else ""
