"""The screen of one object: what it tells, to whom, and at what cost."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from objects_app.models import Role, StoredObject
from tests.web.shelf import Shelf, at, client_of

pytestmark = pytest.mark.django_db

WRITES = ("object/move", "object/delete", "object/description")


def text(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status, answer.content
    return answer.content.decode()


def test_it_tells_all_that_is_known(shelf: Shelf, her: Client) -> None:
    sent = {
        "X-Object-Tags": "project=apollo",
        "X-Object-Meta-Camera": "Leica",
        "Cache-Control": "max-age=60",
    }
    shelf.put(body=b"x" * 2048, headers=sent)
    page = text(her, at())
    told = ("2.0 KiB", "text/plain", "apollo", "Leica", "max-age=60", "test-node")
    for fact in (*told, shelf.row().sha256):
        assert fact in page
    assert 'href="/buckets/shelf/objects/docs/a.txt?redirect=0"' in page
    assert 'href="/ui/buckets/shelf/?prefix=docs%2F"' in page
    assert "curl -fOJ -u KEY_ID:SECRET http://testserver/buckets/shelf/" in page


def test_it_takes_at_most_ten_statements(shelf: Shelf, her: Client) -> None:
    shelf.keep_versions()
    for number in range(4):
        shelf.put(body=b"%d" % number)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        text(her, at())
    assert len(asked) <= 10


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("image/svg+xml", '<img src="/buckets/shelf/objects/docs/a.txt?redirect=0"'),
        ("video/webm", "<video src="),
        ("audio/wav", "<audio src="),
        ("text/html", 'data-preview="text"'),
        ("application/pdf", 'data-worker="/static/vendor/pdfjs/pdf.worker.min.mjs"'),
        ("application/zip", "No preview"),
    ],
)
def test_what_it_shows_depends_on_the_type(
    shelf: Shelf, her: Client, content_type: str, expected: str
) -> None:
    shelf.put(headers={"Content-Type": content_type})
    assert expected in text(her, at())


def test_an_empty_object_is_said_to_be_empty(shelf: Shelf, her: Client) -> None:
    shelf.put(body=b"")
    assert "This object is empty" in text(her, at())


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("a/../b", "/buckets/shelf/objects?key=a/../b"),
        ("docs/", "/buckets/shelf/objects/docs/"),
        ("<b>&\n'\".txt", "/buckets/shelf/objects/%3Cb%3E%26%0A%27%22.txt"),
        ("ä ö/+%", "/buckets/shelf/objects/%C3%A4%20%C3%B6/%2B%25"),
    ],
)
def test_any_key_is_shown_and_downloaded(
    shelf: Shelf, her: Client, key: str, path: str
) -> None:
    shelf.put("plain")
    StoredObject.objects.filter(key="plain").update(key=key)
    page = text(her, at(key=key))
    mark = "&amp;" if "?" in path else "?"
    assert f'href="{path}{mark}redirect=0"' in page
    assert "<b>&" not in page


def test_a_digest_that_is_not_computed_yet_is_waited_for(
    shelf: Shelf, her: Client
) -> None:
    shelf.put()
    StoredObject.objects.update(sha256="", blob=None)
    page = text(her, at())
    assert "Being computed" in page
    assert 'hx-select="#sha256"' in page


def test_readers_see_nothing_that_changes_it(shelf: Shelf, bob: User) -> None:
    shelf.keep_versions()
    shelf.put()
    shelf.put()
    shelf.let_in(bob, Role.READER)
    page = text(client_of(bob), at())
    assert "Older versions" not in page
    assert "Share" in page
    assert "Versions" in page
    for form in (*WRITES, "object/restore"):
        assert form not in page
        assert client_of(bob).post(at(form)).status_code == 403


def test_strangers_get_preview_and_download_of_what_is_public(shelf: Shelf) -> None:
    shelf.keep_versions()
    shelf.put()
    shelf.make_public()
    page = text(client_of(None), at())
    assert 'data-preview="text"' in page
    assert 'href="/buckets/shelf/objects/docs/a.txt?redirect=0"' in page
    assert "-u KEY_ID" not in page
    for hidden in ("Share", "Copy to", "Versions", "?prefix=", *WRITES):
        assert hidden not in page


def test_strangers_do_not_learn_what_is_there_or_was(
    shelf: Shelf, charlie: User
) -> None:
    shelf.keep_versions()
    shelf.put()
    assert client_of(None).get(at()).status_code == 302
    assert client_of(charlie).get(at()).status_code == 404
    shelf.delete()
    shelf.make_public()
    assert client_of(None).get(at()).status_code == 404


def test_versions_are_listed_page_by_page(shelf: Shelf, her: Client) -> None:
    shelf.keep_versions()
    shelf.put("docs/a.txt.old")
    ids = [shelf.put(body=b"%d" % number) for number in range(30)]
    page = text(her, at())
    assert [one for one in ids if one in page] == ids[5:]
    answer = her.get(at(), headers={"HX-Request": "true"})
    cursor = answer.context["next_cursor"]
    rest = her.get(at(cursor=cursor), headers={"HX-Request": "true"}).content.decode()
    assert [one for one in ids if one in rest] == ids[:5]
    assert "<html" not in rest
    assert "<html" in text(her, at(cursor=cursor))


def test_one_goes_through_a_folder(shelf: Shelf, her: Client, bob: User) -> None:
    for key in ("docs/a.txt", "docs/b.txt", "docs/c.txt"):
        shelf.put(key)
    page = text(her, at(key="docs/b.txt"))
    for rel, key in (("prev", "docs/a.txt"), ("next", "docs/c.txt")):
        assert f'rel="{rel}"' in page
        assert f'href="{at(key=key)}"' in page
    assert 'rel="prev"' not in text(her, at())
    shelf.let_in(bob, Role.READER, prefix="docs/b")
    page = text(client_of(bob), at(key="docs/b.txt"))
    assert "docs%2Fa" not in page
    assert "docs%2Fc" not in page


def test_an_older_version_is_shown_as_such(shelf: Shelf, her: Client) -> None:
    shelf.keep_versions()
    old, new = shelf.put(body=b"old"), shelf.put(body=b"newer")
    page = text(her, at(version=old))
    assert "This is an older version" in page
    assert f"/objects/docs/a.txt?version={old}&amp;redirect=0" in page
    assert "This is an older version" not in text(her, at(version=new))
    assert "no such version" in text(her, at(version="none such"), status=404)


def test_a_deleted_object_shows_its_versions(shelf: Shelf, her: Client) -> None:
    shelf.keep_versions()
    old = shelf.put()
    shelf.delete()
    marker = shelf.row().version_id
    for address in (at(), at(version=marker)):
        page = text(her, address)
        assert "This object is deleted" in page
        assert old in page


def test_a_key_that_never_was_is_not_found(shelf: Shelf, her: Client) -> None:
    for page in (text(her, at(), status=404), text(her, at(key=""), status=404)):
        assert "nothing of this name any more" in page
        assert "GET /" not in page
