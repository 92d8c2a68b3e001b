"""Buckets over REST."""

from typing import Literal

from django.http import HttpRequest, HttpResponseBase
from pydantic import Field

from objects_app.access import policy
from objects_app.access.policy import Action
from objects_app.access.principals import actor_of, principal_of
from objects_app.http.json_bodies import Body, read_json
from objects_app.http.paths import raw_path
from objects_app.rest.answers import (
    bucket_answer,
    empty_answer,
    json_answer,
    parameters,
)
from objects_app.rest.routing import by_method
from objects_app.services import buckets, quotas


class _Changes(Body):
    visibility: Literal["private", "public-read", "public-list"] = "private"
    versioning: Literal["off", "enabled", "suspended"] = "off"
    quota_bytes: int | None = Field(None, ge=0, lt=2**63)
    quota_objects: int | None = Field(None, ge=0, lt=2**63)


def _list(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    rows = buckets.list_buckets(readable=policy.readable(principal_of(request)))
    return json_answer({"buckets": [bucket_answer(row) for row in rows]})


def _put(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    leave = policy.new_bucket(principal_of(request), _name(request))
    made = buckets.ensure_bucket(bucket=leave, by=actor_of(request))
    answer = json_answer(bucket_answer(made.row), status=201 if made.created else 200)
    answer["Location"] = f"/buckets/{made.row.name}"
    return answer


def _get(request: HttpRequest) -> HttpResponseBase:
    name = _name(request)
    row = policy.bucket_for(principal_of(request), name, Action.LIST)
    room = quotas.used(bucket=row)
    return json_answer(
        {
            **bucket_answer(row),
            "objects": room.used_objects,
            "bytes": room.used_bytes,
            "quota_objects": room.quota_objects,
            "quota_bytes": room.quota_bytes,
        }
    )


def _delete(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    name = _name(request)
    row = policy.bucket_for(principal_of(request), name, Action.OWN)
    buckets.delete_bucket(bucket=row, by=actor_of(request))
    return empty_answer()


def _name(request: HttpRequest) -> str:
    path = raw_path(request.META)
    return path.removeprefix(b"/buckets/").decode(errors="replace")


def _patch(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    principal = principal_of(request)
    row = policy.bucket_for(principal, _name(request), Action.OWN)
    wanted = read_json(request.META, _Changes)
    changes = wanted.model_dump(exclude_unset=True)
    if changes.keys() & {"quota_bytes", "quota_objects"}:
        policy.require_superuser(principal, "set quotas")
    changed = buckets.change_bucket(bucket=row, changes=changes, by=actor_of(request))
    return json_answer(bucket_answer(changed))


bucket_list = by_method(GET=_list, HEAD=_list)
bucket = by_method(GET=_get, HEAD=_get, PUT=_put, PATCH=_patch, DELETE=_delete)
