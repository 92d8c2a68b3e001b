"""GET /archive: all objects of a prefix as one ZIP."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from objects_app.access import policy
from objects_app.access.policy import Action
from objects_app.access.principals import principal_of
from objects_app.errors import BucketRequired
from objects_app.http import archives
from objects_app.rest.answers import moment, parameters
from objects_app.rest.routing import by_method
from objects_app.services import archive


def _get(request: HttpRequest) -> HttpResponseBase:
    return archives.response(*_archive(request))


def _head(request: HttpRequest) -> HttpResponseBase:
    made, name = _archive(request)
    made.close()
    return HttpResponse(headers=archives.headers(made, name))


def _archive(request: HttpRequest) -> tuple[archive.Archive, str]:
    sent = parameters(request, "bucket", "prefix", "at")
    if "bucket" not in sent:
        raise BucketRequired(
            "Name the bucket: GET /archive?bucket=NAME&prefix=FOLDER/."
        )
    prefix = sent.get("prefix", "")
    action = Action.PAST if "at" in sent else Action.LIST
    bucket = policy.bucket_for(
        principal_of(request), sent["bucket"], action, prefix=prefix
    )
    rows = archive.rows_of(bucket=bucket, prefix=prefix, at=moment(sent, "at"))
    made = archive.archive(bucket=bucket, prefix=prefix, rows=rows)
    return made, archive.archive_name(bucket=bucket, prefix=prefix)


prefix_archive = by_method(GET=_get, HEAD=_head)
