"""An empty store leads from the login to an upload, a link and a key, in few clicks."""

from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.dashboard.visitor import Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.postgresql_only]

MOST_CLICKS = 10


class Hand:
    """Clicks, and counts."""

    def __init__(self) -> None:
        self.clicks = 0

    def click(self, target: Locator) -> None:
        self.clicks += 1
        target.click()


def test_ten_clicks_lead_from_the_login_to_an_upload_a_link_and_a_key(
    chief: Visitor, tmp_path: Path
) -> None:
    page, hand = chief.page, Hand()
    chief.open("/ui/login/")
    page.fill("[name=username]", "chief")
    page.fill("[name=password]", "correct-horse-battery")
    hand.click(page.get_by_role("button", name="Sign in"))
    steps = page.get_by_role("region", name="First steps")
    expect(steps.get_by_role("listitem")).to_have_count(4)
    chief.check_accessibility()

    hand.click(steps.get_by_role("button", name="New bucket"))
    page.keyboard.type("my-first-bucket")
    hand.click(page.get_by_role("button", name="Create"))

    file = tmp_path / "hello.txt"
    file.write_text("Hello!")
    with page.expect_file_chooser() as chooser:
        hand.click(page.locator("#listing").get_by_role("button", name="Upload files"))
    chooser.value.set_files(file)
    uploaded = page.get_by_role("rowheader").get_by_role("link", name="hello.txt")
    expect(uploaded).to_be_visible()

    hand.click(uploaded)
    hand.click(page.get_by_role("button", name="Share"))
    sharing = page.get_by_role("dialog", name="Share hello.txt")
    hand.click(sharing.get_by_role("button", name="Make the link"))
    expect(sharing.locator("#shared-link")).to_contain_text("hello.txt?")

    hand.click(sharing.get_by_role("button", name="Done"))
    hand.click(page.get_by_role("link", name="Access keys"))
    hand.click(page.get_by_role("button", name="Make the key"))
    expect(page.get_by_text("curl").first).to_be_visible()
    assert hand.clicks <= MOST_CLICKS

    chief.open("/ui/")
    expect(page.get_by_role("link", name="my-first-bucket")).to_be_visible()
    expect(steps).to_have_count(0)
