"""Moving, copying, deleting and restoring from an object's screen."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from objects_app.models import Bucket, JournalEntry, Role
from tests.web.shelf import Shelf, at, client_of

pytestmark = pytest.mark.django_db

HERE = "/ui/buckets/shelf/object?key="


def send(
    client: Client, address: str, status: int = 302, /, **fields: str
) -> tuple[str, str]:
    """Return where the answer leads, and what it says."""
    answer = client.post(address, fields)
    assert answer.status_code == status, answer.content
    return answer.headers.get("Location", ""), answer.content.decode()


@pytest.mark.parametrize(
    ("kind", "told"), [("move", "where it is now"), ("copy", "This is the copy")]
)
def test_an_object_goes_to_another_key(
    shelf: Shelf, her: Client, kind: str, told: str
) -> None:
    shelf.put(body=b"one")
    to, _ = send(her, at(f"object/{kind}"), bucket="shelf", key="b c.txt")
    assert to == f"{HERE}b+c.txt"
    assert shelf.read("b c.txt") == b"one"
    assert shelf.read() == (None if kind == "move" else b"one")
    assert told in her.get(to).content.decode()


def test_what_is_there_is_replaced_only_when_told(shelf: Shelf, her: Client) -> None:
    shelf.put(body=b"one")
    shelf.put("b", b"two")
    _, page = send(her, at("object/move"), 412, bucket="shelf", key="b")
    assert "There is an object of that key already." in page
    assert shelf.read("b") == b"two"
    send(her, at("object/move"), bucket="shelf", key="b", replace="on")
    assert shelf.read("b") == b"one"


@pytest.mark.parametrize(
    ("bucket", "key", "status", "told"),
    [
        ("shelf", "docs/a.txt", 400, "That is where it is"),
        ("nowhere", "a", 404, "There is no bucket nowhere"),
        ("NO", "a", 400, "Use 3 to 63"),
        ("shelf", "ä" * 600, 400, "at most 1024"),
        ("shelf", "", 200, "This field is required"),
    ],
)
def test_what_cannot_be_is_said_in_the_form(
    shelf: Shelf, her: Client, bucket: str, key: str, status: int, told: str
) -> None:
    shelf.put()
    fields = {"bucket": bucket, "key": key, "replace": "on"}
    _, page = send(her, at("object/move"), status, **fields)
    assert told in page
    assert f'value="{bucket}"' in page


def test_who_only_reads_may_copy_to_where_they_write(shelf: Shelf, bob: User) -> None:
    shelf.put(body=b"one")
    shelf.let_in(bob, Role.READER)
    Bucket.objects.create(name="bobs", owner=bob)
    fields = {"bucket": "bobs", "key": "a"}
    send(client_of(bob), at("object/move"), 403, **fields)
    send(client_of(bob), at("object/copy"), **fields)
    assert JournalEntry.objects.filter(operation="copy", actor="bob").exists()
    send(client_of(bob), at("object/copy"), 403, bucket="shelf", key="b")


def test_a_version_is_copied_as_it_was(shelf: Shelf, her: Client) -> None:
    shelf.keep_versions()
    old = shelf.put(body=b"old")
    shelf.put(body=b"new")
    send(her, at("object/copy", version=old), bucket="shelf", key="b")
    assert shelf.read("b") == b"old"


def test_what_is_gone_meanwhile_is_said(shelf: Shelf, her: Client) -> None:
    _, page = send(her, at("object/copy"), 404, bucket="shelf", key="b")
    assert "There is no object of" in page


def test_whose_session_ended_signs_in(shelf: Shelf) -> None:
    shelf.put()
    shelf.make_public()
    to, _ = send(client_of(None), at("object/copy"), bucket="shelf", key="b")
    assert to.startswith("/ui/login/")


def test_deleting_asks_first_and_says_what_is_lost(shelf: Shelf, her: Client) -> None:
    shelf.put()
    page = her.get(at("object/delete")).content.decode()
    assert "shelf/docs/a.txt" in page
    assert "nobody can bring it back" in page
    shelf.keep_versions()
    assert "you can restore it" in her.get(at("object/delete")).content.decode()
    assert shelf.read() == b"content"


def test_a_deleted_object_is_gone_and_its_folder_shown(
    shelf: Shelf, her: Client
) -> None:
    shelf.put()
    to, _ = send(her, at("object/delete"))
    assert to == "/ui/buckets/shelf/?prefix=docs%2F"
    assert "docs/a.txt is deleted." in her.get(to).content.decode()
    assert shelf.read() is None


def test_a_version_is_deleted_for_good(shelf: Shelf, her: Client) -> None:
    shelf.keep_versions()
    old, new = shelf.put(body=b"old"), shelf.put(body=b"new")
    page = her.get(at("object/delete", version=new)).content.decode()
    assert f"Version {new}" in page
    to, _ = send(her, at("object/delete", version=new))
    assert to == f"{HERE}docs%2Fa.txt"
    assert shelf.read() == b"old"
    to, _ = send(her, at("object/delete", version=old))
    assert to == "/ui/buckets/shelf/?prefix=docs%2F"


def test_a_version_is_restored(shelf: Shelf, her: Client) -> None:
    shelf.keep_versions()
    old = shelf.put(body=b"old")
    shelf.put(body=b"new")
    shelf.delete()
    to, _ = send(her, at("object/restore", version=old))
    assert "it is the latest again" in her.get(to).content.decode()
    assert shelf.read() == b"old"
    assert shelf.row().version_id != old


def test_a_form_for_a_dialog_comes_alone(shelf: Shelf, her: Client) -> None:
    shelf.put()
    for form in ("move", "copy", "delete", "description"):
        address = at(f"object/{form}")
        part = her.get(address, headers={"HX-Request": "true"}).content.decode()
        assert "<html" not in part
        assert 'id="ask-title"' in part
        assert "<html" in her.get(address).content.decode()
