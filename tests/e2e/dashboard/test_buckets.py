"""Buckets are made, found, set up, emptied and deleted."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.e2e.dashboard.conftest import PASSWORD
from tests.e2e.dashboard.visitor import Visitor
from tests.servers.store import Server

pytestmark = [pytest.mark.e2e, pytest.mark.postgresql_only]

SETTINGS = "/ui/buckets/my-photos/settings/"
FILL = """async () => {
  const token = document.querySelector("meta[name=csrf-token]").content;
  const headers = {"X-CSRFToken": token};
  const steps = [["PUT", "a"], ["PUT", "a"], ["PUT", "b"], ["DELETE", "b"]];
  for (const [method, key] of steps) {
    const path = `/buckets/my-photos/objects/${key}`;
    const body = method === "PUT" ? "twelve bytes" : undefined;
    const answer = await fetch(path, {method, headers, body});
    if (!answer.ok) throw new Error(await answer.text());
  }
}"""


def test_a_bucket_from_its_name_to_its_end(
    console: Server, chief: Visitor, visit: Callable[..., Visitor]
) -> None:
    page = chief.open("/ui/")
    page.get_by_role("button", name="New bucket").first.click()
    dialog = page.get_by_role("dialog", name="New bucket")
    name = dialog.get_by_label("Name", exact=True)
    name.press_sequentially("my..photos")
    expect(dialog).to_contain_text("Two dots may not stand beside each other")
    name.fill("my-photos")
    expect(dialog).to_contain_text("/buckets/my-photos")
    dialog.get_by_label("Keep versions").check()
    chief.check_accessibility()
    dialog.get_by_role("button", name="Create").click()
    expect(page.get_by_text("Bucket my-photos is there")).to_be_visible()

    page.get_by_role("link", name="Settings").click()
    page.get_by_label("Public objects").check()
    page.get_by_role("button", name="Save visibility").click()
    expect(page.locator("#public-url")).to_contain_text("/buckets/my-photos/objects/")
    page.get_by_label("Bytes at most").fill("10 GiB")
    page.get_by_role("button", name="Save quota").click()
    expect(page.get_by_text("0 B of 10.0 GiB")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("chief")
    page.get_by_label("Only keys that begin with").fill("in/")
    page.get_by_role("button", name="Give access").click()
    chief.check_accessibility()
    page.get_by_role("button", name="Remove chief").click()
    page.get_by_role("button", name="Remove access").click()
    expect(page.get_by_text("chief has this access no more")).to_be_visible()

    page.evaluate(FILL)
    page.reload()
    page.get_by_role("button", name="Empty", exact=True).click()
    dialog = page.get_by_role("dialog", name="Empty bucket my-photos?")
    for what in ("1 object", "2 older versions", "1 delete marker"):
        expect(dialog.get_by_role("listitem").filter(has_text=what)).to_be_visible()
    chief.check_accessibility()
    dialog.get_by_label("Type the bucket's name").fill("my-photos")
    dialog.get_by_role("button", name="Delete all for good").click()
    expect(page.get_by_text("4 versions are deleted for good")).to_be_visible()

    phone = visit(phone=True, dark=True)
    phone.sign_in("chief", PASSWORD)
    for path in ("/ui/", "/ui/new-bucket/", SETTINGS):
        phone.open(path)
        phone.check_accessibility()
        phone.check_width()
    phone.open("/ui/").get_by_label("Filter by name").press_sequentially("nowhere")
    expect(phone.page.get_by_text("No bucket has this in its name")).to_be_visible()
    expect(phone.page).to_have_url(re.compile("name=nowhere$"))

    plain = visit(javascript=False)
    plain.sign_in("chief", PASSWORD)
    plain.open(SETTINGS).get_by_label("Type the bucket's name").last.fill("my-photos")
    plain.page.get_by_role("button", name="Delete the bucket").click()
    expect(plain.page.get_by_text("Bucket my-photos is deleted")).to_be_visible()
    plain.open("/ui/new-bucket/").get_by_label("Name", exact=True).fill("My photos")
    plain.page.get_by_role("button", name="Create").click()
    expect(plain.page.get_by_role("alert")).to_contain_text("Use 3 to 63 lowercase")
    plain.forgive("400")
