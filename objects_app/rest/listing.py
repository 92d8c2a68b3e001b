"""GET /objects: keys and common prefixes, page by page."""

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponseBase

from objects_app.access import policy
from objects_app.access.policy import Action
from objects_app.access.principals import principal_of
from objects_app.errors import BucketRequired, InvalidArgument
from objects_app.rest.answers import json_answer, moment, parameters, timestamp
from objects_app.rest.routing import by_method
from objects_app.services import listing

if TYPE_CHECKING:
    from objects_app.queries.rows import ListedEntry

_OF_ONE_BUCKET = ("delimiter", "start_after", "at")
_PARAMETERS = ("bucket", "prefix", *_OF_ONE_BUCKET, "limit", "cursor")
_MOST_DIGITS = 9


def _list(request: HttpRequest) -> HttpResponseBase:
    sent = parameters(request, *_PARAMETERS)
    limit = page_size(sent.get("limit"))
    principal = principal_of(request)
    prefix = sent.get("prefix", "")
    if "bucket" in sent:
        page = listing.list_bucket(
            bucket=policy.bucket_for(
                principal,
                sent["bucket"],
                Action.PAST if "at" in sent else Action.LIST,
                prefix=prefix,
            ),
            prefix=prefix,
            delimiter=sent.get("delimiter", ""),
            start_after=sent.get("start_after", ""),
            cursor=sent.get("cursor"),
            limit=limit,
            at=moment(sent, "at"),
        )
    else:
        for name in _OF_ONE_BUCKET:
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
            "objects": [object_answer(e) for e in page.entries if not e.is_prefix],
            "prefixes": [e.key for e in page.entries if e.is_prefix],
            "next_cursor": page.next_cursor,
        }
    )


def page_size(text: str | None) -> int:
    """Return how many entries a page may have. Raises InvalidArgument."""
    if text is None:
        return listing.PAGE_MAX
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
        limit = int(text)
        if 1 <= limit <= listing.PAGE_MAX:
            return limit
    raise InvalidArgument(f"limit is a number from 1 to {listing.PAGE_MAX}.")


def object_answer(entry: "ListedEntry") -> dict[str, Any]:
    """Return an object's line of a listing."""
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
