"""From folder to folder, with mouse, keyboard and finger."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Download, Locator, Page, expect

from tests.e2e.dashboard.visitor import Visitor
from tests.servers.store import Server

pytestmark = [pytest.mark.e2e, pytest.mark.postgresql_only]

ODD = [
    "a b+c%20&?#.txt",
    'it\'s "quoted".txt',
    "<script>alert(1)<.txt",
    "../up.txt",
    "emoji 😀.txt",
    "שלום.txt",
]
MOST_BYTES = 200 * 1024


ASK = """async (method, path, body) => {
  const token = document.querySelector("[name=csrf-token]").content;
  const headers = {"X-CSRFToken": token};
  const answer = await fetch(path, {method, headers, body});
  return [answer.status, await answer.text()];
}"""


def rest(page: Page, method: str, path: str, **how: Any) -> Any:
    """Ask the REST API as who is signed in."""
    body = json.dumps(how["json"]) if "json" in how else None
    answer = page.evaluate(f"how => ({ASK})(...how)", [method, path, body])
    assert answer[0] < 300, answer
    return answer[1]


def make(page: Page, bucket: str, keys: list[str], *, versioned: bool = False) -> None:
    """Make a bucket whose objects have their keys as content."""
    page.goto("/ui/")
    rest(page, "PUT", f"/buckets/{bucket}")
    if versioned:
        rest(page, "PATCH", f"/buckets/{bucket}", json={"versioning": "enabled"})
    for key in keys:
        page.evaluate(
            f"([path, key]) => ({ASK})('PUT', path, key)",
            [f"/buckets/{bucket}/objects?key={quote(key, safe='')}", key],
        )


def keys_of(page: Page, bucket: str) -> list[str]:
    """Return all keys that a bucket has."""
    listed = json.loads(rest(page, "GET", f"/objects?bucket={bucket}"))
    return [entry["key"] for entry in listed["objects"]]


def row(page: Page, name: str) -> Locator:
    """Return the row of that name."""
    return page.locator("tr[aria-selected]").filter(
        has=page.get_by_role("link", name=name, exact=True)
    )


def names(page: Page) -> list[str]:
    """Return the names that are shown."""
    return page.locator("tr[aria-selected] .name").all_inner_texts()


def shows(page: Page, *expected: str) -> None:
    """Wait until these names are shown, and no other."""
    expect(page.locator("tr[aria-selected] .name")).to_have_text(list(expected))


def enter(page: Page, name: str) -> None:
    """Open a folder."""
    row(page, name).locator(".name a").click()
    expect(page.locator(".crumbs [aria-current]")).to_have_text(name)


def choose(page: Page, name: str, action: str) -> None:
    """Choose something in a row's menu."""
    row(page, name).get_by_role("button").click()
    page.get_by_role("menuitem", name=action).click()


def archive(download: Download) -> dict[str, str]:
    """Return the content of a downloaded archive."""
    with zipfile.ZipFile(io.BytesIO(download.path().read_bytes())) as opened:
        return {name: opened.read(name).decode() for name in opened.namelist()}


def test_a_folder_is_browsed_selected_renamed_moved_zipped_deleted_and_brought_back(
    chief: Visitor,
) -> None:
    page = chief.page
    keys = [f"files/{name}" for name in ("a", "b", "c", "d")]
    make(page, "main", [*keys, "old/x/1", "old/2", "other/y"], versioned=True)
    chief.open("/ui/buckets/main/")
    chief.check_accessibility()
    shows(page, "files", "old", "other")
    enter(page, "files")
    shows(page, "a", "b", "c", "d")

    row(page, "a").get_by_role("checkbox").click()
    row(page, "c").get_by_role("checkbox").click(modifiers=["Shift"])
    bar = page.get_by_role("region", name="Selection")
    expect(bar.get_by_role("status")).to_have_text("3 files, 21 B")
    chief.check_accessibility()
    page.keyboard.press("Shift+ArrowUp")
    expect(bar.get_by_role("status")).to_have_text("2 files, 14 B")
    page.keyboard.press("Escape")
    expect(bar).to_be_hidden()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    page.keyboard.press("End")
    page.keyboard.press(" ")
    expect(bar.get_by_role("status")).to_have_text("2 files, 14 B")
    with page.expect_download() as zipped:
        bar.get_by_role("button", name="ZIP").click()
    assert archive(zipped.value) == {"b": "files/b", "d": "files/d"}

    page.keyboard.press("Delete")
    dialog = page.get_by_role("dialog", name="Delete 2 files?")
    expect(dialog).to_contain_text("you can undo it")
    chief.check_accessibility()
    dialog.get_by_role("button", name="Delete").click()
    expect(row(page, "d")).to_have_count(0)
    shows(page, "a", "c")
    page.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    expect(row(page, "d")).to_be_visible()
    shows(page, "a", "b", "c", "d")
    expect(page.locator("tr:focus")).to_have_count(1)

    page.get_by_role("link", name="main", exact=True).click()
    choose(page, "old", "Rename")
    page.get_by_role("textbox", name="New name").fill("other")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Something of this name is there already.")).to_be_visible()
    shows(page, "files", "old", "other")
    choose(page, "old", "Rename")
    page.get_by_role("textbox", name="New name").fill("new")
    page.keyboard.press("Enter")
    expect(row(page, "new")).to_be_focused()
    shows(page, "files", "new", "other")

    choose(page, "new", "Delete")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 keys")
    dialog.get_by_role("button", name="Delete").click()
    expect(row(page, "new")).to_have_count(0)
    page.get_by_role("button", name="Undo").last.click()
    expect(row(page, "new")).to_be_visible()
    assert keys_of(page, "main") == [*keys, "new/2", "new/x/1", "other/y"]

    choose(page, "other", "Move to")
    dialog = page.get_by_role("dialog", name="Move")
    dialog.get_by_role("button", name="new/").click()
    dialog.get_by_role("button", name="x/").click()
    expect(dialog.get_by_role("textbox", name="Folder")).to_have_value("new/x/")
    chief.check_accessibility()
    dialog.get_by_role("button", name="Move here").click()
    expect(row(page, "other")).to_have_count(0)
    row(page, "files").locator(".name a").drag_to(row(page, "new"))
    expect(row(page, "files")).to_have_count(0)
    moved = [f"new/{key}" for key in keys]
    assert keys_of(page, "main") == ["new/2", *moved, "new/x/1", "new/x/other/y"]


def test_what_stands_in_the_way_is_named_and_left_out_or_replaced(
    chief: Visitor,
) -> None:
    page = chief.page
    make(page, "clash", ["in/a", "in/b", "to/a"])
    chief.open("/ui/buckets/clash/?prefix=in%2F")
    page.get_by_role("checkbox", name="Select all").click()

    def copy_to() -> Locator:
        page.get_by_role("region").get_by_role("button", name="Copy").click()
        page.get_by_role("textbox", name="Folder").fill("to")
        page.get_by_role("button", name="Copy here").click()
        return page.get_by_role("dialog", name="Nothing has been changed")

    refused = copy_to()
    expect(refused.get_by_role("listitem")).to_have_count(1)
    expect(refused.get_by_role("listitem")).to_have_text(
        "a Something of this name is there already."
    )
    chief.check_accessibility()
    refused.get_by_role("button", name="Leave these out").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert keys_of(page, "clash") == ["in/a", "in/b", "to/a", "to/b"]
    assert rest(page, "GET", "/buckets/clash/objects/to/a") == "to/a"
    page.get_by_role("checkbox", name="Select all").click()
    with page.expect_response(lambda answer: answer.ok and "/batch" in answer.url):
        copy_to().get_by_role("button", name="Replace").click()
    assert rest(page, "GET", "/buckets/clash/objects/to/a") == "in/a"
    chief.forgive("409")


def test_names_of_any_kind_are_shown_filtered_tagged_and_made_into_folders(
    chief: Visitor, visit: Callable[..., Visitor]
) -> None:
    page = chief.page
    make(page, "odd", [*ODD, *(f"many/{number:03}" for number in range(230))])
    chief.open("/ui/buckets/odd/")
    assert set(names(page)) == {"many", "..", *ODD} - {"../up.txt"}
    for name in sorted(set(names(page)) & set(ODD)):
        choose(page, name, "Link")
        link = page.locator("#link-url").inner_text()
        assert rest(page, "GET", link.removeprefix(chief.url)) == name
        page.keyboard.press("Escape")
    enter(page, "..")
    choose(page, "up.txt", "Tags")
    page.get_by_role("textbox", name="Add").fill("project=apollo 11\nraw=")
    page.get_by_role("button", name="Change tags").click()
    expect(page.get_by_text("Tags of one file changed.")).to_be_visible()
    choose(page, "up.txt", "Tags")
    expect(page.get_by_text("Now: project=apollo 11, raw=")).to_be_visible()
    page.keyboard.press("Escape")
    found = json.loads(rest(page, "GET", "/search?bucket=odd&tag.project=apollo%2011"))
    assert [entry["key"] for entry in found["objects"]] == ["../up.txt"]

    page.get_by_role("link", name="odd", exact=True).click()
    for name in ODD[:3]:
        page.get_by_role("button", name="New folder").click()
        page.get_by_role("textbox", name="Name", exact=True).fill(f"{name}.d")
        page.get_by_role("button", name="Make it").click()
        expect(row(page, f"{name}.d")).to_be_focused()
    page.get_by_role("button", name="New folder").click()
    page.get_by_role("textbox", name="Name", exact=True).fill(" ")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="New folder")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="New folder")).to_be_hidden()
    row(page, f"{ODD[2]}.d").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="This folder is empty")).to_be_visible()

    chief.open("/ui/buckets/odd/?prefix=many%2F")
    page.get_by_role("searchbox", name="Show the names here").press_sequentially("22")
    expect(row(page, "019")).to_have_count(0)
    shows(page, *map(str, range(220, 230)))
    assert page.url.endswith("prefix=many%2F&q=22")
    page.get_by_role("searchbox", name="Show the names here").fill("")
    expect(row(page, "019")).to_be_visible()
    for loaded in (200, 230):
        page.locator("tr[aria-selected]").last.scroll_into_view_if_needed()
        expect(page.locator("tr[aria-selected]")).to_have_count(loaded)
    shows(page, *(f"{number:03}" for number in range(230)))
    row(page, "229").click()
    page.keyboard.press("F2")
    page.get_by_role("textbox", name="New name").fill("229.txt")
    page.keyboard.press("Enter")
    expect(row(page, "229.txt")).to_be_focused()

    phone = visit(phone=True, dark=True)
    phone.sign_in("chief", "correct-horse-battery")
    phone.open("/ui/buckets/odd/")
    row(phone.page, ODD[1]).get_by_role("checkbox").click()
    phone.check_width()
    phone.check_accessibility()
    choose(phone.page, "many", "Move to")
    phone.check_width()


def scrolls_far(page: Page) -> None:
    """Scroll until rows are folded away, select across them, and go back."""
    pages = page.locator(".files > tbody:not(.more)")
    rows = page.locator("tr[aria-selected]")
    rows.first.click()
    for count in range(2, 8):
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        expect(pages).to_have_count(count)
    expect(pages.nth(2).locator("tr")).to_have_count(0)
    rows.last.click(modifiers=["Shift"])
    expect(page.get_by_text("700 files, 3.4 KiB")).to_be_visible()
    expect(pages.nth(0).locator("tr")).to_have_count(0)
    page.keyboard.press("Home")
    expect(rows.first).to_be_focused()
    expect(rows.first).to_have_attribute("aria-selected", "true")
    expect(rows.first.get_by_role("checkbox")).to_be_checked()
    expect(pages.nth(6).locator("tr")).to_have_count(0)
    page.keyboard.press("Escape")
    page.keyboard.press("End")
    expect(rows.last).to_be_focused()
    expect(rows.last).to_have_attribute("aria-selected", "false")


def test_a_folder_of_very_many_keys_goes_as_a_job(
    chief: Visitor, console: Server, tmp_path: Path
) -> None:
    page = chief.page
    make(page, "large", ["all/0"])
    source = {"bucket": "large", "key": "all/0"}
    for batch in range(11):
        targets = [{"bucket": "large", "key": f"all/{batch}-{n}"} for n in range(1000)]
        copies = [{"op": "copy", "from": source, "to": target} for target in targets]
        rest(page, "POST", "/batch", json={"operations": copies})
    scrolls_far(chief.open("/ui/buckets/large/?prefix=all%2F"))
    chief.open("/ui/buckets/large/")
    choose(page, "all", "Delete")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("11,001 keys")
    expect(dialog).to_contain_text("it cannot be undone")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("progressbar", name="Deleting “all”")).to_be_visible()
    expect(page.get_by_role("link", name="of 11,001")).to_have_attribute(
        "href", "/ui/jobs/"
    )
    worker = console.begin("worker", log=tmp_path / "log")
    try:
        gone = page.get_by_role("heading", name="This bucket is empty")
        expect(gone).to_be_visible(timeout=60_000)
    finally:
        worker.kill()
        worker.wait()
    assert page.get_by_role("button", name="Undo").count() == 0


def test_what_went_wrong_is_shown_once_until_it_is_closed(chief: Visitor) -> None:
    page = chief.page
    make(page, "wrong", ["folder/a"])
    chief.open("/ui/buckets/wrong/")
    row(page, "folder").get_by_role("checkbox").check()
    page.get_by_role("button", name="Tags").click()
    page.get_by_role("button", name="Tags").click()
    said = page.get_by_role("alert")
    expect(said).to_have_count(1)
    expect(said).to_contain_text("Tags are of files")
    chief.check_accessibility()
    said.get_by_role("button", name="Close").click()
    expect(said).to_have_count(0)


def test_the_first_load_is_small(chief: Visitor) -> None:
    page = chief.page
    make(page, "small", [f"a name of some length {number}" for number in range(150)])
    sizes: dict[str, float] = {}
    started = page.context.new_cdp_session(page)
    started.send("Network.enable")
    started.send("Network.setCacheDisabled", {"cacheDisabled": True})
    started.on(
        "Network.loadingFinished",
        lambda told: sizes.update({told["requestId"]: told["encodedDataLength"]}),
    )
    chief.open("/ui/buckets/small/")
    assert len(sizes) > 10
    assert sum(sizes.values()) < MOST_BYTES


def test_a_bucket_is_read_without_scripts(
    chief: Visitor, visit: Callable[..., Visitor]
) -> None:
    make(chief.page, "plain", [f"in/{number:03}" for number in range(120)])
    plain = visit(javascript=False)
    plain.sign_in("chief", "correct-horse-battery")
    page = plain.open("/ui/buckets/plain/")
    page.get_by_role("link", name="in", exact=True).click()
    page.get_by_role("link", name="More").click()
    with page.expect_download() as file:
        page.get_by_role("link", name="Download: 119").click()
    assert file.value.path().read_text() == "in/119"
    page.get_by_role("searchbox", name="Show the names here").fill("10")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="105", exact=True)).to_be_visible()
    page.get_by_role("link", name="105", exact=True).click()
    expect(page).to_have_url(f"{plain.url}/ui/buckets/plain/object?key=in%2F105")
