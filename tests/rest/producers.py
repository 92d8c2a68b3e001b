"""A request for each problem that requests come to."""

import json
import time
from collections.abc import Callable
from threading import BoundedSemaphore
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from pytest_django import Settings

from objects_app.access import logins, policy
from objects_app.models import Blob, Bucket
from objects_app.queries import search
from objects_app.services import objects
from tests.access.people import (
    Caller,
    make_key,
    session,
    with_key,
    with_token,
    with_url,
)
from tests.blobs.bodies import Failing
from tests.client import Answer, DataPlane
from tests.rest import tus_client
from tests.stored import lose, take_storage_away

PATH = "/buckets/test/objects/a"
HERE = {"bucket": "test", "key": "a"}
FOLDER = {"bucket": "test", "prefix": "a"}


class Stage(NamedTuple):
    """What a producer may change."""

    data_plane: DataPlane
    settings: Settings
    monkeypatch: pytest.MonkeyPatch
    alice: User

    def put(self, **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.data_plane.put(PATH, b"content", headers=sent)

    def post(self, path: str, **members: Any) -> Answer:
        self.put()
        body = json.dumps(members).encode()
        return self.data_plane.request("POST", path, body=body)


def _credentials_required(stage: Stage) -> Answer:
    stage.settings.ANONYMOUS_ACCESS = "none"
    return stage.put()


def _no_such_key(stage: Stage) -> Answer:
    stage.data_plane.put("/buckets/test")
    return stage.data_plane.get(PATH)


def _versioned(stage: Stage) -> None:
    stage.put()
    body = b'{"versioning": "enabled"}'
    stage.data_plane.request("PATCH", "/buckets/test", body=body)


def _no_such_version(stage: Stage) -> Answer:
    stage.put()
    return stage.data_plane.get(f"{PATH}?version=none")


def _delete_marker(stage: Stage) -> Answer:
    _versioned(stage)
    marker = stage.data_plane.delete(PATH).json()["version_id"]
    return stage.data_plane.get(f"{PATH}?version={marker}")


def _not_versioned(stage: Stage) -> Answer:
    stage.put()
    return stage.data_plane.get(f"{PATH}?at=2026-01-01T00:00:00Z")


def _versioning_stays(stage: Stage) -> Answer:
    _versioned(stage)
    body = b'{"versioning": "off"}'
    return stage.data_plane.request("PATCH", "/buckets/test", body=body)


def _future_moment(stage: Stage) -> Answer:
    _versioned(stage)
    body = b'{"prefix": "", "at": "9000-01-01T00:00:00Z"}'
    return stage.data_plane.request("POST", "/buckets/test/restore", body=body)


def _body_stalled(stage: Stage) -> Answer:
    body = Failing(good=2, error=TimeoutError())
    return stage.data_plane.put(PATH, body, headers={"Content-Length": "9"})


def _bucket_taken(stage: Stage) -> Answer:
    Bucket.objects.create(name="test", owner=stage.alice)
    return stage.data_plane.put("/buckets/test")


def _bucket_not_empty(stage: Stage) -> Answer:
    stage.put()
    return stage.data_plane.delete("/buckets/test")


def _body_too_large(stage: Stage) -> Answer:
    stage.settings.MAX_UPLOAD_BYTES = 3
    return stage.put()


def _range_not_satisfiable(stage: Stage) -> Answer:
    stage.put()
    return stage.data_plane.get(PATH, headers={"Range": "bytes=99-"})


def _bytes_missing(stage: Stage) -> Answer:
    sha256 = stage.put().json()["sha256"]
    lose(sha256)
    return stage.data_plane.get(PATH)


def _storage_unavailable(stage: Stage) -> Answer:
    stage.put()
    take_storage_away()
    return stage.data_plane.get(PATH)


def _storage_busy(stage: Stage) -> Answer:
    stage.put()
    stage.data_plane.delete(PATH)
    Blob.objects.update(condemned_at=Now(), deleting_since=Now())
    stage.monkeypatch.setattr(objects, "_DELETING_WAIT_SECONDS", 0.0)
    return stage.put()


def internal_error(stage: Stage) -> Answer:
    def broken(*_: object) -> None:
        raise RuntimeError("password=hunter2")

    stage.monkeypatch.setattr(policy, "bucket_for_put", broken)
    return stage.put()


def _quota_exceeded(stage: Stage) -> Answer:
    stage.data_plane.put("/buckets/test")
    Bucket.objects.update(quota_bytes=6)
    return stage.put()


def _upload(stage: Stage, *bodies: bytes) -> tuple[str, list[dict[str, Any]]]:
    """Return the path of a multipart upload, and its parts' answers."""
    wanted = b'{"bucket": "test", "key": "a"}'
    begun = stage.data_plane.request("POST", "/multipart/", body=wanted)
    path = begun.headers["Location"]
    numbered = enumerate(bodies, start=1)
    parts = [stage.data_plane.put(f"{path}/{n}", body).json() for n, body in numbered]
    return path, [{"number": p["number"], "etag": p["etag"]} for p in parts]


def _complete(stage: Stage, path: str, parts: list[dict[str, Any]]) -> Answer:
    body = json.dumps({"parts": parts}).encode()
    return stage.data_plane.request("POST", f"{path}/complete", body=body)


def _invalid_part(stage: Stage) -> Answer:
    path, parts = _upload(stage, b"content")
    return _complete(stage, path, [*parts, {**parts[0], "number": 2}])


def _invalid_part_order(stage: Stage) -> Answer:
    path, parts = _upload(stage, b"one", b"two")
    return _complete(stage, path, parts[::-1])


def _part_too_small(stage: Stage) -> Answer:
    return _complete(stage, *_upload(stage, b"one", b"two"))


def _upload_completed(stage: Stage) -> Answer:
    path, parts = _upload(stage, b"content")
    _complete(stage, path, parts)
    return _complete(stage, path, parts)


def _access_denied(stage: Stage) -> Answer:
    stage.data_plane.put("/buckets/test")
    key = make_key(stage.alice, read_only=True)
    return with_key(key).ask(stage.data_plane, "DELETE", "/buckets/test")


def _presigned_expired(stage: Stage) -> Answer:
    url = with_url(stage.alice, PATH)
    later = time.time() + 61
    stage.monkeypatch.setattr(time, "time", lambda: later)
    return url.ask(stage.data_plane, "GET", PATH)


def _csrf_required(stage: Stage) -> Answer:
    return session(stage.alice).ask(stage.data_plane, "PUT", PATH, body=b"x")


def _no_such_access_key(stage: Stage) -> Answer:
    caller = with_token(stage.alice)
    return caller.ask(stage.data_plane, "DELETE", "/auth/keys/OSNONE")


def _no_such_grant(stage: Stage) -> Answer:
    stage.data_plane.put("/buckets/test")
    return stage.data_plane.delete("/buckets/test/grants?user=alice")


def _login_locked(stage: Stage) -> Answer:
    stage.settings.AXES_FAILURE_LIMIT = stage.settings.LOGIN_FAILURES = 1
    wrong = {"username": "alice", "password": "wrong"}
    return Caller().tell(stage.data_plane, "POST", "/auth/token", **wrong)


def _too_many_logins(stage: Stage) -> Answer:
    stage.monkeypatch.setattr(logins, "_PRESENT", BoundedSemaphore(1))
    with logins._PRESENT:
        login = b'{"username": "ann", "password": "x"}'
        return stage.data_plane.request("POST", "/auth/token", body=login)


def _offset_mismatch(stage: Stage) -> Answer:
    return tus_client.patch(stage.data_plane, _begin(stage), 3, b"x")


def _unsupported_content_type(stage: Stage) -> Answer:
    path = _begin(stage)
    return tus_client.patch(stage.data_plane, path, 0, b"x", Content_Type="text/plain")


def _checksum_mismatch(stage: Stage) -> Answer:
    other = tus_client.checksum("sha1", b"other")
    path = _begin(stage)
    return tus_client.patch(stage.data_plane, path, 0, b"x", Upload_Checksum=other)


def _begin(stage: Stage) -> str:
    return tus_client.begin(stage.data_plane, 9)


def _search_too_broad(stage: Stage) -> Answer:
    def too_long(*_: object, **__: object) -> None:
        raise TimeoutError

    stage.monkeypatch.setattr(search, "look_through", too_long)
    stage.put()
    return stage.data_plane.get("/search?sort=size")


PRODUCERS: dict[str, Callable[[Stage], Answer]] = {
    "invalid_bucket_name": lambda s: s.data_plane.put("/buckets/A"),
    "invalid_key": lambda s: s.data_plane.get("/buckets/test/objects/%FF"),
    "access_denied": _access_denied,
    "too_many_logins": _too_many_logins,
    "csrf_required": _csrf_required,
    "foreign_origin": lambda s: s.put(Origin="https://evil.example"),
    "invalid_credentials": lambda s: s.data_plane.get(
        "/", headers={"Authorization": "Bearer OSUNKNOWN.secret"}
    ),
    "invalid_presigned": lambda s: s.data_plane.get(f"{PATH}?X-Store-Expires=1"),
    "login_locked": _login_locked,
    "no_such_access_key": _no_such_access_key,
    "no_such_grant": _no_such_grant,
    "presigned_expired": _presigned_expired,
    "source_is_target": lambda s: s.post("/copy", **{"from": HERE, "to": HERE}),
    "prefixes_overlap": lambda s: s.post("/move", **{"from": FOLDER, "to": FOLDER}),
    "key_named_twice": lambda s: s.post(
        "/batch", operations=[{"op": "delete", **HERE}] * 2
    ),
    "no_such_job": lambda s: s.data_plane.get("/jobs/none"),
    "batch_refused": lambda s: s.post(
        "/batch", operations=[{"op": "delete", **HERE, "if_match": "another"}]
    ),
    "invalid_argument": lambda s: s.data_plane.get("/objects?limit=0"),
    "invalid_metadata": lambda s: s.put(X_Object_Meta_A="x" * 2049),
    "invalid_part": _invalid_part,
    "invalid_part_order": _invalid_part_order,
    "part_too_small": _part_too_small,
    "no_such_upload": lambda s: s.data_plane.get("/multipart/unknown"),
    "upload_completed": _upload_completed,
    "invalid_tags": lambda s: s.put(X_Object_Tags="aws:a=1"),
    "bucket_required": lambda s: s.data_plane.get("/objects?delimiter=/"),
    "digest_mismatch": lambda s: s.put(X_Content_SHA256="0" * 64),
    "incomplete_body": lambda s: s.put(Content_Length="8"),
    "credentials_required": _credentials_required,
    "no_such_bucket": lambda s: s.data_plane.get(PATH),
    "no_such_key": _no_such_key,
    "no_such_version": _no_such_version,
    "delete_marker": _delete_marker,
    "not_versioned": _not_versioned,
    "versioning_stays": _versioning_stays,
    "future_moment": _future_moment,
    "body_stalled": _body_stalled,
    "bucket_taken": _bucket_taken,
    "bucket_not_empty": _bucket_not_empty,
    "precondition_failed": lambda s: s.put(If_Match="*"),
    "body_too_large": _body_too_large,
    "quota_exceeded": _quota_exceeded,
    "checksum_mismatch": _checksum_mismatch,
    "content_unknown": lambda s: s.data_plane.put(
        PATH, headers={"X-If-Known": "1", "X-Content-SHA256": "0" * 64}
    ),
    "offset_mismatch": _offset_mismatch,
    "unsupported_content_type": _unsupported_content_type,
    "unsupported_tus_version": lambda s: s.data_plane.delete("/tus/none"),
    "range_not_satisfiable": _range_not_satisfiable,
    "bytes_missing": _bytes_missing,
    "search_too_broad": _search_too_broad,
    "storage_unavailable": _storage_unavailable,
    "storage_busy": _storage_busy,
    "no_such_path": lambda s: s.data_plane.get("/nowhere"),
    "method_not_allowed": lambda s: s.data_plane.request("POST", PATH),
    "bad_host": lambda s: s.data_plane.get("/", headers={"Host": "evil.example"}),
    "internal_error": internal_error,
}
