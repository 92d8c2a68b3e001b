"""Pages that say why not, and what to do."""

import math

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from objects_app import errors
from objects_app.errors import LoginLocked, StoreError, TooManyLogins

_BUSY_SECONDS = 2

# Beside rest/problems.TABLE: 400 is for all that is not here.
STATUS: dict[int, tuple[type[StoreError], ...]] = {
    403: (
        errors.AccessDenied,
        errors.CsrfRequired,
        errors.ForeignOrigin,
        errors.InvalidCredentials,
        errors.TooManyBuckets,
    ),
    404: (
        errors.DeleteMarker,
        errors.NoSuchAccessKey,
        errors.NoSuchBucket,
        errors.NoSuchGrant,
        errors.NoSuchGroup,
        errors.NoSuchJob,
        errors.NoSuchKey,
        errors.NoSuchUpload,
        errors.NoSuchUser,
        errors.NoSuchVersion,
    ),
    409: (
        errors.BatchRefused,
        errors.BucketNotEmpty,
        errors.BucketTaken,
        errors.GroupInUse,
        errors.LastAdministrator,
        errors.NotVersioned,
        errors.UploadCompleted,
        errors.VersioningStays,
    ),
    412: (errors.PreconditionFailed,),
    413: (errors.BodyTooLarge,),
    422: (errors.SearchTooBroad,),
    429: (errors.LoginLocked, errors.RateLimited),
    500: (errors.BytesMissing,),
    503: (
        errors.IssuerUnavailable,
        errors.StorageBusy,
        errors.StorageUnavailable,
        errors.TooManyLogins,
        errors.TooManyUploads,
    ),
    507: (errors.QuotaExceeded,),
}


def sentence(error: StoreError) -> HttpResponse:
    """Return what says what to do, for a page that asked for a part of itself."""
    status = status_of(error)
    return HttpResponse(_reason(error), status=status, content_type="text/plain")


def refused(request: HttpRequest, error: StoreError) -> HttpResponse:
    """Return the page that says what to do."""
    status = status_of(error)
    titles = {
        403: _("Not yours to see or change"),
        404: _("Not here"),
        503: _("One moment"),
    }
    title = titles.get(status, _("That did not work"))
    return _page(request, status=status, title=title, reason=_reason(error))


def status_of(error: StoreError) -> int:
    """Return the HTTP status that a page with this refusal has."""
    for status, classes in STATUS.items():
        if isinstance(error, classes):
            return status
    return 400


def _reason(error: StoreError) -> str:
    """Return the error's words, but for those that send a program elsewhere."""
    if isinstance(error, errors.NoSuchVersion):
        return _("There is no such version any more.")
    if isinstance(error, errors.NoSuchKey):
        return _("There is nothing of this name any more, or you may not know of it.")
    return error.translated()


def no_login(request: HttpRequest, error: LoginLocked | TooManyLogins) -> HttpResponse:
    """Return 429 for a login that is locked, whoever's it is, 503 in a crowd."""
    if isinstance(error, TooManyLogins):
        answer = _page(
            request, status=503, title=_("One moment"), reason=error.translated()
        )
        answer["Retry-After"] = str(_BUSY_SECONDS)
        return answer
    minutes = math.ceil(error.retry_after / 60)
    answer = _page(
        request,
        status=429,
        title=_("Too many attempts"),
        reason=ngettext(
            "Signing in has failed too often for this account or from your address. "
            "Try again in %(minutes)d minute.",
            "Signing in has failed too often for this account or from your address. "
            "Try again in %(minutes)d minutes.",
            minutes,
        )
        % {"minutes": minutes},
    )
    answer["Retry-After"] = str(error.retry_after)
    return answer


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Return 403 for a form of another site's page, or of one that is out of date."""
    return _page(
        request,
        status=403,
        title=_("That form is out of date"),
        reason=_(
            "It was opened too long ago, before you signed in, or without cookies. "
            "Go back, load the page again and send it once more."
        ),
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return 400 for a form that Django does not take."""
    return _page(
        request,
        status=400,
        title=_("That did not work"),
        reason=_("The form is broken or too large: go back, and send less of it."),
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return 404 for an address that no page has."""
    return _page(
        request,
        status=404,
        title=_("Not here"),
        reason=_("There is no page of this address."),
    )


def sign_on_failed(
    request: HttpRequest, error: StoreError, *, status: int
) -> HttpResponse:
    """Return 403 or 503 for a single sign-on that came to nothing."""
    return _page(
        request, status=status, title=_("Not signed in"), reason=error.translated()
    )


def _page(
    request: HttpRequest, *, status: int, title: str, reason: str
) -> HttpResponse:
    answer = render(
        request, "refusal.html", {"title": title, "reason": reason}, status=status
    )
    answer["Cache-Control"] = "no-store"
    return answer
