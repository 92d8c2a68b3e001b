"""What surrounds every screen."""

from collections.abc import Callable

import pytest

from tests.e2e.dashboard.visitor import Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.postgresql_only]


def test_the_menu_of_a_phone_opens_and_leads_on(
    visit: Callable[..., Visitor], chief: Visitor
) -> None:
    phone = visit(phone=True, dark=True)
    phone.sign_in("chief", "correct-horse-battery")
    phone.page.get_by_role("button", name="Menu").click()
    phone.page.get_by_role("link", name="Django admin").click()
    phone.page.wait_for_url("**/admin/")


def test_the_chosen_colours_stay(chief: Visitor) -> None:
    chief.page.get_by_role("button", name="Appearance").click()
    chief.page.get_by_role("button", name="Dark").click()
    chief.open("/ui/")
    chief.check_accessibility()
    assert chief.page.evaluate("document.documentElement.dataset.theme") == "dark"
