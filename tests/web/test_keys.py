"""My access keys on the screen."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.sessions.backends.base import SessionBase
from django.utils.timezone import now

from objects_app.access import accounts
from objects_app.models import AccessKey
from objects_app.web import key_lines
from tests.access.people import Caller, make_key, make_user
from tests.client import DataPlane
from tests.web.people import at_browser, chief_at_browser, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]


def text_of(page: str, element: str) -> str:
    found = re.search(rf'id="{element}">(.*?)</pre>', page, re.DOTALL)
    assert found
    return unescape(found[1])


def test_a_key_is_made_and_its_secret_shown_once(data_plane: DataPlane) -> None:
    olga = at_browser("olga")
    answer = olga.post(
        "/ui/keys/",
        {"label": "laptop", "days": "7", "bucket": "photos", "prefix": "in/ "},
        headers={"host": "localhost:8443"},
    )
    page = answer.content.decode()
    key_id, secret = text_of(page, "key-id"), text_of(page, "secret")
    caller = Caller({"Authorization": f"Bearer {key_id}.{secret}"})
    assert caller.ask(data_plane, "GET", "/auth/me").json()["user"] == "olga"
    assert answer["Cache-Control"] == "no-store"
    assert f"curl -u {key_id}:{secret} -T" in text_of(page, "curl-upload")
    assert "http://localhost:8443/" in text_of(page, "curl-list")
    key = AccessKey.objects.get()
    assert (key.label, key.only_bucket, key.only_prefix) == ("laptop", "photos", "in/ ")
    assert key.expires_at is not None
    assert timedelta(days=6) < key.expires_at - now() < timedelta(days=8)
    session: SessionBase = olga.session
    assert secret not in str(dict(session))
    assert secret not in words(olga, "/ui/keys/")


def test_lines_quote_what_a_shell_or_python_would_take_apart() -> None:
    key = make_key(
        make_user("olga"), only_bucket="photos", only_prefix='it\'s $HOME & "so"/ü'
    )
    lines = key_lines.lines("http://here", key)
    encoded = "it%27s%20%24HOME%20%26%20%22so%22/%C3%BCREADME.md"
    assert lines.curl_upload.endswith(
        f" -T README.md http://here/buckets/photos/objects/{encoded}"
    )
    assert "prefix=it%27s+%24HOME+%26+%22so%22%2F%C3%BC" in lines.curl_list
    compile(lines.python, "lines", "exec")


def test_a_key_that_only_reads_gets_no_line_to_upload() -> None:
    page = at_browser("olga").post("/ui/keys/", {"read_only": "on"}).content.decode()
    assert "curl-upload" not in page
    assert "PUT" not in text_of(page, "python")
    assert AccessKey.objects.get().read_only


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"prefix": "in/"}, "Name the bucket"),
        ({"bucket": "A"}, "3 to 63"),
        ({"days": "x"}, "no whole number"),
        ({"days": "99999"}, "10 years"),
        ({"label": "a\0"}, "characters"),
        ({"label": "x" * 101}, "at most 100"),
    ],
)
def test_a_key_that_cannot_be_is_refused_on_the_page(
    sent: dict[str, str], told: str
) -> None:
    answer = at_browser("olga").post("/ui/keys/", sent)
    assert answer.status_code == 400
    assert told in answer.content.decode()
    assert not AccessKey.objects.exists()


def test_what_was_typed_is_still_there_after_a_refusal() -> None:
    answer = at_browser("olga").post("/ui/keys/", {"label": "laptop", "prefix": "in/"})
    page = answer.content.decode()
    assert 'value="laptop"' in page
    assert 'value="in/"' in page


def test_only_ones_own_keys_are_shown_and_apart_those_that_work_no_more() -> None:
    olga = make_user("olga")
    working = make_key(olga, read_only=True).row.key_id
    expired, revoked = make_key(olga).row.key_id, make_key(olga).row.key_id
    others = make_key(make_user("bob")).row.key_id
    past = now() - timedelta(seconds=5)
    AccessKey.objects.filter(key_id=expired).update(expires_at=past)
    AccessKey.objects.filter(key_id=revoked).update(revoked_at=past)
    page = words(at_browser(olga), "/ui/keys/")
    above, _, below = page.partition("Keys that work no more")
    assert working in above
    assert (expired in above, revoked in above, others in page) == (False,) * 3
    assert expired in below
    assert revoked in below
    assert page.count("badge bad") == page.count("badge warn") == 1


def test_a_key_is_revoked_by_its_user_or_an_administrator_only() -> None:
    mine = make_key(make_user("olga")).row.key_id
    charlie = at_browser("charlie")
    assert charlie.post("/ui/keys/revoke", {"key": mine}).status_code == 404
    assert charlie.post("/ui/keys/revoke", {"key": "OSUNKNOWN"}).status_code == 404
    assert accounts.key_account(mine)
    answer = at_browser("olga").post("/ui/keys/revoke", {"key": mine})
    assert (answer.status_code, answer["Location"]) == (302, "/ui/keys/")
    assert not accounts.key_account(mine)
    other = make_key(make_user("olga")).row.key_id
    answer = chief_at_browser().post(
        "/ui/keys/revoke", {"key": other, "list": "everyone"}
    )
    assert answer["Location"] == "/ui/everyones-keys/"
    assert not accounts.key_account(other)


@pytest.mark.parametrize("path", ["/ui/keys/", "/ui/keys/revoke", "/ui/account/end"])
def test_a_form_needs_its_token(path: str) -> None:
    olga = at_browser("olga", enforce_csrf_checks=True)
    assert olga.post(path, {}).status_code == 403
    assert not AccessKey.objects.exists()
