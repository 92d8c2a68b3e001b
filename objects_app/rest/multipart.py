"""Multipart uploads over REST: begin, put parts, list, complete, abort."""

from typing import TYPE_CHECKING, Annotated, Any, Self

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from pydantic import AfterValidator, Field, model_validator

from objects_app.access import policy
from objects_app.access.policy import Action
from objects_app.access.principals import actor_of, principal_of
from objects_app.errors import BucketRequired
from objects_app.http.bodies import body_stream, declared_length
from objects_app.http.conditions import write_preconditions
from objects_app.http.digests import expected_digests
from objects_app.http.json_bodies import Body, read_json
from objects_app.http.json_descriptions import Description
from objects_app.http.media_types import guess
from objects_app.http.paths import raw_path, url_path
from objects_app.names import check_key
from objects_app.rest.answers import (
    empty_answer,
    json_answer,
    parameters,
    timestamp,
)
from objects_app.rest.listing import page_size
from objects_app.rest.routing import by_method
from objects_app.services import multipart, objects, upload_listing, uploads

if TYPE_CHECKING:
    from objects_app.models import Upload, UploadPart
    from objects_app.queries.rows import BucketRow

_MOST_LIST_BYTES = 4 * 1024 * 1024  # of 10,000 parts, with room for white space
_MOST_DIGITS = 9  # of a number that is read; more is too large anyway


class _Wanted(Description):
    bucket: str
    key: str


def _bare(digest: str) -> str:
    return digest.strip('"').lower()


_Digest = Annotated[
    str,
    Field(pattern=r'^("[0-9A-Fa-f]{64}"|[0-9A-Fa-f]{64})$'),
    AfterValidator(_bare),
]


class _Part(Body):
    """A part as its PUT answered: its SHA-256, or that as an ETag with its quotes."""

    number: int
    sha256: _Digest | None = None
    etag: _Digest | None = None

    @model_validator(mode="after")
    def _one_digest(self) -> Self:
        digest = self.sha256 or self.etag
        if digest is None or (self.etag is not None and self.etag != digest):
            raise ValueError("name the part's sha256, or its etag")
        return self

    def listed(self) -> multipart.Listed:
        """Return it as the service takes it."""
        return multipart.Listed(self.number, self.sha256 or self.etag or "")


class _PartList(Body):
    parts: list[_Part]


def _create(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    wanted = read_json(request.META, _Wanted)
    check_key(wanted.key)
    said = wanted.rewrite()
    upload = multipart.create_upload(
        bucket=policy.bucket_for_put(principal_of(request), wanted.bucket, wanted.key),
        key=wanted.key,
        description=objects.Description(
            content_type=said.content_type or guess(wanted.key),
            headers=said.headers or {},
            metadata=said.metadata or {},
            tags=said.tags or {},
        ),
        by=actor_of(request),
    )
    answer = json_answer(_upload(upload, wanted.bucket), status=201)
    answer["Location"] = f"/multipart/{upload.upload_id}"
    return answer


def _list(request: HttpRequest) -> HttpResponseBase:
    sent = parameters(request, "bucket", "prefix", "cursor", "limit")
    if "bucket" not in sent:
        raise BucketRequired("Name the bucket whose uploads to list with bucket=NAME.")
    prefix = sent.get("prefix", "")
    bucket = policy.bucket_for(
        principal_of(request), sent["bucket"], Action.WRITE, prefix=prefix
    )
    page = upload_listing.list_uploads(
        bucket=bucket,
        protocols=[multipart.PROTOCOL],
        prefix=prefix,
        cursor=sent.get("cursor"),
        limit=page_size(sent.get("limit")),
    )
    return json_answer(
        {
            "uploads": [_upload(upload, bucket.name) for upload in page.entries],
            "next_cursor": page.next_cursor,
        }
    )


def _describe(request: HttpRequest) -> HttpResponseBase:
    sent = parameters(request, "cursor", "limit")
    bucket, upload = _gate(request)
    page = upload_listing.list_parts(
        upload=upload,
        cursor=sent.get("cursor"),
        limit=page_size(sent.get("limit")),
    )
    completed = upload.completed_at
    return json_answer(
        {
            **_upload(upload, bucket.name),
            "completed_at": timestamp(completed) if completed else None,
            "version_id": upload.version_id or None,
            "parts": [_part(part) for part in page.entries],
            "next_cursor": page.next_cursor,
        }
    )


def _put_part(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    number = _number(request)
    expected = expected_digests(request.headers)
    length = declared_length(request.META)
    bucket, upload = _gate(request)
    stored = multipart.put_part(
        bucket=bucket,
        upload=upload,
        number=number,
        stream=body_stream(request.META),
        length=length,
        expected=expected,
    )
    answer = json_answer(
        {
            "upload_id": upload.upload_id,
            **stored._asdict(),
            "etag": stored.sha256,
        }
    )
    answer["ETag"] = f'"{stored.sha256}"'
    return answer


def _complete(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    conditions = write_preconditions(request.headers)
    bucket, upload = _gate(request)
    sent = read_json(request.META, _PartList, most_bytes=_MOST_LIST_BYTES)
    completed = multipart.complete_upload(
        bucket=bucket,
        upload=upload,
        listed=[part.listed() for part in sent.parts],
        conditions=conditions,
        by=actor_of(request),
    )
    answer = json_answer(
        {
            "message": "Upload complete",
            "path": url_path(bucket.name, upload.key),
            "upload_id": upload.upload_id,
            "bucket": bucket.name,
            "key": upload.key,
            "etag": completed.etag,
            "size": completed.size,
            "parts": completed.parts,
            "sha256": None,
            "content_type": upload.content_type,
            "version_id": completed.done.version_id,
            "created_at": timestamp(completed.done.created_at),
            "node_id": settings.NODE_ID,
        },
        status=200 if completed.done.replaced else 201,
    )
    answer["ETag"] = f'"{completed.etag}"'
    return answer


def _abort(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    _, upload = _gate(request)
    uploads.abort_upload(upload=upload)
    return empty_answer()


def _gate(request: HttpRequest) -> "tuple[BucketRow, Upload]":
    """Return the upload of the path `/multipart/{upload_id}...`, and its bucket."""
    upload_id = raw_path(request.META).split(b"/")[2].decode(errors="replace")
    return policy.upload_for(principal_of(request), upload_id, multipart.PROTOCOL)


def _number(request: HttpRequest) -> int:
    digits = raw_path(request.META).split(b"/")[3]
    number = int(digits[:_MOST_DIGITS])
    multipart.require_number(number)
    return number


def _upload(upload: "Upload", bucket: str) -> dict[str, Any]:
    expires = upload.expires_at
    return {
        "upload_id": upload.upload_id,
        "bucket": bucket,
        "key": upload.key,
        "content_type": upload.content_type,
        "created_at": timestamp(upload.created_at),
        "expires_at": timestamp(expires) if expires else None,
    }


def _part(part: "UploadPart") -> dict[str, Any]:
    return {
        "number": part.number,
        "size": part.size,
        "sha256": part.sha256,
        "etag": part.sha256,
        "created_at": timestamp(part.created_at),
    }


multipart_uploads = by_method(GET=_list, HEAD=_list, POST=_create)
multipart_upload = by_method(GET=_describe, HEAD=_describe, DELETE=_abort)
multipart_part = by_method(PUT=_put_part)
multipart_completion = by_method(POST=_complete)
