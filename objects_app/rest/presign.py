"""POST /presign: a URL that does one thing with one object, for whoever has it."""

import time
from datetime import UTC, datetime
from typing import Literal

from django.http import HttpRequest, HttpResponseBase
from pydantic import Field

from objects_app.access import policy, presigned
from objects_app.access.policy import Action
from objects_app.access.principals import principal_of
from objects_app.errors import InvalidArgument
from objects_app.http.json_bodies import Body, read_json
from objects_app.http.media_types import is_media_type
from objects_app.http.paths import url_path
from objects_app.names import check_key
from objects_app.rest.answers import json_answer, parameters, timestamp
from objects_app.rest.routing import by_method

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


def _create(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    principal = principal_of(request)
    issuer = policy.issuer(principal)
    wanted = read_json(request.META, _Wanted)
    check_key(wanted.key)
    if wanted.content_type is not None and not is_media_type(wanted.content_type):
        raise InvalidArgument("content_type is no media type.")
    action = Action.READ if wanted.method in {"GET", "HEAD"} else Action.WRITE
    if wanted.method == "PUT":
        policy.bucket_for_put(principal, wanted.bucket, wanted.key)
    else:
        policy.bucket_for(principal, wanted.bucket, action, prefix=wanted.key)
    target = url_path(wanted.bucket, wanted.key)
    by_query = "?" in target
    path = f"/buckets/{wanted.bucket}/objects" + ("" if by_query else f"/{wanted.key}")
    expires_at = int(time.time()) + wanted.expires_in
    query = presigned.sign(
        method=wanted.method,
        path=path.encode(),
        issuer=issuer,
        expires_at=expires_at,
        content_type=wanted.content_type,
        max_bytes=wanted.max_bytes,
        sha256=wanted.sha256,
        filename=wanted.filename,
        key=wanted.key if by_query else None,
    )
    origin = f"{request.scheme}://{request.get_host()}"
    answer = json_answer(
        {
            "url": f"{origin}{target.partition('?')[0]}?{query}",
            "method": wanted.method,
            "headers": {"Content-Type": wanted.content_type}
            if wanted.content_type
            else {},
            "expires_at": timestamp(datetime.fromtimestamp(expires_at, UTC)),
        }
    )
    answer["Cache-Control"] = "no-store"
    return answer


presign = by_method(POST=_create)
