"""Search as one types it, on any screen."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.e2e.dashboard.conftest import PASSWORD
from tests.e2e.dashboard.test_browser import make
from tests.e2e.dashboard.visitor import Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.postgresql_only]


def test_what_is_typed_is_found_marked_and_opened(
    chief: Visitor, visit: Callable[..., Visitor]
) -> None:
    page = chief.page
    keys = [f"2026/Summer/{number:02}.jpg" for number in range(60)]
    make(page, "photos", [*keys, "summer.pdf"])
    chief.open("/ui/buckets/photos/")
    page.keyboard.press("/")
    page.keyboard.type("summer.")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="summer.pdf")).to_be_visible()
    expect(page.locator("mark")).to_have_text(["summer."])

    page.get_by_label("Part of a name, or a pattern").fill("summer/")
    lines = page.locator("#results tbody tr")
    expect(lines).to_have_count(51)
    expect(page).to_have_url(re.compile(r"\?q=summer%2F$"))
    lines.last.scroll_into_view_if_needed()
    expect(lines).to_have_count(60)
    chief.check_accessibility()
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("At least").fill("nothing")
    expect(page.get_by_text("nothing is no size")).to_be_visible()
    page.get_by_label("At least").fill("1 MiB")
    expect(page.get_by_text("Nothing was found")).to_be_visible()
    page.get_by_label("At least").fill("")
    page.get_by_label("Part of a name, or a pattern").fill("*.pdf")
    expect(lines).to_have_count(1)
    page.get_by_role("link", name="summer.pdf").click()
    page.wait_for_url("**/object?key=summer.pdf")

    phone = visit(phone=True, dark=True)
    phone.sign_in("chief", PASSWORD)
    for query in ("", "?q=summer&bucket=photos"):
        phone.open(f"/ui/search/{query}")
        phone.check_accessibility()
        phone.check_width()

    plain = visit(javascript=False)
    plain.sign_in("chief", PASSWORD)
    plain.open("/ui/search/?q=summer").get_by_role("link", name="More").click()
    expect(plain.page.get_by_role("link", name="summer.pdf")).to_be_visible()
