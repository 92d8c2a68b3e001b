"""Everybody who may come to a store, with credentials, and a bucket to come to."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, Permission, User
from django.db.models.functions import Now
from django.test import Client

from objects_app.access import accounts, keys, presigned, tokens
from objects_app.access.keys import Limits, NewKey
from objects_app.models import AccessKey, Bucket, Grant, Role
from objects_app.queries.rows import Actor
from tests.client import Answer, DataPlane

BY = Actor(label="tester", node_id="node", request_id="request")
BUCKET = "photos"
CSRF = "c" * 32


@dataclass(frozen=True)
class Caller:
    """How somebody shows who they are: headers, or a query behind the path."""

    headers: Mapping[str, str] = field(default_factory=dict)
    query: str = ""

    def ask(
        self,
        data_plane: DataPlane,
        method: str,
        target: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request from elsewhere than this machine."""
        joined = f"{target}{'&' if '?' in target else '?'}{self.query}"
        return data_plane.request(
            method,
            joined if self.query else target,
            body=body,
            headers={**self.headers, **(headers or {})},
            environ={"REMOTE_ADDR": "192.0.2.1"},
        )

    def tell(
        self, data_plane: DataPlane, method: str, target: str, /, **members: Any
    ) -> Answer:
        """Send a request with a JSON object of these members."""
        return self.ask(data_plane, method, target, body=json.dumps(members).encode())


def make_user(name: str, **fields: Any) -> User:
    """Return a user of that name, made if need be; the password is `name`'s own."""
    user, new = User.objects.get_or_create(username=name, defaults=fields)
    if new:
        user.set_password(password_of(name))
        user.save()
    return user


def password_of(name: str) -> str:
    """Return what `make_user` chose."""
    return f"the password of {name}"


def make_key(user: User, **limits: Any) -> NewKey:
    """Return a new access key."""
    return keys.create_key(user_id=user.pk, limits=Limits(**limits), by=BY)


def with_key(key: NewKey) -> Caller:
    """Return somebody who shows a key."""
    return Caller({"Authorization": f"Bearer {key.row.key_id}.{key.secret}"})


def with_token(user: User, *, key_id: str = "", seconds: int = 60) -> Caller:
    """Return somebody who shows a token of the user."""
    issued = tokens.issue(
        user_id=user.pk,
        key_id=key_id,
        auth_hash=user.get_session_auth_hash(),
        seconds=seconds,
    )
    return Caller({"Authorization": f"Bearer {issued.token}"})


def with_url(user: User, path: str, **constraints: Any) -> Caller:
    """Return somebody who has a presigned URL of the user, GET unless told."""
    query = presigned.sign(
        method=constraints.pop("method", "GET"),
        path=path.encode(),
        issuer=presigned.Issuer(
            user.pk, "", tokens.auth_digest(user.get_session_auth_hash())
        ),
        expires_at=int(time.time()) + 60,
        **constraints,
    )
    return Caller(query=query)


def session(user: User) -> Caller:
    """Return somebody who is signed in to the console, and has its CSRF cookie."""
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    name = settings.SESSION_COOKIE_NAME
    cookie = f"{name}={client.cookies[name].value}"
    return Caller({"Cookie": f"{cookie}; {settings.CSRF_COOKIE_NAME}={CSRF}"})


def with_csrf(caller: Caller, token: str = CSRF) -> Caller:
    """Return the same caller, who shows the CSRF token in the header, too."""
    return Caller({**caller.headers, "X-CSRFToken": token})


def grant(user: User, role: Role, prefix: str = "", *, bucket: str = BUCKET) -> None:
    """Let the user into a bucket."""
    row = Bucket.objects.get(name=bucket)
    Grant.objects.create(bucket=row, user=user, role=role, prefix=prefix)


def everybody(data_plane: DataPlane, visibility: str) -> dict[str, Caller]:
    """Return all kinds of callers by name.

    There is a bucket `photos` of olga's with the objects in/a and out/b; ruth may read
    it, paul its prefix in/, will write it through his group; olga may create buckets.
    """
    olga, ruth, paul, will, chief, charlie = (
        make_user(name, is_superuser=name == "chief")
        for name in ("olga", "ruth", "paul", "will", "chief", "charlie")
    )
    olga.user_permissions.add(Permission.objects.get(codename="add_bucket"))
    owner = with_key(make_key(olga))
    for key in ("in/a", "out/b"):
        put = owner.ask(
            data_plane, "PUT", f"/buckets/{BUCKET}/objects/{key}", body=b"x"
        )
        assert put.status == 201, put.body
    bucket = Bucket.objects.get(name=BUCKET)
    Bucket.objects.filter(pk=bucket.pk).update(visibility=visibility)
    grant(ruth, Role.READER)
    grant(paul, Role.READER, "in/")
    writers = Group.objects.create(name="writers")
    will.groups.add(writers)
    Grant.objects.create(bucket=bucket, group=writers, role=Role.WRITER)
    expired, revoked = make_key(olga, seconds=1000), make_key(olga)
    past = Now() - timedelta(seconds=1)
    AccessKey.objects.filter(key_id=expired.row.key_id).update(expires_at=past)
    keys.revoke_key(key_id=revoked.row.key_id, user_id=None, by=BY)
    token = with_token(olga).headers["Authorization"]
    accounts.forget()
    return {
        "anonymous": Caller(),
        "stranger": with_key(make_key(charlie)),
        "reader": with_key(make_key(ruth)),
        "prefix": with_key(make_key(paul)),
        "writer": with_key(make_key(will)),
        "owner": owner,
        "superuser": with_key(make_key(chief)),
        "restricted": with_key(
            make_key(olga, read_only=True, only_bucket=BUCKET, only_prefix="in/")
        ),
        "token": with_token(olga),
        "presigned": with_url(olga, f"/buckets/{BUCKET}/objects/in/a"),
        "expired": with_key(expired),
        "revoked": with_key(revoked),
        "forged": Caller({"Authorization": token[:-6] + "AAAAAA"}),
    }
