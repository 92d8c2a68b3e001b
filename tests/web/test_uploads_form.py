"""The form that uploads without scripts: what it stores, whom it refuses."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory
from pytest_django import Settings

from objects_app.models import Bucket, StoredObject
from tests.blobs.bodies import random_body
from tests.stored import stored_bytes

pytestmark = pytest.mark.django_db

FORM = "/ui/buckets/photos/upload"


@pytest.fixture
def photos() -> Bucket:
    """Ann's bucket."""
    ann = User.objects.create_user("ann")
    return Bucket.objects.create(name="photos", owner=ann)


@pytest.fixture
def ann(client: Client, photos: Bucket) -> Client:
    """Ann, signed in."""
    client.force_login(User.objects.get(username="ann"))
    return client


def file(name: str, content: bytes = b"x", kind: str = "") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, kind)


def send(client: Client, *files: SimpleUploadedFile, to: str = "", **more: str) -> Any:
    """Send the form and return the page that it leads to."""
    target = f"{FORM}?prefix={to}"
    return client.post(target, {"files": list(files), **more}, follow=True)


def told(page: Any) -> str:
    return str(page.content.decode())


def test_files_land_in_the_folder_that_the_form_was_on(ann: Client) -> None:
    page = send(ann, file("one.txt", b"1"), file("two.png", b"2"), to="2026/märz/")

    assert page.redirect_chain == [
        ("/ui/buckets/photos/?prefix=2026%2Fm%C3%A4rz%2F", 302)
    ]
    assert "2 files uploaded." in told(page)
    stored = StoredObject.objects.order_by("key")
    assert [(row.key, row.content_type) for row in stored] == [
        ("2026/märz/one.txt", "text/plain"),
        ("2026/märz/two.png", "image/png"),
    ]


def test_a_large_file_comes_through_whole(ann: Client) -> None:
    body = random_body(5_000_000)
    send(ann, file("film.mp4", body, "video/mp4"))

    row = StoredObject.objects.get()
    assert (row.size, row.content_type) == (len(body), "video/mp4")
    assert stored_bytes(row.blob.sha256) == body  # type: ignore[union-attr]


def test_a_type_that_is_none_is_guessed(ann: Client) -> None:
    send(ann, file("a.css", kind="nonsense"))
    assert StoredObject.objects.get().content_type == "text/css"


def test_nothing_is_replaced_unless_the_form_says_so(ann: Client) -> None:
    send(ann, file("a", b"old"))

    kept = send(ann, file("a", b"new"), file("b"))
    assert "a: There is one already." in told(kept)
    assert "1 file uploaded." in told(kept)
    assert StoredObject.objects.get(key="a").size == 3

    send(ann, file("a", b"newer"), replace="on")
    assert StoredObject.objects.get(key="a").size == 5


def test_the_first_refusals_are_told_and_the_rest_counted(ann: Client) -> None:
    names = [f"{number}-{'n' * 200}" for number in range(7)]
    page = send(ann, *map(file, names), to="p" * 1000)

    assert told(page).count("notice error") == 6
    assert "2 more failed." in told(page)
    assert not StoredObject.objects.exists()


def test_a_form_without_files_says_what_to_do(ann: Client) -> None:
    assert "Choose the files to upload first." in told(send(ann))


def test_a_file_that_is_too_large_is_refused_while_it_comes(
    ann: Client, settings: Settings
) -> None:
    settings.MAX_UPLOAD_BYTES = 10
    page = send(ann, file("small", b"1234567890"), file("large", b"12345678901"))

    assert page.status_code == 413
    assert "large is larger than a file may be here" in told(page)
    assert not StoredObject.objects.exists()


def test_more_files_than_a_form_may_have_are_refused(
    ann: Client, settings: Settings
) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 1
    page = send(ann, file("a"), file("b"))

    assert page.status_code == 400
    assert "too many files for one form" in told(page)


def test_who_may_only_read_is_refused(client: Client, photos: Bucket) -> None:
    photos.visibility = Bucket.Visibility.PUBLIC_LIST
    photos.save()
    client.force_login(User.objects.create_user("bob"))

    assert send(client, file("a")).status_code == 403
    assert not StoredObject.objects.exists()


def test_who_is_not_signed_in_is_sent_to_the_login(
    client: Client, photos: Bucket
) -> None:
    answer = client.post(FORM, {"files": [file("a")]}, REMOTE_ADDR="192.0.2.1")
    assert answer["Location"].startswith("/ui/login/")


@pytest.mark.parametrize(("token", "stored"), [(True, 1), (False, 0)])
def test_a_form_is_taken_with_its_token_only(
    photos: Bucket, token: bool, stored: int
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="ann"))
    client.get("/ui/buckets/photos/")
    fields = {"csrfmiddlewaretoken": client.cookies["csrftoken"].value} if token else {}

    answer = client.post(FORM, {**fields, "files": [file("a")]})

    assert answer.status_code == (302 if token else 403)
    assert StoredObject.objects.count() == stored


def test_a_form_that_breaks_off_stores_nothing(ann: Client) -> None:
    whole = RequestFactory().post(FORM, {"files": [file("a", b"x" * 1000)]})
    kind = whole.headers["Content-Type"]

    ann.generic("POST", FORM, whole.body[:500], content_type=kind)

    assert not StoredObject.objects.exists()


def test_the_files_of_other_forms_are_thrown_away(client: Client) -> None:
    fields = {"username": "ann", "password": "x", "file": file("a", b"x" * 100_000)}
    answer = client.post("/ui/login/", fields)

    assert answer.status_code == 200
    assert "file" not in answer.wsgi_request.FILES
    assert answer.wsgi_request.POST["username"] == "ann"


def test_the_form_is_on_the_page_of_who_may_write(ann: Client) -> None:
    form = 'action="/ui/buckets/photos/upload?prefix=a%2F%26%2F"'
    assert form in told(ann.get("/ui/buckets/photos/?prefix=a/%26/"))
