"""POST /presign: a URL that does one thing with one object, for whoever has it."""

from typing import TYPE_CHECKING, Literal

from django.http import HttpRequest, HttpResponseBase
from pydantic import Field

from objects_app.access import issuing, own, policy, presigned
from objects_app.access.policy import Action
from objects_app.access.principals import Principal, principal_of
from objects_app.errors import InvalidArgument
from objects_app.http.json_bodies import Body, read_json
from objects_app.http.media_types import is_media_type
from objects_app.http.moments import read_moment
from objects_app.http.paths import url_path
from objects_app.names import check_key
from objects_app.rest.answers import json_answer, parameters, timestamp
from objects_app.rest.routing import by_method

if TYPE_CHECKING:
    from objects_app.queries.rows import BucketRow
    from objects_app.services.buckets import NewBucket

_DEFAULT_SECONDS = 3600


class _Wanted(Body):
    bucket: str
    key: str
    method: Literal["GET", "HEAD", "PUT", "DELETE"] = "GET"
    expires_in: int = Field(_DEFAULT_SECONDS, ge=1, le=presigned.MAX_SECONDS)
    content_type: str | None = None
    max_bytes: int | None = Field(None, ge=0)
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    filename: str | None = None
    version: str | None = Field(None, min_length=1)
    at: str | None = Field(None, min_length=1)


def _create(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    principal = principal_of(request)
    issuer = own.issuer(principal)
    wanted = read_json(request.META, _Wanted)
    check_key(wanted.key)
    if wanted.content_type is not None and not is_media_type(wanted.content_type):
        raise InvalidArgument("content_type is no media type.")
    _check_choice(wanted)
    bucket = _gate(principal, wanted)
    issued = issuing.presigned_url(
        request,
        issuer=issuer,
        bucket=bucket,
        key=wanted.key,
        target=url_path(wanted.bucket, wanted.key),
        method=wanted.method,
        seconds=wanted.expires_in,
        content_type=wanted.content_type,
        max_bytes=wanted.max_bytes,
        sha256=wanted.sha256,
        filename=wanted.filename,
        version=wanted.version,
        at=wanted.at,
    )
    return json_answer(
        {
            "url": issued.url,
            "method": wanted.method,
            "headers": {"Content-Type": wanted.content_type}
            if wanted.content_type
            else {},
            "expires_at": timestamp(issued.expires_at),
        }
    )


def _check_choice(wanted: _Wanted) -> None:
    """Refuse what the request would be refused for, or would not heed."""
    if wanted.at is not None:
        read_moment("at", wanted.at)
        if wanted.version is not None or wanted.method not in {"GET", "HEAD"}:
            raise InvalidArgument("at is for GET and HEAD, and without version.")
    if wanted.version is not None and wanted.method == "PUT":
        raise InvalidArgument("version is for GET, HEAD and DELETE alone.")


def _gate(principal: Principal, wanted: _Wanted) -> "BucketRow | NewBucket":
    """Hold what the URL would do against what its issuer may at this moment."""
    if wanted.method == "PUT":
        return policy.bucket_for_put(principal, wanted.bucket, wanted.key)
    action = Action.READ if wanted.version is wanted.at is None else Action.PAST
    if wanted.method not in {"GET", "HEAD"}:
        action = Action.WRITE
    return policy.bucket_for(principal, wanted.bucket, action, prefix=wanted.key)


presign = by_method(POST=_create)
