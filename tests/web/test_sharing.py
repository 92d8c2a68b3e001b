"""Links that let anybody download one object for a while."""

import html
import re
import time
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from objects_app.models import JournalEntry, Role
from objects_app.web.sharing import qr_code
from tests.client import Answer, DataPlane
from tests.web.shelf import Shelf, at, client_of

pytestmark = pytest.mark.django_db

SHARE = at("share")


def shared(client: Client, address: str = SHARE, **fields: str) -> tuple[str, str]:
    """Return the page, and the link on it."""
    page = client.post(address, {"ends": "3600", **fields}).content.decode()
    found = re.search(r'id="shared-link">([^<]+)<', page)
    assert found is not None, page
    return page, html.unescape(found[1])


def use(link: str) -> Answer:
    url = urlsplit(link)
    assert (url.scheme, url.netloc) == ("http", "testserver")
    return DataPlane().get(f"{url.path}?{url.query}")


def test_anybody_downloads_by_the_link(shelf: Shelf, her: Client) -> None:
    shelf.put(body=b"for you")
    page, link = shared(her, filename="a gift.txt")
    answer = use(link)
    assert (answer.status, answer.body) == (200, b"for you")
    disposition = answer.headers["Content-Disposition"]
    assert disposition == 'attachment; filename="a gift.txt"'
    assert "<svg" in page
    assert "style=" not in page
    assert JournalEntry.objects.filter(operation="presign", actor="alice").exists()


@pytest.mark.parametrize(
    ("fields", "hours"),
    [
        ({"ends": "3600"}, 1),
        ({"ends": "604800"}, 168),
        ({"ends": "other", "hours": "5"}, 5),
        ({"ends": "other", "hours": "168"}, 168),
    ],
)
def test_the_link_ends_when_it_says(
    shelf: Shelf, her: Client, fields: dict[str, str], hours: int
) -> None:
    shelf.put()
    page, link = shared(her, **fields)
    ends = int(re.findall(r"X-Store-Expires=(\d+)", link)[0])
    wanted = timezone.now() + timedelta(hours=hours)
    assert abs(ends - wanted.timestamp()) < 60
    assert f'<time datetime="{wanted:%Y-%m-%dT}' in page


def test_the_link_works_until_its_end_and_no_longer(
    shelf: Shelf, her: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.put()
    _, link = shared(her)
    now = time.time()
    for later, status in ((3500, 200), (3700, 403)):
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda moment=now + later: moment)
            answer = use(link)
        assert answer.status == status


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"ends": "other", "hours": "169"}, "less than or equal to 168"),
        ({"ends": "other", "hours": "0"}, "greater than or equal to 1"),
        ({"ends": "other", "hours": ""}, "Say how many hours."),
        ({"ends": "99"}, "not one of the available choices"),
        ({"ends": "3600", "filename": "x" * 300}, "1 to 255 bytes"),
    ],
)
def test_what_no_link_can_be_is_said(
    shelf: Shelf, her: Client, fields: dict[str, str], told: str
) -> None:
    shelf.put()
    page = her.post(SHARE, fields).content.decode()
    assert told in page
    assert "shared-link" not in page


def test_a_version_is_shared_as_it_was(shelf: Shelf, her: Client) -> None:
    shelf.keep_versions()
    old = shelf.put(body=b"old")
    shelf.put(body=b"new")
    assert use(shared(her, at("share", version=old))[1]).body == b"old"
    assert use(shared(her)[1]).body == b"new"


def test_a_public_object_has_a_link_that_does_not_end(
    shelf: Shelf, her: Client
) -> None:
    shelf.put()
    public = "http://testserver/buckets/shelf/objects/docs/a.txt"
    assert public not in her.get(SHARE).content.decode()
    shelf.make_public()
    assert public in her.get(SHARE).content.decode()


def test_readers_share_and_strangers_sign_in_first(
    shelf: Shelf, bob: User, charlie: User
) -> None:
    shelf.put(body=b"for you")
    shelf.let_in(bob, Role.READER)
    assert use(shared(client_of(bob))[1]).body == b"for you"
    assert client_of(charlie).get(SHARE).status_code == 404
    shelf.make_public()
    assert client_of(None).get(SHARE).status_code == 302


def test_a_dialog_gets_the_form_and_then_the_link_alone(
    shelf: Shelf, her: Client
) -> None:
    shelf.put()
    part = {"HX-Request": "true"}
    for answer in (
        her.get(SHARE, headers=part),
        her.post(SHARE, {"ends": "3600"}, headers=part),
    ):
        assert answer.status_code == 200
        assert "<html" not in answer.content.decode()


def test_a_link_too_long_for_a_picture_has_none() -> None:
    assert qr_code("https://example.com/" + "x" * 3000) == ""
