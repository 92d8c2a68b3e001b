"""Descriptions of objects over REST: read as JSON, changed by PATCH."""

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse

from objects_app.access import policy
from objects_app.access.policy import Action
from objects_app.access.principals import actor_of, principal_of
from objects_app.errors import InvalidArgument
from objects_app.http.conditions import write_preconditions
from objects_app.http.json_bodies import read_json
from objects_app.http.json_descriptions import DescriptionPatch
from objects_app.http.paths import query
from objects_app.rest.answers import json_answer, timestamp
from objects_app.services import descriptions

if TYPE_CHECKING:
    from objects_app.queries.rows import ObjectRow


def is_asked_for(request: HttpRequest) -> bool:
    """Whether `?describe=1` asks for JSON instead of the bytes.

    Raises InvalidArgument for another value.
    """
    value = query(request.META).get("describe")
    if value not in {None, "1"}:
        raise InvalidArgument("describe is 1, or left out.")
    return value == "1"


def answer(bucket: str, row: "ObjectRow") -> HttpResponse:
    """Return all that is known of an object.

    Without the ETag in a header: that of the bytes is none of this text's, and a 304
    would hide changed tags.
    """
    return json_answer(
        {
            "bucket": bucket,
            "key": row.key,
            "size": row.size,
            "etag": row.etag,
            "sha256": row.sha256 or None,
            "content_type": row.content_type,
            "headers": row.headers,
            "metadata": row.metadata,
            "tags": row.tags,
            "version_id": row.version_id,
            "created_at": timestamp(row.created_at),
            "node_id": row.node_id,
            "segments": descriptions.segment_count(row=row),
        }
    )


def change(
    request: HttpRequest, bucket: str, key: str, *, version: str | None
) -> HttpResponse:
    """Change what JSON names (RFC 7396 within each map); return the description."""
    patch = read_json(request.META, DescriptionPatch)
    row = descriptions.change_object(
        bucket=policy.bucket_for(
            principal_of(request), bucket, Action.WRITE, prefix=key
        ),
        key=key,
        version=version,
        rewrite=patch.applied_to,
        conditions=write_preconditions(request.headers),
        by=actor_of(request),
    )
    return answer(bucket, row)
