"""Objects over REST: PUT, GET, HEAD, DELETE."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from objects_app.access import policy
from objects_app.access.policy import Action
from objects_app.access.principals import actor_of, principal_of
from objects_app.errors import (
    BytesMissing,
    InvalidArgument,
    PreconditionFailed,
    StorageBusy,
)
from objects_app.http.bodies import body_stream, declared_length
from objects_app.http.conditions import (
    Outcome,
    evaluate,
    range_applies,
    write_preconditions,
)
from objects_app.http.digests import known_content
from objects_app.http.headers import (
    not_modified_headers,
    object_headers,
    read_stored_headers,
    with_file_name,
)
from objects_app.http.media_types import content_type
from objects_app.http.metadata import read_metadata
from objects_app.http.moments import read_moment
from objects_app.http.paths import object_path, query, raw_path, url_path
from objects_app.http.ranges import parse_range
from objects_app.http.redirects import may_redirect, redirect_response
from objects_app.http.streaming import reader_response
from objects_app.http.tags import read_tags
from objects_app.names import decode_key
from objects_app.rest import descriptions
from objects_app.rest.answers import (
    json_answer,
    parameters,
    timestamp,
)
from objects_app.rest.callers import for_caller, upload_limits
from objects_app.rest.routing import by_method
from objects_app.services import instant, objects

if TYPE_CHECKING:
    from objects_app.queries.rows import BucketRow, ObjectRow, Preconditions
    from objects_app.services.buckets import NewBucket


def _put(request: HttpRequest) -> HttpResponseBase:
    bucket, key = _names_to_change(request)
    description = objects.Description(
        content_type=content_type(request, key),
        headers=read_stored_headers(request.headers),
        metadata=read_metadata(request.headers),
        tags=read_tags(request.headers),
    )
    stored = _store(request, bucket, key, description)
    answer = json_answer(
        {
            "message": "Upload successful",
            "path": url_path(bucket, key),
            "etag": stored.etag,
            "storage": stored.storage,
            "bucket": bucket,
            "key": key,
            "size": stored.size,
            "sha256": stored.sha256,
            "content_type": description.content_type,
            "metadata": description.metadata,
            "tags": description.tags,
            "version_id": stored.version_id,
            "created_at": timestamp(stored.created_at),
            "node_id": settings.NODE_ID,
            "deduplicated": stored.deduplicated,
        },
        status=200 if stored.replaced else 201,
    )
    answer["ETag"] = f'"{stored.etag}"'
    answer["X-Version-Id"] = stored.version_id
    return answer


def _store(
    request: HttpRequest, bucket: str, key: str, description: objects.Description
) -> objects.StoredResult:
    """Store the body, or link the content that the request names instead."""
    conditions = write_preconditions(request.headers)
    length = declared_length(request.META)
    limits = upload_limits(request, description.content_type)
    known = known_content(request.headers, length=length, expected=limits.expected)
    row = gate(request, bucket, key, conditions)
    readable = policy.readable(principal_of(request))
    if known is not None and known != instant.NOTHING:
        return instant.put_known(
            bucket=row,
            key=key,
            sha256=known,
            description=description,
            conditions=conditions,
            readable=readable,
            by=actor_of(request),
        )
    return objects.put_object(
        bucket=row,
        key=key,
        stream=body_stream(request.META),
        length=length,
        limit=limits.most_bytes,
        expected=limits.expected,
        description=description,
        conditions=conditions,
        readable=readable,
        by=actor_of(request),
    )


def gate(
    request: HttpRequest, bucket: str, key: str, conditions: "Preconditions"
) -> "BucketRow | NewBucket":
    """Return the bucket to put into; a condition that fails already spares the body.

    It is decided again, atomically, in the commit.
    """
    principal = principal_of(request)
    if not any(condition is not None for condition in conditions):
        return policy.bucket_for_put(principal, bucket, key)
    row, present = policy.object_for_put(principal, bucket, key)
    if not conditions.hold(
        etag=present.etag if present else None,
        modified=present.created_at if present else None,
    ):
        raise PreconditionFailed()
    return row


def _get(request: HttpRequest) -> HttpResponseBase:
    if descriptions.is_asked_for(request):
        return descriptions.answer(_names(request)[0], _readable_object(request))
    try:
        return _send(request, _readable_object(request))
    except (BytesMissing, StorageBusy):
        # Between the look-up and the open a DELETE and a sweep may have come, or an
        # overwrite of what was made of segments.
        row = _readable_object(request)
    try:
        return _send(request, row)
    except BytesMissing as missing:
        objects.doubt_bytes(sha256=missing.sha256)
        raise


def _send(request: HttpRequest, row: "ObjectRow") -> HttpResponseBase:
    if (early := _conditional(request, row)) is not None:
        return early
    headers = for_caller(request, object_headers(row))
    if may_redirect(request):
        url = objects.download_url(row=row, headers=with_file_name(headers, row.key))
        if url and (elsewhere := redirect_response(request, url)):
            return elsewhere
    start, length, status = 0, row.size, 200
    wanted = request.headers.get("Range")
    if wanted is not None and range_applies(request.headers, row.etag, row.created_at):
        part = parse_range(wanted, row.size)
        if part is not None:
            start, length, status = part.start, part.length, 206
            headers["Content-Range"] = part.content_range(row.size)
    reader = objects.open_bytes(row=row, start=start, length=length)
    return reader_response(reader, length=length, status=status, headers=headers)


def _head(request: HttpRequest) -> HttpResponseBase:
    if descriptions.is_asked_for(request):
        return descriptions.answer(_names(request)[0], _readable_object(request))
    row = _readable_object(request)
    if (early := _conditional(request, row)) is not None:
        return early
    headers = for_caller(request, object_headers(row))
    return HttpResponse(headers={**headers, "Content-Length": str(row.size)})


def _conditional(request: HttpRequest, row: "ObjectRow") -> HttpResponse | None:
    """Return 304 if that is the answer; raise PreconditionFailed; None: go on."""
    outcome = evaluate(request.headers, row.etag, row.created_at, request.method or "")
    if outcome is Outcome.FAILED:
        raise PreconditionFailed(
            "The object is not in the state that the conditions ask for."
        )
    if outcome is Outcome.PROCEED:
        return None
    answer = HttpResponse(
        status=304, headers=for_caller(request, not_modified_headers(row))
    )
    del answer["Content-Type"]
    return answer


def _delete(request: HttpRequest) -> HttpResponseBase:
    bucket, key = _names_to_change(request, "version")
    version = _chosen(request, "version")
    conditions = write_preconditions(request.headers)
    principal = principal_of(request)
    row = policy.bucket_for(principal, bucket, Action.WRITE, prefix=key)
    if version is None:
        done = objects.delete_object(
            bucket=row, key=key, conditions=conditions, by=actor_of(request)
        )
        return _deleted(row, key, done, named=False)
    if any(condition is not None for condition in conditions):
        raise InvalidArgument(
            "Conditions are about the latest version, and this names one: leave them "
            "out."
        )
    done = objects.delete_version(
        bucket=row, key=key, version_id=version, by=actor_of(request)
    )
    return _deleted(row, key, done, named=True)


def _deleted(
    bucket: "BucketRow", key: str, done: objects.Deletion, *, named: bool
) -> HttpResponseBase:
    """Say what happened: a version was removed for good, or a delete marker made."""
    told: dict[str, Any] = {
        "message": "Delete successful",
        "path": url_path(bucket.name, key),
    }
    if named or bucket.versioning != "off":
        told["version_id"] = done.version_id
        told["is_delete_marker"] = done.is_delete_marker
        told["removed"] = named or not done.is_delete_marker
    answer = json_answer(told)
    answer["X-Version-Id"] = done.version_id
    if done.is_delete_marker:
        answer["X-Delete-Marker"] = "true"
    return answer


def _patch(request: HttpRequest) -> HttpResponseBase:
    bucket, key = _names_to_change(request, "version")
    version = _chosen(request, "version")
    return descriptions.change(request, bucket, key, version=version)


def _readable_object(request: HttpRequest) -> "ObjectRow":
    bucket, key = _names(request)
    version, at = _chosen(request, "version"), _chosen(request, "at")
    if version is not None and at is not None:
        raise InvalidArgument("Ask for a version or for a moment, not for both.")
    _, row = policy.object_for(
        principal_of(request),
        bucket,
        key,
        version=version,
        at=None if at is None else read_moment("at", at),
    )
    return row


def _chosen(request: HttpRequest, name: str) -> str | None:
    """Return a parameter that chooses a version; an empty one chooses none of them,
    which would mean the latest."""
    value = query(request.META).get(name)
    if value == "":
        raise InvalidArgument(f"{name} is empty: give it a value, or leave it out.")
    return value


def _names_to_change(request: HttpRequest, *known: str) -> tuple[str, str]:
    """As `_names`; a key in both places is an error, not a choice of ours."""
    bucket, key = _names(request)
    if parameters(request, "key", *known).get("key", key) != key:
        raise InvalidArgument("The key is in the path, and another one in ?key=.")
    return bucket, key


def _names(request: HttpRequest) -> tuple[str, str]:
    """Return bucket and key, the key from `?key=` where the path has none.

    Clients collapse dot segments in a path, so some keys can only come as a parameter.
    """
    raw = raw_path(request.META)
    if raw.endswith(b"/objects") and raw.count(b"/") == 3:
        bucket, key = object_path(raw + b"/")[0], query(request.META).get("key", "")
        return bucket.decode(errors="replace"), decode_key(key.encode())
    bucket, raw_key = object_path(raw)
    return bucket.decode(errors="replace"), decode_key(raw_key)


stored_object = by_method(GET=_get, HEAD=_head, PUT=_put, PATCH=_patch, DELETE=_delete)
