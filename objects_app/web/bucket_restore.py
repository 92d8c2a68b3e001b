"""A folder as it was: what a restore changes, and the restore."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from objects_app.access import policy
from objects_app.access.policy import Action
from objects_app.access.principals import actor_of, principal_of
from objects_app.errors import FutureMoment, InvalidArgument, NotVersioned
from objects_app.http.moments import read_chosen_moment
from objects_app.names import check_prefix
from objects_app.services import jobs, restore
from objects_app.web.pages import address, is_part, page, sent

if TYPE_CHECKING:
    from objects_app.queries.rows import BucketRow

_PAGE = 200


@require_http_methods(["GET", "HEAD", "POST"])
@page
def bucket_restore(request: HttpRequest, bucket: str) -> HttpResponse:
    """Show what going back to a moment changes; with POST, go back."""
    wanted = sent(request)
    prefix = check_prefix(wanted.get("prefix", ""))
    principal = principal_of(request)
    row = policy.bucket_for(principal, bucket, Action.WRITE, prefix=prefix)
    if request.method == "POST":
        return _restore(request, row, prefix, wanted.get("at", ""))
    shown: dict[str, Any] = {"area": "buckets", "bucket": row, "prefix": prefix}
    if is_part(request):
        shown |= _differences(row, prefix, wanted)
        return render(request, "parts/differences.html", shown)
    try:
        if "at" in wanted:
            shown |= _differences(row, prefix, wanted)
    except (FutureMoment, InvalidArgument, NotVersioned) as error:
        shown["wrong"] = _why_not(error)
    status = 400 if "wrong" in shown else 200
    return render(request, "bucket_restore.html", shown, status=status)


def _differences(
    row: "BucketRow", prefix: str, wanted: dict[str, str]
) -> dict[str, Any]:
    moment = read_chosen_moment("at", wanted.get("at", ""))
    after = wanted.get("after", "")
    found = restore.differences(
        bucket=row, prefix=prefix, moment=moment, after=after, limit=_PAGE
    )
    return {"moment": moment, "found": found}


def _restore(
    request: HttpRequest, row: "BucketRow", prefix: str, at: str
) -> HttpResponse:
    done = jobs.restore(
        bucket=row,
        prefix=prefix,
        moment=read_chosen_moment("at", at),
        user_id=principal_of(request).user_id,
        by=actor_of(request),
    )
    if isinstance(done, jobs.JobRow):
        messages.success(request, _("It is being restored. You may leave this page."))
        return redirect("job", done.job_id)
    said = _(
        "Restored. As they were again: %(restored)d; deleted: %(removed)d; not "
        "changed since: %(unchanged)d."
    )
    messages.success(request, said % done._asdict())
    return redirect(address("browser", row.name, prefix=prefix))


def _why_not(error: FutureMoment | InvalidArgument | NotVersioned) -> str:
    if isinstance(error, FutureMoment):
        return _("That moment is yet to come. Choose one that has passed.")
    if isinstance(error, NotVersioned):
        return _("The bucket kept no versions then. Choose a later moment.")
    return _("That is no date and time. Choose one here.")
