"""Type, headers, metadata and tags of an object, changed in a form."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from objects_app.models import Role
from tests.web.shelf import Shelf, at, client_of

pytestmark = pytest.mark.django_db

FORM = at("object/description")


def seen(client: Client, address: str = FORM) -> str:
    page = client.get(address).content.decode()
    found = re.search(r'name="seen"\s+value="(\w+)"', page)
    assert found is not None
    return found[1]


def fields(**changed: Any) -> dict[str, Any]:
    """Return what a browser would send; `tags` and `metadata` as pairs."""
    sent: dict[str, Any] = {"content_type": "text/plain", **changed}
    for section in ("tags", "metadata"):
        pairs = [*sent.pop(section, []), ("", "")]
        sent[f"{section}_name"] = [name for name, _ in pairs]
        sent[section] = [value for _, value in pairs]
    return sent


def test_the_form_holds_what_is_there(shelf: Shelf, her: Client) -> None:
    sent = {"X-Object-Tags": "a=1", "X-Object-Meta-B": "2", "Cache-Control": "no-cache"}
    shelf.put(headers=sent)
    page = her.get(FORM).content.decode()
    for value in ("text/plain", "a", "1", "b", "2", "no-cache"):
        assert f'value="{value}"' in page


def test_all_of_it_is_changed_at_once(shelf: Shelf, her: Client) -> None:
    shelf.put(headers={"X-Object-Tags": "a=1&b=2", "X-Object-Meta-C": "3"})
    before = shelf.row()
    answer = her.post(
        FORM,
        fields(
            seen=seen(her),
            content_type="text/html",
            tags=[("b", "5"), ("new", "")],
            metadata=[("Camera", "Leica")],
            **{"cache-control": "max-age=1"},
        ),
    )
    assert answer.status_code == 302
    assert answer["Location"] == at()
    row = shelf.row()
    assert row.content_type == "text/html"
    assert row.tags == {"b": "5", "new": ""}
    assert row.metadata == {"camera": "Leica"}
    assert row.headers == {"cache-control": "max-age=1"}
    assert (row.version_id, row.etag) == (before.version_id, before.etag)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"content_type": "nonsense"}, "must be a media type"),
        ({"tags": [("a!", "1")]}, "neither a letter"),
        ({"tags": [("a", "1"), ("a", "2")]}, "given twice"),
        ({"tags": [("", "1")]}, "1 to 128 characters"),
        ({"metadata": [("a b", "1")]}, "ASCII letters"),
        ({"metadata": [("a", "1"), ("A", "2")]}, "a name twice"),
        ({"metadata": [("a", "x" * 3000)]}, "at most 2048"),
        ({"expires": "a\x01b"}, "control characters"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(
    shelf: Shelf, her: Client, wrong: dict[str, Any], told: str
) -> None:
    shelf.put()
    sent = {"tags": [("kept", "as typed")], **wrong}
    answer = her.post(FORM, fields(seen=seen(her), **sent))
    page = answer.content.decode()
    assert answer.status_code == 400
    assert told in page
    assert "as typed" in page or "tags" in wrong
    assert shelf.row().tags == {}


def test_what_somebody_else_changed_meanwhile_is_not_undone(
    shelf: Shelf, her: Client, bob: User
) -> None:
    shelf.put()
    shelf.let_in(bob, Role.WRITER)
    hers, his = seen(her), client_of(bob)
    assert his.post(FORM, fields(seen=hers, tags=[("bob", "1")])).status_code == 302
    answer = her.post(FORM, fields(seen=hers, tags=[("alice", "1")]))
    assert answer.status_code == 412
    assert "Somebody changed this object meanwhile" in answer.content.decode()
    assert shelf.row().tags == {"bob": "1"}


def test_an_older_version_has_a_description_of_its_own(
    shelf: Shelf, her: Client
) -> None:
    shelf.keep_versions()
    old = shelf.put(body=b"old")
    shelf.put(body=b"new")
    form = at("object/description", version=old)
    answer = her.post(form, fields(seen=seen(her, form), tags=[("old", "1")]))
    assert answer["Location"] == at(version=old)
    assert shelf.row().tags == {}


def test_only_who_may_write_sees_the_form(shelf: Shelf, bob: User) -> None:
    shelf.put()
    shelf.let_in(bob, Role.READER)
    assert client_of(bob).get(FORM).status_code == 403
    assert client_of(None).get(FORM).status_code == 302
