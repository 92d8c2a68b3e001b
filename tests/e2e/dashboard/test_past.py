"""Time travel in a browser: there, back, and the folder with one."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.dashboard.conftest import PASSWORD
from tests.e2e.dashboard.visitor import Visitor
from tests.servers.store import Server

pytestmark = [pytest.mark.e2e, pytest.mark.postgresql_only]

FOLDER = "/ui/buckets/travel/?prefix=a%2F"
SEND = """async ([method, path, json]) => {
  const token = document.querySelector("meta[name=csrf-token]").content;
  const headers = {"X-CSRFToken": token, "Content-Type": "application/json"};
  const answer = await fetch(path, {method, headers, body: JSON.stringify(json)});
  if (!answer.ok) throw new Error(await answer.text());
}"""
# As if all of it had happened two days ago.
EARLIER = """
from datetime import timedelta
from objects_app.models import Bucket, StoredObject
bucket = Bucket.objects.get(name="travel")
bucket.versioned_since -= timedelta(days=3)
bucket.save()
for row in StoredObject.objects.filter(bucket=bucket):
    moment = row.created_at - timedelta(days=2)
    StoredObject.objects.filter(pk=row.pk).update(created_at=moment)
"""


def send(page: Page, method: str, path: str, json: object = "") -> None:
    page.evaluate(SEND, [method, f"/buckets/travel{path}", json])


def make_a_past(server: Server, page: Page) -> None:
    send(page, "PUT", "")
    send(page, "PATCH", "", {"versioning": "enabled"})
    for key in ("a/back", "a/kept"):
        send(page, "PUT", f"/objects/{key}", "then")
    done = server.manage("shell", "-v0", "-c", EARLIER)
    assert done.returncode == 0, done.stderr
    send(page, "DELETE", "/objects/a/back")
    send(page, "PUT", "/objects/a/new", "now")


def test_a_folder_is_seen_as_it_was_and_restored(
    console: Server, chief: Visitor, visit: Callable[..., Visitor]
) -> None:
    page = chief.page
    make_a_past(console, page)
    tokyo = page.context.new_cdp_session(page)
    tokyo.send("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Tokyo"})
    chief.open(FOLDER)
    page.get_by_text("Time travel").click()
    chief.check_accessibility()
    page.get_by_role("link", name="A day ago").click()
    expect(page.get_by_role("link", name="back", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="new", exact=True)).to_have_count(0)

    shown = page.locator(".past-shown time").get_attribute("datetime")
    assert shown is not None
    page.get_by_text("Time travel").click()
    field = page.get_by_label("See it as it was on")
    in_utc = "(text => new Date(text).toISOString().slice(0, 19))"
    assert page.evaluate(in_utc, field.input_value()) == shown[:19]
    page.get_by_role("button", name="Go there").click()
    page.wait_for_url(re.compile(rf"at={re.escape(shown[:13])}"))

    page.get_by_role("button", name="Restore…").click()
    page.wait_for_url("**/restore/**")
    expect(page.locator("tbody tr")).to_have_text(
        [re.compile("back.*comes back", re.S), re.compile("new.*is deleted", re.S)]
    )
    chief.check_accessibility()
    preview = page.url
    phone = visit(phone=True, dark=True)
    phone.sign_in("chief", PASSWORD)
    phone.open(preview)
    phone.check_width()
    phone.check_accessibility()
    phone.open(FOLDER)
    phone.page.get_by_text("Time travel").click()
    phone.check_width()

    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("status").first).to_contain_text(
        "Restored. As they were again: 1"
    )
    expect(page.get_by_role("link", name="back", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="new", exact=True)).to_have_count(0)


def test_the_past_needs_no_scripts(visit: Callable[..., Visitor]) -> None:
    plain = visit(javascript=False)
    plain.sign_in("chief", PASSWORD)
    page = plain.open(FOLDER)
    page.get_by_text("Time travel").click()
    page.get_by_role("button", name="Go there").click()
    expect(page.get_by_text("You see this folder as it was on")).to_be_visible()
