"""One object: what it is, and what can be done with it."""

import shlex
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from objects_app.access import policy
from objects_app.access.policy import Action
from objects_app.access.principals import Principal, principal_of
from objects_app.errors import (
    AccessDenied,
    CredentialsRequired,
    DeleteMarker,
    NoSuchBucket,
    NoSuchKey,
)
from objects_app.http.paths import url_path
from objects_app.names import folder_of
from objects_app.services import descriptions, versions
from objects_app.services.neighbours import neighbours
from objects_app.web.browser import crumbs
from objects_app.web.pages import address, base_url, is_part, page, sent
from objects_app.web.previews import kind_of

if TYPE_CHECKING:
    from objects_app.queries.rows import BucketRow, ObjectRow

_VERSIONS = 25


@require_safe
@page
def stored_object(request: HttpRequest, bucket: str) -> HttpResponse:
    """Show an object, its latest version or that of an id; or that it was deleted.

    As a part of the page those of its versions that come after a cursor.
    """
    wanted = sent(request)
    key, version, cursor = (
        wanted.get("key", ""),
        wanted.get("version"),
        wanted.get("cursor"),
    )
    principal = principal_of(request)
    row, stored = _found(principal, bucket, key, version)
    shown = {
        **place(principal, row, key, version),
        "stored": stored,
        **_versions(principal, row, key, cursor),
    }
    if is_part(request) and cursor:
        return render(request, "parts/object_versions.html", shown)
    if stored is None:
        return render(request, "object_deleted.html", shown)
    latest = [one.entry.version_id for one in shown["versions"] if one.is_latest]
    shown |= _facts(request, row, stored, version=version)
    shown |= _neighbours(principal, row, key)
    shown["is_older"] = version is not None and stored.version_id not in latest
    return render(request, "object.html", shown)


def place(
    principal: Principal, bucket: "BucketRow", key: str, version: str | None
) -> dict[str, Any]:
    """Return what every page about a key shows: where it is, and the reader's rights.

    `this` names it in the query of any of these pages.
    """
    folder = folder_of(key)
    return {
        "area": "buckets",
        "bucket": bucket,
        "key": key,
        "version": version,
        "this": urlencode({"key": key} | ({"version": version} if version else {})),
        "folder": folder,
        "crumbs": crumbs(bucket.name, key),
        "may_list": policy.allows(principal, bucket, Action.LIST),
        "may_write": policy.allows(principal, bucket, Action.WRITE),
        "keeps_versions": bucket.versioning != "off",
    }


def _found(
    principal: Principal, bucket: str, key: str, version: str | None
) -> tuple["BucketRow", "ObjectRow | None"]:
    """Return the object, None if it is deleted and its versions may be seen."""
    try:
        return policy.object_for(principal, bucket, key, version=version)
    except DeleteMarker:
        return policy.bucket_for(principal, bucket, Action.PAST, prefix=key), None
    except NoSuchKey as error:
        if error.marker is None:
            raise
        row = policy.bucket_for(principal, bucket, Action.READ, prefix=key)
        if not policy.allows(principal, row, Action.PAST):
            raise
        return row, None


def _versions(
    principal: Principal, bucket: "BucketRow", key: str, cursor: str | None
) -> dict[str, Any]:
    if bucket.versioning == "off" or not policy.allows(principal, bucket, Action.PAST):
        return {"versions": []}
    found = versions.list_versions_of(
        bucket=bucket, key=key, cursor=cursor, limit=_VERSIONS
    )
    return {"versions": found.entries, "next_cursor": found.next_cursor}


def _neighbours(principal: Principal, bucket: "BucketRow", key: str) -> dict[str, str]:
    """Return the addresses of the objects before and after it.

    Only if the folder may be listed: a right to this key is none to those beside it.
    """
    folder = folder_of(key)
    try:
        row = policy.bucket_for(principal, bucket.name, Action.LIST, prefix=folder)
    except (AccessDenied, CredentialsRequired, NoSuchBucket):
        return {}
    found = neighbours(bucket=row, key=key)._asdict()
    return {
        side: address("object", row.name, key=near)
        for side, near in found.items()
        if near
    }


def _facts(
    request: HttpRequest, bucket: "BucketRow", stored: "ObjectRow", version: str | None
) -> dict[str, Any]:
    key = stored.key
    link = f"{base_url(request)}{url_path(bucket.name, key, version=version)}"
    public = bucket.visibility != "private"
    who = "" if public else "-u KEY_ID:SECRET "
    return {
        "kind": kind_of(content_type=stored.content_type, key=key, size=stored.size),
        "source": url_path(bucket.name, key, version=version, redirect="0"),
        "link": link,
        "path": f"{bucket.name}/{key}",
        "curl": f"curl -fOJ {who}{shlex.quote(link)}",
        "parts": descriptions.segment_count(row=stored),
    }
