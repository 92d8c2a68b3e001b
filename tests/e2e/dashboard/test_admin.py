"""The Django admin: the dashboard's login and looks, and actions that call services."""

import base64
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.e2e.dashboard.conftest import PASSWORD
from tests.e2e.dashboard.visitor import Visitor
from tests.e2e.wire import Wire
from tests.servers.store import Server

pytestmark = [pytest.mark.e2e, pytest.mark.postgresql_only]

TABLES = "/admin/objects_app"


def fill(console: Server) -> str:
    """Put two objects as chief does; return the key's ID."""
    made = console.manage("create_access_key", "chief")
    assert made.returncode == 0, made.stderr
    found = re.search(r"(OS[A-Z2-7]{16}):(\S+)", made.stdout)
    assert found is not None, made.stdout
    key = f"Authorization: Basic {base64.b64encode(found[0].encode()).decode()}"
    with Wire(console.port) as wire:
        for name in ("a/1", "a/2"):
            target = f"/buckets/admin-photos/objects/{name}"
            put = wire.ask("PUT", target, key, body=name.encode()).hear()
            assert put.status == 201
    return found[1]


def test_an_administrator_searches_acts_and_goes_back_to_the_dashboard(
    console: Server, chief: Visitor
) -> None:
    key_id = fill(console)
    page = chief.open(f"{TABLES}/storedobject/")
    page.fill("#searchbar", "admin-photos/a/2")
    page.press("#searchbar", "Enter")
    page.wait_for_url("**q=admin-photos*")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    chief.check_accessibility()
    page.get_by_role("link", name="a/2").click()
    expect(page.get_by_role("link", name="Open in the dashboard")).to_be_visible()
    chief.check_accessibility()
    page.get_by_role("link", name="Open in the dashboard").click()
    page.wait_for_url("**/ui/buckets/admin-photos/object?key=a%2F2")

    page = chief.open(f"{TABLES}/blob/")
    page.check("#action-toggle")
    page.select_option("[name=action]", "verify")
    page.click("button[name=index]")
    chief.check_accessibility()
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_text("2 blobs read.")).to_be_visible()
    page.get_by_role("link", name="Sweep now").click()
    page.get_by_role("button", name="Sweep now").click()
    expect(page.get_by_text("No worker leads")).to_be_visible()

    page = chief.open(f"{TABLES}/accesskey/?q={key_id}")
    page.check("#action-toggle")
    page.select_option("[name=action]", "revoke")
    page.click("button[name=index]")
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("Done: 1 row.")).to_be_visible()

    for path in ("/admin/", "/admin/auth/user/add/", f"{TABLES}/bucket/"):
        chief.open(path)
        chief.check_accessibility()
    page.get_by_role("link", name="admin-photos").click()
    page.locator(".select2-selection").click()
    page.locator(".select2-search__field").fill("chi")
    expect(page.locator(".select2-results__option--highlighted")).to_have_text("chief")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Dashboard", exact=True).click()
    page.wait_for_url("**/ui/")


def test_the_admin_fits_a_phone_in_the_dark(
    visit: Callable[..., Visitor],
) -> None:
    phone = visit(phone=True, dark=True)
    phone.sign_in("chief", PASSWORD)
    for path in ("/admin/", f"{TABLES}/journalentry/", "/admin/auth/group/add/"):
        phone.open(path)
        phone.check_accessibility()
        phone.check_width()
