"""GET /versions: every version of every key, page by page."""

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponseBase

from objects_app.access import policy
from objects_app.access.policy import Action
from objects_app.access.principals import principal_of
from objects_app.errors import BucketRequired
from objects_app.rest.answers import json_answer, parameters
from objects_app.rest.listing import object_answer, page_size
from objects_app.rest.routing import by_method
from objects_app.services import versions

if TYPE_CHECKING:
    from objects_app.queries.rows import ListedVersion

_PARAMETERS = ("bucket", "prefix", "delimiter", "limit", "cursor")


def _list(request: HttpRequest) -> HttpResponseBase:
    sent = parameters(request, *_PARAMETERS)
    limit = page_size(sent.get("limit"))
    prefix = sent.get("prefix", "")
    if "bucket" not in sent:
        raise BucketRequired("Name the bucket whose versions to list: bucket=NAME.")
    page = versions.list_versions(
        bucket=policy.bucket_for(
            principal_of(request), sent["bucket"], Action.PAST, prefix=prefix
        ),
        prefix=prefix,
        delimiter=sent.get("delimiter", ""),
        cursor=sent.get("cursor"),
        limit=limit,
    )
    return json_answer(
        {
            "versions": [_version(v) for v in page.entries if not v.entry.is_prefix],
            "prefixes": [v.entry.key for v in page.entries if v.entry.is_prefix],
            "next_cursor": page.next_cursor,
        }
    )


def _version(version: "ListedVersion") -> dict[str, Any]:
    return {
        **object_answer(version.entry),
        "is_latest": version.is_latest,
        "is_delete_marker": version.is_delete_marker,
    }


version_list = by_method(GET=_list, HEAD=_list)
