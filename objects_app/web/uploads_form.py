"""Files sent by a plain form, for browsers without scripts."""

from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.exceptions import TooManyFilesSent
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST

from objects_app.access import policy
from objects_app.access.policy import Action
from objects_app.access.principals import actor_of, principal_of
from objects_app.errors import InvalidArgument, PreconditionFailed, StoreError
from objects_app.http.conditions import write_preconditions
from objects_app.http.digests import expected_digests
from objects_app.http.form_files import SpooledFiles
from objects_app.http.media_types import guess, is_media_type
from objects_app.names import check_key
from objects_app.services import objects
from objects_app.web.pages import address, page, sent

if TYPE_CHECKING:
    from objects_app.queries.rows import BucketRow

_MOST_TOLD = 5


@require_POST
@csrf_exempt  # `_store` looks for the token: it comes in a body that not all may send
@page
def upload(request: HttpRequest, bucket: str) -> HttpResponse:
    """Store a form's files under a prefix, and go back to that folder."""
    prefix = sent(request).get("prefix", "")
    row = policy.bucket_for(principal_of(request), bucket, Action.WRITE, prefix=prefix)
    request.upload_handlers = [SpooledFiles(request)]
    try:
        request.FILES  # noqa: B018 here a body that breaks off is not yet a lost token
    except TooManyFilesSent as error:
        raise InvalidArgument(_("These are too many files for one form.")) from error
    return _store(request, row, prefix)


@csrf_protect
def _store(request: HttpRequest, bucket: "BucketRow", prefix: str) -> HttpResponse:
    stored, refusals = 0, []
    for file in request.FILES.getlist("files"):
        try:
            _put(request, bucket, prefix, file)
            stored += 1
        except StoreError as error:
            refusals.append(f"{file.name}: {error.translated()}")
    if stored:
        text = ngettext("%(count)s file uploaded.", "%(count)s files uploaded.", stored)
        messages.success(request, text % {"count": stored})
    for refusal in refusals[:_MOST_TOLD]:
        messages.error(request, refusal)
    if more := len(refusals[_MOST_TOLD:]):
        text = ngettext("%(count)s more failed.", "%(count)s more failed.", more)
        messages.error(request, text % {"count": more})
    if not stored and not refusals:
        messages.error(request, _("Choose the files to upload first."))
    return HttpResponseRedirect(address("browser", bucket.name, prefix=prefix))


def _put(
    request: HttpRequest, bucket: "BucketRow", prefix: str, file: UploadedFile
) -> None:
    key = check_key(f"{prefix}{file.name}")
    told = file.content_type or ""
    replace = "replace" in request.POST
    try:
        objects.put_object(
            bucket=bucket,
            key=key,
            stream=file,
            length=file.size,
            expected=expected_digests({}),
            description=objects.Description(
                content_type=told if is_media_type(told) else guess(key),
                headers={},
                metadata={},
            ),
            conditions=write_preconditions({} if replace else {"If-None-Match": "*"}),
            readable=policy.readable(principal_of(request)),
            by=actor_of(request),
        )
    except PreconditionFailed as error:
        raise PreconditionFailed(
            _("There is one already. To replace it, say so below.")
        ) from error
