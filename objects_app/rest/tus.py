"""Resumable uploads: tus 1.0 at /tus/.

Each request is authorised anew, for writing the key: an upload's id opens nothing.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.http import http_date

from objects_app.access import policy
from objects_app.access.principals import actor_of, principal_of
from objects_app.errors import InvalidArgument, UnsupportedTusVersion
from objects_app.http import media_types
from objects_app.http.bodies import KeptStream, body_stream, declared_length
from objects_app.http.conditions import write_preconditions
from objects_app.http.metadata import check_metadata
from objects_app.http.paths import raw_path
from objects_app.names import check_key
from objects_app.rest import problems, tus_headers
from objects_app.rest.answers import empty_answer, parameters
from objects_app.rest.objects import gate
from objects_app.rest.routing import View, by_method
from objects_app.services import buckets, tus
from objects_app.services.objects import Description
from objects_app.services.tus_body import Sent

if TYPE_CHECKING:
    from objects_app.models import Upload
    from objects_app.queries.rows import BucketRow


def _speaking_tus(view: View) -> View:
    """Return the view with what tus asks of each answer, errors too (its section 5)."""

    def spoken(request: HttpRequest) -> HttpResponseBase:
        answer: HttpResponseBase
        try:
            answer = view(request)
        except Exception as error:  # noqa: BLE001 as the middleware: log and map
            answer = problems.response(request, error)
            if isinstance(error, UnsupportedTusVersion):
                answer["Tus-Version"] = tus_headers.VERSION
        answer["Tus-Resumable"] = tus_headers.VERSION
        return answer

    return spoken


def _offering(*methods: str) -> Callable[[HttpRequest], HttpResponseBase]:
    def options(_: HttpRequest) -> HttpResponseBase:
        return empty_answer(
            **{
                "Allow": ", ".join(sorted({*methods, "OPTIONS"})),
                "Tus-Version": tus_headers.VERSION,
                "Tus-Extension": tus_headers.EXTENSIONS,
                "Tus-Max-Size": str(settings.MAX_OBJECT_BYTES),
                "Tus-Checksum-Algorithm": tus_headers.CHECKSUMS,
            }
        )

    return options


def _create(request: HttpRequest) -> HttpResponseBase:
    tus_headers.require_version(request.headers)
    parameters(request)
    length = tus_headers.length_to_create(request.headers)
    pairs = tus_headers.upload_metadata(request.headers)
    name, key = _named(pairs)
    content_type = pairs.get("filetype") or media_types.guess(key)
    if not media_types.is_media_type(content_type):
        raise InvalidArgument("filetype must be a media type such as text/plain.")
    metadata = check_metadata(tus_headers.user_metadata(pairs))
    conditions = write_preconditions(request.headers)
    has_body = declared_length(request.META) != 0
    if has_body:
        tus_headers.require_content_type(request.headers)
    by = actor_of(request)
    leave = gate(request, name, key, conditions)
    bucket = buckets.ensure_bucket(bucket=leave, by=by).row
    upload = tus.create_upload(
        bucket=bucket,
        key=key,
        length=length,
        description=Description(content_type, {}, metadata),
        said=request.headers["Upload-Metadata"],
        conditions=conditions,
        by=by,
    )
    if has_body or length == 0:
        sent = _sent(request, offset=0)
        upload = tus.append(upload=upload, bucket=bucket, sent=sent, by=by)
    headers = {"Location": f"/tus/{upload.upload_id}", "Content-Length": "0"}
    return _answer(upload, 201, headers)


def _head(request: HttpRequest) -> HttpResponseBase:
    _, upload = _upload(request)
    headers = {
        "Cache-Control": "no-store",
        "Upload-Metadata": tus.what_was_said(upload),
        "Content-Length": "0",
    }
    if upload.length is None:
        headers["Upload-Defer-Length"] = "1"
    else:
        headers["Upload-Length"] = str(upload.length)
    return _answer(upload, 200, headers)


def _patch(request: HttpRequest) -> HttpResponseBase:
    bucket, upload = _upload(request)
    tus_headers.require_content_type(request.headers)
    upload = tus.append(
        upload=upload,
        bucket=bucket,
        sent=_sent(request, offset=tus_headers.upload_offset(request.headers)),
        length=tus_headers.upload_length(request.headers),
        by=actor_of(request),
    )
    return _answer(upload, 204, {})


def _delete(request: HttpRequest) -> HttpResponseBase:
    _, upload = _upload(request)
    tus.terminate(upload=upload)
    return empty_answer()


def _upload(request: HttpRequest) -> tuple["BucketRow", "Upload"]:
    """Return the upload of the path and its bucket, for who may write its key."""
    tus_headers.require_version(request.headers)
    parameters(request)
    upload_id = raw_path(request.META).removeprefix(b"/tus/").decode(errors="replace")
    return policy.upload_for(principal_of(request), upload_id, tus.PROTOCOL)


def _sent(request: HttpRequest, *, offset: int) -> Sent:
    return Sent(
        stream=body_stream(request.META, KeptStream),
        offset=offset,
        declared=declared_length(request.META),
        checksum=tus_headers.upload_checksum(request.headers),
    )


def _named(pairs: dict[str, str]) -> tuple[str, str]:
    """Return the bucket and the key that Upload-Metadata names."""
    key = pairs.get("key") or pairs.get("filename")
    if not pairs.get("bucket") or not key:
        raise InvalidArgument(
            "Name in Upload-Metadata the bucket, and the key (or filename) of the "
            "object, each as base64."
        )
    return pairs["bucket"], check_key(key)


def _answer(upload: "Upload", status: int, headers: dict[str, str]) -> HttpResponseBase:
    """Return an answer without a body that tells how far the upload is."""
    answer = HttpResponse(status=status, headers=headers)
    del answer["Content-Type"]
    answer["Upload-Offset"] = str(upload.received)
    if upload.expires_at is not None:
        answer["Upload-Expires"] = http_date(upload.expires_at.timestamp())
    return answer


uploads = _speaking_tus(by_method(POST=_create, OPTIONS=_offering("POST")))
upload = _speaking_tus(
    by_method(
        HEAD=_head,
        PATCH=_patch,
        DELETE=_delete,
        OPTIONS=_offering("HEAD", "PATCH", "DELETE"),
    )
)
