"""An object's media type, headers, metadata and tags, changed in a form."""

import hashlib
import json
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods
from pydantic import ValidationError

from objects_app.access import policy
from objects_app.access.policy import Action
from objects_app.access.principals import actor_of, principal_of
from objects_app.errors import PreconditionFailed, StoreError
from objects_app.http.json_descriptions import Description
from objects_app.services import descriptions
from objects_app.web.object_changes import show_form
from objects_app.web.objects import place
from objects_app.web.pages import address, page, sent

if TYPE_CHECKING:
    from objects_app.queries.changes import Rewrite
    from objects_app.queries.rows import ObjectRow

_HEADERS = (
    *("cache-control", "content-disposition", "content-encoding"),
    *("content-language", "expires"),
)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def describe(request: HttpRequest, bucket: str) -> HttpResponse:
    """Show the description in a form, or change it, unless somebody else just did."""
    wanted = sent(request)
    key, version = wanted.get("key", ""), wanted.get("version")
    principal = principal_of(request)
    row = policy.bucket_for(principal, bucket, Action.WRITE, prefix=key)
    stored = policy.object_for(principal, bucket, key, version=version)[1]
    shown = place(principal, row, key, version)
    if request.method != "POST":
        return show_form(request, "object_description", {**shown, **_filled_in(stored)})
    form = _as_sent(request.POST)
    description, wrong = _read(form)
    status = 400
    if not wrong:
        try:
            descriptions.change_object(
                bucket=row,
                key=key,
                version=version,
                rewrite=lambda now: _unless_changed(now, form["seen"], description),
                by=actor_of(request),
            )
        except PreconditionFailed as error:
            status, wrong = 412, {"form": error.translated()}
        else:
            messages.success(request, _("The description is changed."))
            return redirect(address("object", bucket, key=key, version=version or ""))
    shown |= {**form, "wrong": wrong}
    return show_form(request, "object_description", shown, status=status)


def _filled_in(stored: "ObjectRow") -> dict[str, Any]:
    """Return the form's fields, as the object is."""
    return {
        "seen": _fingerprint(stored),
        "content_type": stored.content_type,
        "headers": [(name, stored.headers.get(name, "")) for name in _HEADERS],
        "metadata": list(stored.metadata.items()),
        "tags": list(stored.tags.items()),
    }


def _as_sent(post: QueryDict) -> dict[str, Any]:
    """Return the form's fields, as they were sent, empty rows left out."""

    def rows(section: str) -> list[tuple[str, str]]:
        names, values = post.getlist(f"{section}_name"), post.getlist(section)
        pairs = zip(names, values, strict=False)
        return [(name.strip(), value) for name, value in pairs if name or value]

    return {
        "seen": post.get("seen", ""),
        "content_type": post.get("content_type", "").strip(),
        "headers": [(name, post.get(name, "").strip()) for name in _HEADERS],
        "metadata": rows("metadata"),
        "tags": rows("tags"),
    }


def _read(form: dict[str, Any]) -> tuple[Description, dict[str, str]]:
    """Return the description, and what is wrong by the section it is in."""
    told: dict[str, Any] = {"content_type": form["content_type"]}
    told["headers"] = {name: value for name, value in form["headers"] if value}
    wrong = {}
    for section in ("metadata", "tags"):
        told[section] = dict(form[section])
        if len(told[section]) < len(form[section]):
            wrong[section] = _("A name is given twice.")
    for section, value in told.items():
        try:
            Description(**{section: value}).rewrite()
        except ValidationError:
            wrong[section] = _("It holds what cannot be kept, or a name twice.")
        except StoreError as error:
            wrong[section] = error.translated()
    return Description() if wrong else Description(**told), wrong


def _unless_changed(now: "ObjectRow", seen: str, description: Description) -> "Rewrite":
    """Return the new description. Raises PreconditionFailed if it would undo one that
    the reader has not seen: the ETag is that of the bytes, and stays."""
    if _fingerprint(now) != seen:
        raise PreconditionFailed(
            gettext_noop(
                "Somebody changed this object meanwhile: open it again, then change it."
            )
        )
    return description.rewrite()


def _fingerprint(row: "ObjectRow") -> str:
    described = [row.content_type, row.headers, row.metadata, row.tags]
    made = [row.version_id, row.etag, row.created_at.isoformat()]
    text = json.dumps([*made, *described], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
