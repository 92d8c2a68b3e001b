"""GET /objects: keys and common prefixes, page by page."""

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponseBase

from objects_app.access import policy
from objects_app.access.policy import Action
from objects_app.access.principals import principal_of
from objects_app.errors import BucketRequired
from objects_app.rest.answers import json_answer, page_limit, parameters, timestamp
from objects_app.rest.routing import by_method
from objects_app.services import listing

if TYPE_CHECKING:
    from objects_app.queries.rows import ListedEntry

_PARAMETERS = ("bucket", "prefix", "delimiter", "start_after", "limit", "cursor")


def _list(request: HttpRequest) -> HttpResponseBase:
    sent = parameters(request, *_PARAMETERS)
    limit = page_limit(sent, listing.PAGE_MAX)
    principal = principal_of(request)
    prefix = sent.get("prefix", "")
    if "bucket" in sent:
        page = listing.list_bucket(
            bucket=policy.bucket_for(
                principal, sent["bucket"], Action.LIST, prefix=prefix
            ),
            prefix=prefix,
            delimiter=sent.get("delimiter", ""),
            start_after=sent.get("start_after", ""),
            cursor=sent.get("cursor"),
            limit=limit,
        )
    else:
        for name in ("delimiter", "start_after"):
            if name in sent:
                raise BucketRequired(f"Name a bucket to list with {name}.")
        page = listing.list_everything(
            readable=policy.readable_keys(principal, prefix),
            prefix=prefix,
            cursor=sent.get("cursor"),
            limit=limit,
        )
    return json_answer(
        {
            "objects": [_object(e) for e in page.entries if not e.is_prefix],
            "prefixes": [e.key for e in page.entries if e.is_prefix],
            "next_cursor": page.next_cursor,
        }
    )


def _object(entry: "ListedEntry") -> dict[str, Any]:
    return {
        "bucket": entry.bucket,
        "key": entry.key,
        "size": entry.size,
        "etag": entry.etag,
        "sha256": entry.sha256 or None,
        "content_type": entry.content_type,
        "version_id": entry.version_id,
        "created_at": timestamp(entry.created_at),
        "node_id": entry.node_id,
    }


object_list = by_method(GET=_list, HEAD=_list)
