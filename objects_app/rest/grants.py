"""Grants of a bucket over REST."""

from typing import TYPE_CHECKING, Any, Literal

from django.http import HttpRequest, HttpResponseBase

from objects_app.access import policy
from objects_app.access.policy import Action
from objects_app.access.principals import actor_of, principal_of
from objects_app.http.json_bodies import Body, read_json
from objects_app.http.paths import raw_path
from objects_app.rest.answers import empty_answer, json_answer, parameters, timestamp
from objects_app.rest.routing import by_method
from objects_app.services import grants
from objects_app.services.grants import Grantee

if TYPE_CHECKING:
    from objects_app.queries.rows import BucketRow


class _Grant(Body):
    role: Literal["reader", "writer", "owner"]
    user: str | None = None
    group: str | None = None
    prefix: str = ""


def _list(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    rows = grants.list_grants(bucket=_owned_bucket(request))
    return json_answer({"grants": [_answer(row) for row in rows]})


def _put(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    bucket = _owned_bucket(request)
    wanted = read_json(request.META, _Grant)
    row = grants.put_grant(
        bucket=bucket,
        grantee=Grantee(wanted.user, wanted.group),
        role=wanted.role,
        prefix=wanted.prefix,
        by=actor_of(request),
    )
    return json_answer(_answer(row))


def _delete(request: HttpRequest) -> HttpResponseBase:
    sent = parameters(request, "user", "group", "prefix")
    grants.delete_grant(
        bucket=_owned_bucket(request),
        grantee=Grantee(sent.get("user"), sent.get("group")),
        prefix=sent.get("prefix", ""),
        by=actor_of(request),
    )
    return empty_answer()


def _owned_bucket(request: HttpRequest) -> "BucketRow":
    path = raw_path(request.META).removeprefix(b"/buckets/").removesuffix(b"/grants")
    name = path.decode(errors="replace")
    return policy.bucket_for(principal_of(request), name, Action.OWN)


def _answer(row: grants.GrantRow) -> dict[str, Any]:
    return {
        "user": row.grantee.user,
        "group": row.grantee.group,
        "role": row.role,
        "prefix": row.prefix,
        "created_at": timestamp(row.created_at),
    }


bucket_grants = by_method(GET=_list, HEAD=_list, PUT=_put, DELETE=_delete)
