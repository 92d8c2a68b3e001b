"""POST /presign: a URL that does one thing, for whoever has it, while it lasts."""

import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from pytest_django import Settings

from objects_app.access import accounts, keys, presigned
from objects_app.access.keys import NewKey
from objects_app.models import AccessKey, Bucket, Grant, JournalEntry, Role
from tests.access.people import (
    BY,
    Caller,
    grant,
    make_key,
    make_user,
    session,
    with_csrf,
    with_key,
    with_token,
)
from tests.client import Answer, DataPlane
from tests.histories import LONG_AGO, passed_moment
from tests.rest.problem import assert_problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]

OBJECT = "/buckets/photos/objects/a"


class Signer:
    """Asks for URLs and uses them as somebody without credentials."""

    def __init__(self, data_plane: DataPlane, caller: Caller) -> None:
        self.data_plane = data_plane
        self.caller = caller

    def ask(self, key: str = "a", bucket: str = "photos", **members: Any) -> Answer:
        return self.caller.tell(
            self.data_plane, "POST", "/presign", bucket=bucket, key=key, **members
        )

    def target(self, key: str = "a", **members: Any) -> str:
        answer = self.ask(key, **members)
        assert answer.status == 200, answer.body
        url = urlsplit(answer.json()["url"])
        assert (url.scheme, url.netloc) == ("http", "testserver")
        return f"{url.path}?{url.query}"

    def use(
        self,
        target: str,
        method: str = "GET",
        body: bytes | None = None,
        **headers: str,
    ) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return Caller().ask(self.data_plane, method, target, body=body, headers=sent)


@pytest.fixture
def olga(data_plane: DataPlane) -> User:
    """Olga owns the bucket photos with the object a."""
    olga = make_user("olga")
    Bucket.objects.create(name="photos", owner=olga)
    answer = with_key(make_key(olga)).ask(data_plane, "PUT", OBJECT, body=b"content")
    assert answer.status == 201
    return olga


@pytest.fixture
def key(olga: User) -> NewKey:
    return make_key(olga)


@pytest.fixture
def signer(data_plane: DataPlane, key: NewKey) -> Signer:
    return Signer(data_plane, with_key(key))


# What they are good for


def test_the_answer_says_all_that_its_user_needs(signer: Signer) -> None:
    answer = signer.ask(method="PUT", content_type="image/png", expires_in=60)
    assert answer.headers["Cache-Control"] == "no-store"
    told = answer.json()
    assert set(told) == {"url", "method", "headers", "expires_at"}
    assert (told["method"], told["headers"]) == ("PUT", {"Content-Type": "image/png"})
    assert signer.ask().json()["headers"] == {}


def test_a_get_gives_the_object_and_its_parts(signer: Signer) -> None:
    target = signer.target()
    assert signer.use(target).body == b"content"
    part = signer.use(target, Range="bytes=0-2")
    assert (part.status, part.body) == (206, b"con")
    etag = signer.use(target).headers["ETag"]
    assert signer.use(target, If_None_Match=etag).status == 304


def test_a_head_gives_the_headers_only(signer: Signer) -> None:
    answer = signer.use(signer.target(method="HEAD"), "HEAD")
    assert (answer.status, answer.headers["Content-Length"]) == (200, "7")


def test_a_put_stores_and_a_delete_removes(signer: Signer) -> None:
    put = signer.use(signer.target("new", method="PUT"), "PUT", b"new")
    assert (put.status, put.json()["key"]) == (201, "new")
    assert signer.use(signer.target("new")).body == b"new"
    assert signer.use(signer.target("new", method="DELETE"), "DELETE").status == 200
    assert_problem(signer.use(signer.target("new")), 404, "no_such_key")


def test_a_url_may_be_for_an_older_version(signer: Signer) -> None:
    Bucket.objects.update(versioning="enabled", versioned_since=LONG_AGO)
    for key in ("a", "X-Store-a/../b"):  # as its own parameters begin
        signer.use(signer.target(key, method="PUT"), "PUT", b"old")
        old = signer.use(signer.target(key, method="HEAD"), "HEAD")
        version = old.headers["X-Version-Id"]
        moment = passed_moment().isoformat()
        signer.use(signer.target(key, method="PUT"), "PUT", b"new one")
        assert signer.use(signer.target(key, version=version)).body == b"old"
        assert signer.use(signer.target(key, at=moment)).body == b"old"
        head = signer.target(key, method="HEAD", at=moment)
        assert signer.use(head, "HEAD").headers["Content-Length"] == "3"
        assert signer.use(signer.target(key)).body == b"new one"
        delete = signer.target(key, method="DELETE", version=version)
        assert signer.use(delete, "DELETE").json()["removed"] is True
        gone = signer.use(signer.target(key, version=version))
        assert_problem(gone, 404, "no_such_version")


def test_a_url_for_one_version_gives_no_other(signer: Signer) -> None:
    target = signer.target(version="null")
    for other in (
        target.replace("version=null", "version=nul1"),
        target.replace("version=null&", ""),
        target.replace("version=null", "at=2026-01-01T00%3A00%3A00Z"),
        target.replace("version=null", "version=null&version=null"),
        f"{target}&version=null",
        signer.target().replace("?", "?version=null&"),
        signer.target().replace("?", "?at=2026-01-01T00%3A00%3A00Z&"),
    ):
        assert_problem(signer.use(other), 403, "invalid_presigned")


def test_a_put_may_make_a_bucket_where_its_issuer_may(
    data_plane: DataPlane, signer: Signer
) -> None:
    assert_problem(signer.ask(bucket="fresh", method="PUT"), 404, "no_such_bucket")
    chief = make_user("chief", is_superuser=True)
    by_chief = Signer(data_plane, with_key(make_key(chief)))
    target = by_chief.target(bucket="fresh", method="PUT")
    assert by_chief.use(target, "PUT", b"x").status == 201
    assert Bucket.objects.get(name="fresh").owner == chief


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_a_url_is_for_its_method_alone(signer: Signer, method: str) -> None:
    target = signer.target(method=method)
    for other in {"GET", "HEAD", "PUT", "DELETE", "POST", "PATCH"} - {method}:
        answer = signer.use(target, other, b"x" if other == "PUT" else None)
        assert answer.status == 403
    assert signer.use(signer.target()).body == b"content"


ODD = [
    *(".", "..", "a/../b", "./a", "../../etc/passwd", "a/..", "a/./b"),
    *(
        " ",
        "a b",
        "a+b",
        "a%b",
        "%2F",
        "%2e%2e/a",
        "a//b",
        "//",
        "/a",
        "a/",
        "?",
        "a?b",
    ),
    *("#a", "a&b=c", "a;b", "a=b", '"', "'", "\\", "\n", "a\r\nb", "\x01", "<script>"),
    *("ä", "a\u0308", "😀/🙈", "\u202e", "\ufeff", "\U0010ffff"),
    *("X-Store-Expires=1", "&X-Store-Signature=x", "objects", "é" * 512),
]


def test_any_key_goes_in_and_comes_out_by_url(signer: Signer) -> None:
    for key in ODD:
        put = signer.use(signer.target(key, method="PUT"), "PUT", key.encode())
        assert put.status == 201, put.body
        assert put.json()["key"] == key
        assert signer.use(signer.target(key)).body == key.encode()
        assert signer.use(signer.target(key, method="DELETE"), "DELETE").status == 200
    assert signer.use(signer.target()).body == b"content"


def test_every_url_is_one_that_a_client_sends_as_it_is(signer: Signer) -> None:
    for key in ODD:
        told = signer.ask(key, filename="ä b.txt").json()["url"]
        assert told.isascii()
        assert not set(told) & set(" \"<>\\^`{|}'\n\r\t")
        path = urlsplit(told).path
        assert "/./" not in f"{path}/"
        assert "/../" not in f"{path}/"


# Constraints


def test_a_file_name_is_what_the_download_is_called(signer: Signer) -> None:
    for name, header in (
        ("a.txt", 'attachment; filename="a.txt"'),
        ('a"b\\.txt', 'attachment; filename="a\\"b\\\\.txt"'),
        ("März.txt", "attachment; filename*=utf-8''M%C3%A4rz.txt"),
        ("../../a", 'attachment; filename="../../a"'),
    ):
        for method in ("GET", "HEAD"):
            answer = signer.use(signer.target(filename=name, method=method), method)
            assert answer.headers["Content-Disposition"] == header


def test_an_upload_has_the_type_that_the_url_says(signer: Signer) -> None:
    target = signer.target("new", method="PUT", content_type="image/png")
    for sent in ({}, {"Content_Type": "text/html"}, {"Content_Type": "image/png;a=b"}):
        assert_problem(
            signer.use(target, "PUT", b"x", **sent), 403, "invalid_presigned"
        )
    answer = signer.use(target, "PUT", b"x", Content_Type="image/png")
    assert (answer.status, answer.json()["content_type"]) == (201, "image/png")


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("most", [0, 3])
def test_an_upload_has_at_most_the_bytes_that_the_url_says(
    signer: Signer, most: int, chunked: bool
) -> None:
    target = signer.target("new", method="PUT", max_bytes=most)
    for size, status in ((most + 1, 413), (most, 201)):
        answer = signer.data_plane.put(target, b"x" * size, chunked=chunked)
        assert answer.status == status, answer.body
    assert signer.use(signer.target("new")).body == b"x" * most


def test_max_bytes_gives_no_more_than_the_store_takes(
    signer: Signer, settings: Settings
) -> None:
    settings.MAX_UPLOAD_BYTES = 3
    target = signer.target("new", method="PUT", max_bytes=10)
    assert_problem(signer.use(target, "PUT", b"four"), 413, "body_too_large")


def test_an_upload_hashes_to_what_the_url_says(signer: Signer) -> None:
    digest = sha256(b"right").hexdigest()
    target = signer.target("new", method="PUT", sha256=digest)
    other = sha256(b"other").hexdigest()
    assert_problem(signer.use(target, "PUT", b"wrong"), 400, "digest_mismatch")
    answer = signer.use(target, "PUT", b"other", X_Content_SHA256=other)
    assert_problem(answer, 400, "digest_mismatch")
    assert_problem(signer.use(signer.target("new")), 404, "no_such_key")
    answer = signer.use(target, "PUT", b"right", X_Content_SHA256=digest)
    assert (answer.status, answer.json()["sha256"]) == (201, digest)


def test_an_upload_is_not_told_that_the_content_was_there(
    data_plane: DataPlane, signer: Signer, olga: User
) -> None:
    target = signer.target("new", method="PUT")
    assert signer.use(target, "PUT", b"content").json()["deduplicated"] is False
    known = with_key(make_key(olga)).ask(data_plane, "PUT", OBJECT, body=b"content")
    assert known.json()["deduplicated"] is True


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"key": ""}, "invalid_key"),
    ({"key": "a\0b"}, "invalid_key"),
    ({"key": "\ud800"}, "invalid_argument"),
    ({"key": "é" * 513}, "invalid_key"),
    ({"key": None}, "invalid_argument"),
    ({"bucket": "Photos"}, "invalid_bucket_name"),
    ({"bucket": "photos/objects"}, "invalid_bucket_name"),
    ({"bucket": "pho\0tos"}, "invalid_bucket_name"),
    ({"bucket": ""}, "invalid_bucket_name"),
    ({"method": "POST"}, "invalid_argument"),
    ({"method": "get"}, "invalid_argument"),
    ({"method": None}, "invalid_argument"),
    ({"expires_in": 0}, "invalid_argument"),
    ({"expires_in": -1}, "invalid_argument"),
    ({"expires_in": presigned.MAX_SECONDS + 1}, "invalid_argument"),
    ({"expires_in": 10**400}, "invalid_argument"),
    ({"expires_in": 60.5}, "invalid_argument"),
    ({"expires_in": "60"}, "invalid_argument"),
    ({"expires_in": True}, "invalid_argument"),
    ({"expires_in": None}, "invalid_argument"),
    ({"method": "PUT", "max_bytes": -1}, "invalid_argument"),
    ({"method": "PUT", "max_bytes": 10**18}, "invalid_argument"),
    ({"method": "PUT", "max_bytes": 10**400}, "invalid_argument"),
    ({"method": "PUT", "max_bytes": 1.5}, "invalid_argument"),
    ({"method": "PUT", "sha256": "x"}, "invalid_argument"),
    ({"method": "PUT", "sha256": "A" * 64}, "invalid_argument"),
    ({"method": "PUT", "sha256": "0" * 64 + "\n"}, "invalid_argument"),
    ({"method": "PUT", "content_type": "html"}, "invalid_argument"),
    ({"method": "PUT", "content_type": ""}, "invalid_argument"),
    ({"method": "PUT", "content_type": "a/b\r\nX: y"}, "invalid_argument"),
    ({"method": "PUT", "content_type": "ä/b"}, "invalid_argument"),
    ({"method": "PUT", "content_type": "a/" + "b" * 300}, "invalid_argument"),
    ({"method": "PUT", "filename": "a"}, "invalid_argument"),
    ({"filename": ""}, "invalid_argument"),
    ({"filename": "a\r\nSet-Cookie: a=b"}, "invalid_argument"),
    ({"filename": "a\0"}, "invalid_argument"),
    ({"filename": "é" * 200}, "invalid_argument"),
    ({"filename": "\ud800"}, "invalid_argument"),
    ({"filename": 1}, "invalid_argument"),
    ({"content_type": "image/png"}, "invalid_argument"),
    ({"max_bytes": 1}, "invalid_argument"),
    ({"method": "DELETE", "sha256": "0" * 64}, "invalid_argument"),
    ({"method": "DELETE", "filename": "a"}, "invalid_argument"),
    ({"version_id": "null"}, "invalid_argument"),
    ({"version": ""}, "invalid_argument"),
    ({"version": "a\0"}, "invalid_argument"),
    ({"version": "a" * 256}, "invalid_argument"),
    ({"method": "PUT", "version": "null"}, "invalid_argument"),
    ({"at": ""}, "invalid_argument"),
    ({"at": "yesterday"}, "invalid_argument"),
    ({"at": "2026-01-01T00:00:00Z", "version": "null"}, "invalid_argument"),
    ({"at": "2026-01-01T00:00:00Z", "method": "PUT"}, "invalid_argument"),
    ({"at": "2026-01-01T00:00:00Z", "method": "DELETE"}, "invalid_argument"),
]


def test_what_no_url_can_hold_is_refused(signer: Signer) -> None:
    for members, code in REFUSED:
        assert_problem(signer.ask(**members), 400, code)


# Their end


def test_a_url_ends_when_it_says(
    signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = signer.target(expires_in=60)
    assert signer.use(target).status == 200
    later = time.time() + 62
    monkeypatch.setattr(time, "time", lambda: later)
    assert_problem(signer.use(target), 403, "presigned_expired")


def test_a_url_lasts_seven_days_at_most(
    signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = signer.target(expires_in=presigned.MAX_SECONDS)
    later = time.time() + presigned.MAX_SECONDS - 5
    monkeypatch.setattr(time, "time", lambda: later)
    assert signer.use(target).status == 200


def _revoked(key: NewKey, _: User) -> None:
    keys.revoke_key(key_id=key.row.key_id, user_id=None, by=BY)


def _expired(key: NewKey, _: User) -> None:
    AccessKey.objects.filter(key_id=key.row.key_id).update(expires_at=Now())


def _given_away(key: NewKey, _: User) -> None:
    AccessKey.objects.filter(key_id=key.row.key_id).update(user=make_user("eve"))


def _deleted(key: NewKey, _: User) -> None:
    AccessKey.objects.filter(key_id=key.row.key_id).delete()


def _disabled(_: NewKey, user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


@pytest.mark.parametrize("end", [_revoked, _expired, _given_away, _deleted, _disabled])
def test_a_url_ends_with_the_key_and_the_user_that_it_was_got_with(
    signer: Signer, key: NewKey, olga: User, end: Callable[[NewKey, User], None]
) -> None:
    targets = signer.target(), signer.target(method="PUT")
    end(key, olga)
    accounts.forget()
    for target, method in zip(targets, ("GET", "PUT"), strict=True):
        answer = signer.use(target, method, b"x" if method == "PUT" else None)
        assert_problem(answer, 401, "invalid_credentials")


def test_a_url_allows_what_its_issuer_may_when_it_is_used(
    data_plane: DataPlane, olga: User
) -> None:
    bob = make_user("bob")
    grant(bob, Role.WRITER, "", bucket="photos")
    by_bob = Signer(data_plane, with_key(make_key(bob)))
    get, put = by_bob.target(), by_bob.target(method="PUT")
    Grant.objects.update(role=Role.READER)
    assert by_bob.use(get).status == 200
    assert_problem(by_bob.use(put, "PUT", b"x"), 403, "access_denied")
    Grant.objects.all().delete()
    assert_problem(by_bob.use(get), 404, "no_such_bucket")


def test_a_url_keeps_to_the_limits_of_its_key(
    data_plane: DataPlane, olga: User
) -> None:
    limits = {"read_only": True, "only_bucket": "photos", "only_prefix": "in/"}
    limited = Signer(data_plane, with_key(make_key(olga, **limits)))
    assert_problem(limited.ask("a"), 404, "no_such_bucket")
    assert_problem(limited.ask("in/a", method="PUT"), 403, "access_denied")
    assert limited.ask("in/a").status == 200


def test_tokens_and_sessions_sign_in_the_name_of_their_user(
    data_plane: DataPlane, olga: User
) -> None:
    for caller in (with_token(olga), with_csrf(session(olga))):
        signer = Signer(data_plane, caller)
        target = signer.target()
        assert "X-Store-Access-Key" not in target
        assert signer.use(target).body == b"content"


def test_a_url_of_a_person_ends_with_a_new_password(
    data_plane: DataPlane, olga: User
) -> None:
    signer = Signer(data_plane, with_token(olga))
    target = signer.target()
    assert signer.use(target).status == 200
    olga.set_password("another one, as the old one was seen")
    olga.save()
    accounts.forget()
    assert_problem(signer.use(target), 401, "invalid_credentials")


def test_the_url_of_a_token_ends_with_the_key_that_got_the_token(
    data_plane: DataPlane, olga: User, key: NewKey
) -> None:
    by_token = Signer(data_plane, with_token(olga, key_id=key.row.key_id))
    target = by_token.target()
    assert by_token.use(target).status == 200
    _revoked(key, olga)
    assert_problem(by_token.use(target), 401, "invalid_credentials")


def test_a_url_opens_nothing_but_its_object(signer: Signer) -> None:
    for method in ("GET", "PUT", "DELETE"):
        target = signer.target(method=method)
        query = target.partition("?")[2]
        for other_method, path in (
            ("GET", "/auth/me"),
            ("GET", "/auth/keys"),
            ("POST", "/auth/keys"),
            ("POST", "/auth/token"),
            ("POST", "/presign"),
            ("GET", "/objects"),
            ("GET", "/buckets/photos"),
            ("PATCH", "/buckets/photos"),
            ("GET", "/buckets/photos/grants"),
            ("GET", "/buckets/photos/objects"),
            ("GET", "/buckets/photos/objects/b"),
            ("GET", "/"),
            ("GET", "/healthz"),
        ):
            answer = signer.use(f"{path}?{query}", other_method)
            assert_problem(answer, 403, "invalid_presigned")


def test_a_url_takes_no_parameter_besides_its_own(signer: Signer) -> None:
    target = signer.target()
    for changed in (
        f"{target}&key=b",
        f"{target}&",
        target.replace("?", "?key=b&"),
        target.replace("?", "?a=b&"),
        target.replace("?", "?&"),
        f"{target}#",
    ):
        assert_problem(signer.use(changed), 403, "invalid_presigned")


def test_what_is_done_by_url_is_in_the_journal_under_its_key(
    signer: Signer, key: NewKey
) -> None:
    signer.use(signer.target("new", method="PUT"), "PUT", b"x")
    signer.use(signer.target("new", method="DELETE"), "DELETE")
    found = JournalEntry.objects.filter(key="new").exclude(operation="presign")
    found = found.order_by("id")
    assert [(e.operation, e.actor, e.key_id, e.address) for e in found] == [
        ("put", "olga", key.row.key_id, "192.0.2.1"),
        ("delete", "olga", key.row.key_id, "192.0.2.1"),
    ]


def test_who_gets_a_url_is_in_the_journal_and_the_url_is_not(
    signer: Signer, key: NewKey
) -> None:
    told = signer.ask("new", method="PUT").json()
    [entry] = JournalEntry.objects.filter(operation="presign")
    assert (entry.bucket_name, entry.key, entry.actor) == ("photos", "new", "olga")
    assert (entry.key_id, entry.address) == (key.row.key_id, "192.0.2.1")
    assert entry.detail == f"PUT until {told['expires_at']}"
    assert (entry.objects_delta, entry.bytes_delta) == (0, 0)


def test_a_url_says_https_where_the_request_came_so(
    data_plane: DataPlane, key: NewKey
) -> None:
    answer = data_plane.request(
        "POST",
        "/presign",
        body=b'{"bucket": "photos", "key": "a"}',
        headers={**with_key(key).headers, "Host": "localhost:8443"},
        environ={"wsgi.url_scheme": "https"},
    )
    assert answer.json()["url"].startswith("https://localhost:8443/buckets/photos/")
