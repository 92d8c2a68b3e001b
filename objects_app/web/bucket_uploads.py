"""Uploads of a bucket that have begun and not ended, and their end."""

from typing import TYPE_CHECKING, NamedTuple

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from objects_app.access import policy
from objects_app.access.policy import Action
from objects_app.access.principals import principal_of
from objects_app.errors import NoSuchUpload, UploadCompleted
from objects_app.services import multipart, tus, upload_listing, uploads
from objects_app.web.pages import address, is_part, page, sent

if TYPE_CHECKING:
    from objects_app.models import Upload

_PAGE = 50
_PROTOCOLS = {str(door.PROTOCOL): door.PROTOCOL for door in (multipart, tus)}


class Line(NamedTuple):
    """An upload and how many bytes of it are here; `name` is what a form calls it."""

    upload: "Upload"
    arrived: int

    @property
    def name(self) -> str:
        """The door it comes through, and its id there."""
        return f"{self.upload.protocol}/{self.upload.upload_id}"


@require_safe
@page
def bucket_uploads(request: HttpRequest, bucket: str) -> HttpResponse:
    """Show a bucket's unfinished uploads by key."""
    wanted = sent(request)
    prefix = wanted.get("prefix", "")
    row = policy.bucket_for(principal_of(request), bucket, Action.WRITE, prefix=prefix)
    found = upload_listing.list_uploads(
        bucket=row,
        protocols=_PROTOCOLS.values(),
        prefix=prefix,
        cursor=wanted.get("cursor"),
        limit=_PAGE,
    )
    arrived = upload_listing.arrived(found.entries)
    return render(
        request,
        "parts/upload_rows.html" if is_part(request) else "bucket_uploads.html",
        {
            "area": "buckets",
            "bucket": row,
            "prefix": prefix,
            "lines": [Line(one, arrived[one.upload_id]) for one in found.entries],
            "next_cursor": found.next_cursor,
        },
    )


@require_POST
@page
def abort(request: HttpRequest, bucket: str) -> HttpResponse:
    """End the uploads that a form names: the one of its button, or those chosen."""
    principal = principal_of(request)
    prefix = sent(request).get("prefix", "")
    policy.bucket_for(principal, bucket, Action.WRITE, prefix=prefix)
    names = request.POST.getlist("only") or request.POST.getlist("upload")
    ended = 0
    for name in names[:_PAGE]:
        protocol, _slash, upload_id = name.partition("/")
        try:
            door = _PROTOCOLS[protocol]
            _row, upload = policy.upload_for(principal, upload_id, door)
            uploads.abort_upload(upload=upload)
        except (KeyError, NoSuchUpload, UploadCompleted):
            continue
        ended += 1
    said = ngettext("%d upload was aborted.", "%d uploads were aborted.", ended)
    messages.success(request, said % ended)
    return redirect(address("bucket_uploads", bucket, prefix=prefix))
