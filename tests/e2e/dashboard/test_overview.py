"""The overview in a real browser: charts, their tables, and both themes."""

from collections.abc import Callable

import pytest

from tests.e2e.dashboard.conftest import PASSWORD
from tests.e2e.dashboard.visitor import Visitor
from tests.servers.store import Server

pytestmark = [pytest.mark.e2e, pytest.mark.postgresql_only]

PUT = """async (key) => {
  const token = document.querySelector("meta[name=csrf-token]").content;
  const path = `/buckets/photos/objects/${key}`;
  const headers = { "X-CSRFToken": token };
  return (await fetch(path, { method: "PUT", headers, body: "x".repeat(5000) })).status;
}"""
MEASURE = (
    "from objects_app.services import figures, request_counts;"
    "figures.measure();"
    "[request_counts.note(status) for status in (200, 200, 404, 503)];"
    "request_counts.flush()"
)
COLOURS = """() => [...document.querySelectorAll("canvas")].map(
  (canvas) => Chart.getChart(canvas).data.datasets[0].borderColor)"""
DRAWN = """() => [...document.querySelectorAll("canvas")].every((canvas) => {
  const { width, height } = canvas;
  return canvas.getContext("2d").getImageData(0, 0, width, height).data.some(Boolean);
})"""


def test_figures_become_charts_with_a_table_behind_each(
    visit: Callable[..., Visitor], chief: Visitor, console: Server
) -> None:
    page = chief.open("/ui/overview/")
    assert page.get_by_text("No requests in this time").is_visible()
    chief.check_accessibility()
    for key in ("a", "b", "c"):
        assert page.evaluate(PUT, key) == 201
    measured = console.manage("shell", "--no-imports", "-c", MEASURE)
    assert measured.returncode == 0, measured.stderr

    page = chief.open("/ui/overview/")
    assert page.locator("canvas").count() == 3
    assert page.evaluate(DRAWN)
    page.get_by_text("answers").nth(1).wait_for()
    page.get_by_text("As a table").first.click()
    assert page.locator("#usage-table td").last.is_visible()
    light = page.evaluate(COLOURS)
    chief.check_accessibility()
    page.get_by_role("button", name="Appearance").click()
    page.get_by_role("button", name="Dark").click()
    dark = page.evaluate(COLOURS)
    assert len({*light, *dark}) == len({*light}) + len({*dark})
    chief.check_accessibility()
    page.get_by_role("link", name="Month").click()
    page.wait_for_url("**/ui/overview/?range=month")
    assert page.get_by_role("heading", name="per day").is_visible()

    phone = visit(phone=True, dark=True)
    phone.sign_in("chief", PASSWORD)
    phone.open("/ui/overview/")
    phone.check_width()
    plain = visit(javascript=False)
    plain.sign_in("chief", PASSWORD)
    page = plain.open("/ui/overview/")
    page.get_by_text("As a table").last.click()
    assert page.locator("#requests-table td", has_text="1").first.is_visible()
    page.get_by_role("link", name="Ask database and storage").click()
    assert page.get_by_text("answers").count() == 2
