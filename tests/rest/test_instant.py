"""Instant uploads: content that the caller may read is put without its bytes."""

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from objects_app.models import Blob, Bucket, Role, StoredObject
from objects_app.services.digests import compute_digests
from tests.access.people import Caller, grant, make_key, with_key, with_url
from tests.blobs.bodies import digest
from tests.client import Answer, DataPlane
from tests.rest import tus_client
from tests.rest.problem import assert_problem
from tests.stored import lose, stored_digests

pytestmark = pytest.mark.django_db

PATH = "/buckets/test/objects/a"
COPY = "/buckets/test/objects/b"
CONTENT = b"known content"


def link(
    data_plane: DataPlane,
    path: str = COPY,
    content: bytes = CONTENT,
    *,
    caller: Caller | None = None,
    **headers: str,
) -> Answer:
    """Put content by its digest alone."""
    sent = {"X-Content-SHA256": digest(content), "X-If-Known": "1"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return (caller or Caller()).ask(data_plane, "PUT", path, headers=sent)


def test_known_content_needs_no_bytes(data_plane: DataPlane) -> None:
    data_plane.put(PATH, CONTENT)

    answer = link(data_plane, X_Object_Meta_Author="Ada", Content_Type="text/plain")

    assert answer.status == 201
    told = answer.json()
    assert (told["sha256"], told["etag"]) == (digest(CONTENT), digest(CONTENT))
    assert (told["size"], told["deduplicated"]) == (len(CONTENT), True)
    found = data_plane.get(COPY)
    assert found.body == CONTENT
    assert found.headers["ETag"] == answer.headers["ETag"] == f'"{digest(CONTENT)}"'
    assert found.headers["X-Object-Meta-author"] == "Ada"
    assert stored_digests() == [digest(CONTENT)]


def test_known_content_replaces_what_was_there(data_plane: DataPlane) -> None:
    data_plane.put(PATH, CONTENT)
    data_plane.put(COPY, b"before")

    assert link(data_plane).status == 200
    assert data_plane.get(COPY).body == CONTENT


def test_known_content_is_one_more_version(data_plane: DataPlane) -> None:
    data_plane.put(PATH, CONTENT)
    data_plane.put(COPY, b"before")
    Bucket.objects.update(versioning="enabled")

    answer = link(data_plane)

    versions = StoredObject.objects.filter(key="b").order_by("created_at")
    assert [v.version_id for v in versions] == ["null", answer.json()["version_id"]]


def test_unknown_content_is_refused_and_makes_nothing(data_plane: DataPlane) -> None:
    assert_problem(link(data_plane), 412, "content_unknown")
    assert not Bucket.objects.exists()
    assert not Blob.objects.exists()


def test_the_answer_is_the_same_when_others_have_it(
    data_plane: DataPlane, alice: User, bob: User
) -> None:
    for user, name in ((alice, "theirs"), (bob, "mine")):
        Bucket.objects.create(name=name, owner=user)
    theirs = with_key(make_key(alice))
    put = theirs.ask(data_plane, "PUT", "/buckets/theirs/objects/a", body=CONTENT)
    assert put.status == 201
    mine = with_key(make_key(bob))

    known = link(data_plane, "/buckets/mine/objects/a", caller=mine)
    unknown = link(data_plane, "/buckets/mine/objects/a", b"other", caller=mine)

    told = assert_problem(known, 412, "content_unknown")
    assert told | {"request_id": ""} == unknown.json() | {"request_id": ""}
    assert sorted(known.headers) == sorted(unknown.headers)


def test_content_under_a_granted_prefix_is_known(
    data_plane: DataPlane, alice: User, bob: User
) -> None:
    for user, name in ((alice, "theirs"), (bob, "mine")):
        Bucket.objects.create(name=name, owner=user)
    theirs = with_key(make_key(alice))
    for path, content in (("in/a", CONTENT), ("out/b", b"hidden")):
        theirs.ask(data_plane, "PUT", f"/buckets/theirs/objects/{path}", body=content)
    grant(bob, Role.READER, "in/", bucket="theirs")
    mine = with_key(make_key(bob))

    within = link(data_plane, "/buckets/mine/objects/a", caller=mine)
    beyond = link(data_plane, "/buckets/mine/objects/b", b"hidden", caller=mine)

    assert within.status == 201
    assert_problem(beyond, 412, "content_unknown")


def test_a_limited_key_knows_what_it_reads(data_plane: DataPlane, alice: User) -> None:
    Bucket.objects.create(name="test", owner=alice)
    whole = with_key(make_key(alice))
    for path, content in (("in/a", CONTENT), ("out/b", b"hidden")):
        whole.ask(data_plane, "PUT", f"/buckets/test/objects/{path}", body=content)
    limited = with_key(make_key(alice, only_bucket="test", only_prefix="in/"))
    path = "/buckets/test/objects/in/new"

    assert_problem(
        link(data_plane, path, b"hidden", caller=limited), 412, "content_unknown"
    )
    assert link(data_plane, path, caller=limited).status == 201


def test_content_that_came_in_pieces_is_known_once_it_has_a_digest(
    data_plane: DataPlane,
) -> None:
    data_plane.put("/buckets/test")
    path = tus_client.begin(data_plane, len(CONTENT))
    tus_client.patch(data_plane, path, 0, CONTENT[:5])
    tus_client.patch(data_plane, path, 5, CONTENT[5:])
    assert_problem(link(data_plane), 412, "content_unknown")
    compute_digests()

    answer = link(data_plane)

    assert answer.status == 201
    assert answer.json()["etag"] == digest(CONTENT)
    data_plane.delete(PATH)
    assert data_plane.get(COPY).body == CONTENT


def test_a_presigned_url_reads_nothing_and_so_knows_nothing(
    data_plane: DataPlane, alice: User
) -> None:
    Bucket.objects.create(name="test", owner=alice)
    with_key(make_key(alice)).ask(data_plane, "PUT", PATH, body=CONTENT)

    answer = link(data_plane, caller=with_url(alice, COPY, method="PUT"))

    assert_problem(answer, 412, "content_unknown")


def test_everybody_knows_the_content_of_nothing(data_plane: DataPlane) -> None:
    assert link(data_plane, content=b"").status == 201
    assert data_plane.get(COPY).body == b""


def test_conditions_apply(data_plane: DataPlane) -> None:
    data_plane.put(PATH, CONTENT)
    data_plane.put(COPY, b"before")

    answer = link(data_plane, If_None_Match="*")

    assert_problem(answer, 412, "precondition_failed")
    assert data_plane.get(COPY).body == b"before"


def test_quotas_apply(data_plane: DataPlane) -> None:
    data_plane.put(PATH, CONTENT)
    Bucket.objects.update(quota_bytes=2 * len(CONTENT) - 1)

    assert_problem(link(data_plane), 507, "quota_exceeded")


def test_a_blob_that_the_sweep_has_an_eye_on_is_rescued(data_plane: DataPlane) -> None:
    data_plane.put(PATH, CONTENT)
    Blob.objects.update(condemned_at=Now())

    assert link(data_plane).status == 201
    assert Blob.objects.get().condemned_at is None


def test_lost_bytes_are_unknown_until_they_are_sent_again(
    data_plane: DataPlane,
) -> None:
    data_plane.put(PATH, CONTENT)
    Blob.objects.update(condemned_at=Now())
    lose(digest(CONTENT))

    assert_problem(link(data_plane), 412, "content_unknown")
    assert data_plane.put(COPY, CONTENT).status == 201
    assert data_plane.get(PATH).body == CONTENT


@pytest.mark.parametrize("value", ["0", "true", ""])
def test_another_value_is_refused(data_plane: DataPlane, value: str) -> None:
    data_plane.put(PATH, CONTENT)

    assert_problem(link(data_plane, X_If_Known=value), 400, "invalid_argument")


def test_a_body_or_no_digest_is_refused(data_plane: DataPlane) -> None:
    data_plane.put(PATH, CONTENT)
    asked = {"X-If-Known": "1"}
    named = {**asked, "X-Content-SHA256": digest(CONTENT)}

    for body, headers in ((b"", asked), (CONTENT, named)):
        answer = data_plane.put(COPY, body, headers=headers)
        assert_problem(answer, 400, "invalid_argument")
