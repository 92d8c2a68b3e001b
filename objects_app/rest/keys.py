"""Access keys over REST, and who the caller is."""

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from pydantic import Field

from objects_app.access import keys, policy
from objects_app.access.principals import actor_of, principal_of
from objects_app.http.json_bodies import Body, read_json
from objects_app.http.paths import raw_path
from objects_app.rest.answers import empty_answer, json_answer, parameters, timestamp
from objects_app.rest.routing import by_method
from objects_app.services import grants


class _NewKey(Body):
    label: str = ""
    expires_in: int | None = Field(None, ge=1, le=keys.MOST_SECONDS)
    read_only: bool = False
    bucket: str = ""
    prefix: str = ""


def _list(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    principal = principal_of(request)
    rows = keys.list_keys(user_id=own.known_user(principal))
    if principal.only_bucket:  # a key learns of no other bucket
        rows = [row for row in rows if row.key_id == principal.key_id]
    return json_answer({"keys": [_answer(row) for row in rows]})


def _create(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    user_id = own.key_maker(principal_of(request))
    wanted = read_json(request.META, _NewKey)
    made = keys.create_key(
        user_id=user_id,
        label=wanted.label,
        limits=keys.Limits(
            seconds=wanted.expires_in,
            read_only=wanted.read_only,
            only_bucket=wanted.bucket,
            only_prefix=wanted.prefix,
        ),
        by=actor_of(request),
    )
    answer = json_answer({**_answer(made.row), "secret": made.secret}, status=201)
    answer["Location"] = f"/auth/keys/{made.row.key_id}"
    return answer


def _revoke(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    principal = principal_of(request)
    path = raw_path(request.META)
    key_id = path.removeprefix(b"/auth/keys/").decode(errors="replace")
    keys.revoke_key(
        key_id=key_id,
        user_id=own.key_revoker(principal, key_id),
        by=actor_of(request),
    )
    return empty_answer()


def _me(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    principal = principal_of(request)
    user_id = own.known_user(principal)
    granted = grants.grants_of(user_id=user_id)
    only_bucket = principal.only_bucket  # a key learns of no other
    return json_answer(
        {
            "user": principal.label,
            "kind": principal.kind,
            "superuser": principal.is_superuser,
            "may_create_buckets": policy.may_create(principal),
            "key": {
                "key_id": principal.key_id,
                "read_only": principal.read_only,
                "bucket": principal.only_bucket,
                "prefix": principal.only_prefix,
            }
            if principal.key_id
            else None,
            "grants": [
                grant._asdict()
                for grant in granted
                if only_bucket in {"", grant.bucket}
            ],
        }
    )


def _answer(row: keys.KeyRow) -> dict[str, Any]:
    return {
        "key_id": row.key_id,
        "label": row.label,
        "read_only": row.read_only,
        "bucket": row.only_bucket,
        "prefix": row.only_prefix,
        "created_at": timestamp(row.created_at),
        "expires_at": timestamp(row.expires_at) if row.expires_at else None,
        "revoked_at": timestamp(row.revoked_at) if row.revoked_at else None,
        "last_used_at": timestamp(row.last_used_at) if row.last_used_at else None,
    }


access_keys = by_method(GET=_list, HEAD=_list, POST=_create)
access_key = by_method(DELETE=_revoke)
me = by_method(GET=_me, HEAD=_me)
