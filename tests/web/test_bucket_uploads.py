"""Unfinished uploads on the screen."""

import hashlib
import io

import pytest
from django.contrib.auth.models import User
from django.test import Client

from objects_app.blobs.ingest import Expected
from objects_app.models import Bucket, Upload
from objects_app.queries.rows import BucketRow
from objects_app.services import multipart, tus
from objects_app.services.multipart import Listed
from objects_app.services.objects import Description
from objects_app.services.tus_body import Sent
from tests.services.store import ACTOR, Store

pytestmark = pytest.mark.django_db

PLAIN = Description("text/plain", {}, {})
URL = "/ui/buckets/test/uploads/"


@pytest.fixture
def bucket(alice: User, client: Client) -> BucketRow:
    client.force_login(alice)
    return Store().bucket(owner=alice)


def in_parts(bucket: BucketRow, key: str, *bodies: bytes) -> Upload:
    made = multipart.create_upload(bucket=bucket, key=key, description=PLAIN, by=ACTOR)
    for number, body in enumerate(bodies, 1):
        multipart.put_part(
            bucket=bucket,
            upload=made,
            number=number,
            stream=io.BytesIO(body),
            length=len(body),
            expected=Expected(),
        )
    return made


def through_tus(bucket: BucketRow, key: str) -> Upload:
    made = tus.create_upload(
        bucket=bucket, key=key, length=2048, description=PLAIN, by=ACTOR
    )
    sent = Sent(stream=io.BytesIO(b"x" * 100), offset=0, declared=100)
    return tus.append(upload=made, bucket=bucket, sent=sent, by=ACTOR)


def test_what_is_on_its_way_is_shown_by_key_with_what_arrived(
    client: Client, bucket: BucketRow
) -> None:
    through_tus(bucket, "film.mp4")
    in_parts(bucket, "backup.tar", b"12345", b"678")
    in_parts(bucket, "backup.tar")
    answer = client.get(URL)
    lines = answer.context["lines"]
    found = sorted((line.upload.key, line.arrived) for line in lines)
    assert found == [("backup.tar", 0), ("backup.tar", 8), ("film.mp4", 100)]
    page = " ".join(answer.content.decode().split())
    assert '100 B <span class="quiet">/ 2.0 KiB</span>' in page
    assert ">tester</td>" in page


def test_finished_and_other_folders_uploads_are_not_shown(
    client: Client, bucket: BucketRow
) -> None:
    done = in_parts(bucket, "a/done", b"1")
    multipart.complete_upload(
        bucket=bucket,
        upload=done,
        listed=[Listed(1, hashlib.sha256(b"1").hexdigest())],
        by=ACTOR,
    )
    in_parts(bucket, "b/open")
    assert [line.upload.key for line in client.get(URL).context["lines"]] == ["b/open"]
    page = client.get(f"{URL}?prefix=a%2F").content.decode()
    assert "Nothing is on its way" in page


def test_uploads_come_page_by_page(
    client: Client, bucket: BucketRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("objects_app.web.bucket_uploads._PAGE", 1)
    for key in ("a", "b"):
        in_parts(bucket, key)
    first = client.get(URL)
    cursor = first.context["next_cursor"]
    assert f"cursor={cursor}" in first.content.decode()
    rest = client.get(f"{URL}?cursor={cursor}", headers={"HX-Request": "true"})
    assert [line.upload.key for line in rest.context["lines"]] == ["b"]
    assert rest.content.decode().lstrip().startswith("<tr>")


def test_chosen_uploads_are_aborted_and_those_that_are_gone_passed_over(
    client: Client, bucket: BucketRow
) -> None:
    chosen = [
        f"tus/{through_tus(bucket, 'film').upload_id}",
        f"multipart/{in_parts(bucket, 'a', b'1').upload_id}",
        "multipart/gone",
        "ftp/strange",
    ]
    kept = in_parts(bucket, "kept")
    answer = client.post(f"{URL}abort", {"upload": chosen}, follow=True)
    assert answer.redirect_chain == [(URL, 302)]
    assert "2 uploads were aborted." in answer.content.decode()
    assert list(Upload.objects.all()) == [kept]


def test_the_button_of_a_line_aborts_that_line_alone(
    client: Client, bucket: BucketRow
) -> None:
    one, other = in_parts(bucket, "a"), in_parts(bucket, "b")
    names = {
        "only": f"multipart/{one.upload_id}",
        "upload": f"multipart/{other.upload_id}",
    }
    answer = client.post(f"{URL}abort?prefix=a", names, follow=True)
    assert answer.redirect_chain == [(f"{URL}?prefix=a", 302)]
    assert "1 upload was aborted." in answer.content.decode()
    assert list(Upload.objects.all()) == [other]


def test_only_writers_see_and_abort_them(
    client: Client, bob: User, bucket: BucketRow
) -> None:
    open_ = in_parts(bucket, "a")
    Bucket.objects.update(visibility="public-list")
    client.force_login(bob)
    name = {"upload": f"multipart/{open_.upload_id}"}
    assert client.get(URL).status_code == 403
    assert client.post(f"{URL}abort", name).status_code == 403
    other = Store().bucket("other", owner=bob)
    answer = client.post(f"/ui/buckets/{other.name}/uploads/abort", name, follow=True)
    assert "0 uploads were aborted." in answer.content.decode()
    assert Upload.objects.exists()
