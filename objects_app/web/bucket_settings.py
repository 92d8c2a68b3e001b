"""A bucket's settings: who may read, versions, grants, quota, and its end.

Each change is a form that comes back to the page, with what was done or why not.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext
from django.views.decorators.http import require_POST, require_safe

from objects_app.access import policy
from objects_app.access.policy import Action
from objects_app.access.principals import actor_of, principal_of
from objects_app.errors import InvalidArgument, StoreError
from objects_app.services import buckets, grants, jobs, quotas, savings, users, versions
from objects_app.services.grants import Grantee
from objects_app.web.pages import base_url, page
from objects_app.web.posted import (
    VERSIONING,
    VISIBILITY,
    byte_count,
    chosen,
    posted,
    whole_number,
)

if TYPE_CHECKING:
    from objects_app.queries.rows import BucketRow

_ROLES = ("reader", "writer", "owner")
_KINDS = ("user", "group")
_MOST_COUNTED = 10_000


@require_safe
@page
def bucket_settings(request: HttpRequest, bucket: str) -> HttpResponseBase:
    """Show what may be set, with what it means."""
    principal = principal_of(request)
    row = policy.bucket_for(principal, bucket, Action.OWN)
    room = quotas.used(bucket=row)
    return render(
        request,
        "bucket_settings.html",
        {
            "area": "buckets",
            "bucket": row,
            "owner": users.name_of(row.owner_id),
            "room": room,
            "contents": versions.contents(bucket=row, most=_MOST_COUNTED),
            "saving": savings.savings([row.id]).get(row.id),
            "grants": grants.list_grants(bucket=row),
            "roles": _ROLES,
            "may_set_quota": principal.is_superuser,
            "base_url": base_url(request),
        },
    )


@require_POST
@page
def change_bucket(request: HttpRequest, bucket: str, what: str) -> HttpResponseBase:
    """Do what a form of the settings says, and go back to them."""
    row = policy.bucket_for(principal_of(request), bucket, Action.OWN)
    if what not in _CHANGES:
        raise Http404
    try:
        messages.success(request, _CHANGES[what](request, row))
    except StoreError as error:
        messages.error(request, error.translated())
    return redirect("bucket_settings", bucket)


@require_POST
@page
def delete_bucket(request: HttpRequest, bucket: str) -> HttpResponseBase:
    """Delete a bucket that is empty, and go to the others."""
    row = policy.bucket_for(principal_of(request), bucket, Action.OWN)
    try:
        _require_name(request, row)
        buckets.delete_bucket(bucket=row, by=actor_of(request))
    except StoreError as error:
        messages.error(request, error.translated())
        return redirect("bucket_settings", bucket)
    messages.success(request, _("Bucket %(name)s is deleted.") % {"name": bucket})
    return redirect("home")


@require_POST
@page
def empty_bucket(request: HttpRequest, bucket: str) -> HttpResponseBase:
    """Delete all versions for good: now, or by a job where there are many."""
    principal = principal_of(request)
    row = policy.bucket_for(principal, bucket, Action.OWN)
    try:
        _require_name(request, row)
        done = jobs.delete_versions(
            bucket=row, prefix="", user_id=principal.user_id, by=actor_of(request)
        )
    except StoreError as error:
        messages.error(request, error.translated())
        return redirect("bucket_settings", bucket)
    if isinstance(done, jobs.JobRow):
        said = _("The bucket is being emptied: this goes on while you are away.")
        messages.info(request, said)
        return redirect("job", done.job_id)
    told = ngettext(
        "The bucket is empty: %(count)s version is deleted for good.",
        "The bucket is empty: %(count)s versions are deleted for good.",
        done,
    )
    messages.success(request, told % {"count": f"{done:,}"})
    return redirect("bucket_settings", bucket)


def _set_visibility(request: HttpRequest, bucket: "BucketRow") -> str:
    """Say who may read without credentials."""
    wanted = chosen(request, "visibility", VISIBILITY)
    by = actor_of(request)
    buckets.change_bucket(bucket=bucket, changes={"visibility": wanted}, by=by)
    return _("Who may read is changed.")


def _set_versioning(request: HttpRequest, bucket: "BucketRow") -> str:
    """Keep versions, or go on without new ones."""
    wanted = chosen(request, "versioning", VERSIONING)
    by = actor_of(request)
    buckets.change_bucket(bucket=bucket, changes={"versioning": wanted}, by=by)
    return _("Versioning is changed.")


def _set_quota(request: HttpRequest, bucket: "BucketRow") -> str:
    """Set limits: a size and a number, empty for none. Administrators only."""
    policy.require_superuser(principal_of(request), _("set quotas"))
    wanted = posted(request)
    limits = (
        ("quota_bytes", "bytes", byte_count),
        ("quota_objects", "objects", whole_number),
    )
    changes = {
        name: read(wanted[field]) if field in wanted else None
        for name, field, read in limits
        if field in request.POST
    }
    buckets.change_bucket(bucket=bucket, changes=changes, by=actor_of(request))
    return _("The quota is changed.")


def _add_grant(request: HttpRequest, bucket: "BucketRow") -> str:
    """Let a user or a group in."""
    row = grants.put_grant(
        bucket=bucket,
        grantee=_grantee(request),
        role=chosen(request, "role", _ROLES),
        prefix=request.POST.get("prefix", ""),
        by=actor_of(request),
    )
    return _("%(name)s has access.") % {"name": row.grantee.user or row.grantee.group}


def _remove_grant(request: HttpRequest, bucket: "BucketRow") -> str:
    """Take a grant back."""
    grantee = _grantee(request)
    prefix = request.POST.get("prefix", "")
    by = actor_of(request)
    grants.delete_grant(bucket=bucket, grantee=grantee, prefix=prefix, by=by)
    told = {"name": grantee.user or grantee.group}
    return _("%(name)s has this access no more.") % told


def _require_name(request: HttpRequest, bucket: "BucketRow") -> None:
    if request.POST.get("name", "").strip() != bucket.name:
        raise InvalidArgument(
            gettext_noop(
                "Nothing was deleted: type the bucket's name, %(name)s, to confirm."
            ),
            name=bucket.name,
        )


def _grantee(request: HttpRequest) -> Grantee:
    name = request.POST.get("name", "").strip()
    if chosen(request, "kind", _KINDS) == "user":
        return Grantee(user=name, group=None)
    return Grantee(user=None, group=name)


_CHANGES: dict[str, Callable[[HttpRequest, "BucketRow"], str]] = {
    "visibility": _set_visibility,
    "versioning": _set_versioning,
    "quota": _set_quota,
    "grant": _add_grant,
    "revoke": _remove_grant,
}
