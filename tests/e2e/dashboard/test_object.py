"""One object in a real browser: its preview, its links, its past."""

import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.dashboard.conftest import PASSWORD
from tests.e2e.dashboard.pictures import japanese_pdf, pdf, wav
from tests.e2e.dashboard.visitor import Visitor
from tests.servers.store import Server

pytestmark = [pytest.mark.e2e, pytest.mark.postgresql_only]

FILM = Path(__file__).with_name("film.webm").read_bytes()
MARKDOWN = b"""# A *title*

<script>window.ran = 1</script>
<img src=x onerror="window.ran = 2" style="color: red"><svg onload="window.ran = 3">
<style>body { display: none }</style>
<iframe srcdoc="<script>parent.ran = 4</script>"></iframe>
<form action="https://evil.example"><input name=a></form>

[bad](javascript:window.ran=5) [good](https://example.com/) ![far](https://evil.example/x.png)

- [x] done

| a | b |
|---|---|
| 1 | 2 |

```python
def f(): return 1
```
"""
HTML = b"<!doctype html><script>window.ran = 6</script><body onload='window.ran = 7'>Hi"
SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40">'
    b"<script>parent.ran = 8</script><rect width='40' height='40' onload='ran = 9'/>"
    b"</svg>"
)
CSV = 'name,amount\n"Ann, ""the"" first",1.5\n' + "Bob,2\n" * 300
JSON = b'{"big": 12345678901234567890, "list": [1, {"a": []}], "text": "<b>\\"{[,"}'
SEEK = """(media, second) => new Promise((resolve, reject) => {
  const go = () => { media.currentTime = second; };
  media.addEventListener("error", () => reject(media.error));
  media.addEventListener("seeked", () => resolve([media.duration, media.currentTime]));
  media.addEventListener("loadedmetadata", go);
  if (media.readyState > 0) go();
})"""
# How many colours have more than a fiftieth of the picture.
COLOURS = """(canvas) => {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const counts = new Map();
  const words = new Uint32Array(data.buffer);
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts.values()].filter((count) => count > words.length / 50).length;
}"""

# Whether anything dark is in the picture.
INK = """(canvas) => {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  return new Uint8Array(data.buffer).some((part) => part < 128);
}"""


def put(visitor: Visitor, key: str, body: bytes, content_type: str = "") -> None:
    """Store an object as the one who is signed in."""
    token = visitor.page.locator("meta[name=csrf-token]").get_attribute("content")
    answer = visitor.page.request.put(
        f"/buckets/shelf/objects/{quote(key)}",
        data=body,
        headers={
            "X-CSRFToken": token or "",
            "Origin": visitor.url,
            "Content-Type": content_type or "application/x-www-form-urlencoded",
        },
    )
    assert answer.ok, answer.text()


def at(key: str, **parameters: str) -> str:
    return f"/ui/buckets/shelf/object?{urlencode({'key': key, **parameters})}"


def seek(visitor: Visitor, element: str, second: float) -> list[float]:
    """Let a film or sound go to a second; return its length and where it is then."""
    found: list[float] = visitor.page.locator(element).evaluate(SEEK, second)
    return found


def test_what_a_browser_knows_is_shown_and_films_and_sounds_can_be_sought(
    chief: Visitor,
) -> None:
    put(chief, "film.webm", FILM)
    put(chief, "tone.wav", wav(200))
    ranges: list[str] = []
    chief.page.on("request", lambda sent: ranges.append(sent.headers.get("range", "")))
    chief.open(at("film.webm"))
    assert seek(chief, "video", 7) == [10, 7]
    chief.check_accessibility()
    chief.open(at("tone.wav"))
    assert seek(chief, "audio", 150) == [200, 150]
    assert "bytes=0-" in ranges
    put(chief, "broken.png", b"no picture")
    chief.open(at("broken.png"))
    expect(chief.page.get_by_role("heading", name="No preview")).to_be_visible()


def test_a_pdf_is_drawn_page_by_page_as_it_comes_into_view(chief: Visitor) -> None:
    put(chief, "report.pdf", pdf(30))
    page = chief.open(at("report.pdf"))
    expect(page.locator("canvas")).to_have_count(30)
    first, last = page.locator("canvas").first, page.locator("canvas").last
    expect(first).to_have_attribute("data-drawn", "")
    expect(last).not_to_have_attribute("data-drawn", "")
    last.scroll_into_view_if_needed()
    expect(last).to_have_attribute("data-drawn", "")
    for canvas in (first, last):
        assert canvas.evaluate(COLOURS) == 3  # paper, rectangle, scan
    put(chief, "japanese.pdf", japanese_pdf())
    chief.open(at("japanese.pdf"))
    expect(page.locator("canvas")).to_have_attribute("data-drawn", "")
    assert page.locator("canvas").evaluate(INK)
    put(chief, "broken.pdf", b"%PDF-1.4 and no more")
    chief.open(at("broken.pdf"))
    expect(page.get_by_role("heading", name="No preview")).to_be_visible()


def test_nothing_that_people_stored_runs_here(chief: Visitor) -> None:
    for key, body in (("a.md", MARKDOWN), ("a.html", HTML), ("a.svg", SVG)):
        put(chief, key, body)
    page = chief.open(at("a.md"))
    text = page.locator(".markdown")
    expect(text.get_by_role("heading", name="A title")).to_be_visible()
    for bad in ("script", "img", "svg", "iframe", "form", "input", "[style]"):
        assert text.locator(bad).count() == 0
    expect(text.get_by_text("Picture: far")).to_be_visible()
    assert text.locator("a[href]").count() == 1
    good = text.get_by_role("link", name="good")
    expect(good).to_have_attribute("rel", "noopener noreferrer nofollow")
    expect(text.locator(".hljs-keyword").first).to_have_text("def")
    chief.check_accessibility()
    assert page.evaluate("window.ran ?? 0") == 0
    chief.open(at("a.html"))
    expect(page.get_by_text("window.ran = 6")).to_be_visible()
    chief.check_accessibility()
    assert page.evaluate("window.ran ?? 0") == 0
    chief.open(at("a.svg"))
    assert page.locator(".stage img").evaluate("(img) => img.naturalWidth") == 40
    assert page.evaluate("window.ran ?? 0") == 0


def test_data_is_shown_as_far_as_it_is_worth_it_on_a_dark_phone_too(
    chief: Visitor, visit: Callable[..., Visitor]
) -> None:
    for key, body, shown in (
        ("people.csv", CSV.encode(), 'Ann, "the" first'),
        ("data.json", JSON, '"big": 12345678901234567890,'),
        ("noise", bytes(range(256)) * 4, "No preview"),
        ("long.py", b"x = 1\n" * 100_000, "This is the beginning."),
    ):
        put(chief, key, body)
        page = chief.open(at(key))
        expect(page.get_by_text(shown).first).to_be_visible()
    phone = visit(phone=True, dark=True)
    phone.sign_in("chief", PASSWORD)
    for key in ("people.csv", "data.json"):
        phone.open(at(key))
        expect(phone.page.locator("[data-preview][aria-busy]")).to_have_count(0)
        phone.check_accessibility()
        phone.check_width()


def test_a_link_is_shared_with_somebody_who_cannot_sign_in(
    chief: Visitor, console: Server, browser: Browser
) -> None:
    put(chief, "gift.txt", b"for you")
    page = chief.open(at("gift.txt"))
    page.get_by_role("button", name="Share").click()
    dialog = page.get_by_role("dialog", name="Share gift.txt")
    dialog.get_by_label("The link works for").select_option("Another time")
    dialog.get_by_label("Hours").fill("3")
    dialog.get_by_label("File name of the download").fill("a present.txt")
    chief.check_accessibility()
    dialog.get_by_role("button", name="Make the link").click()
    link = dialog.locator("#shared-link").text_content() or ""
    expect(dialog.get_by_role("img", name="QR code of the link")).to_be_visible()
    expect(dialog.get_by_role("button", name="Copy the link")).to_be_focused()
    chief.check_accessibility()

    stranger = browser.new_context(accept_downloads=True)
    try:
        tab = stranger.new_page()
        with (
            tab.expect_download() as waiting,
            pytest.raises(Exception, match="ownload"),
        ):
            tab.goto(link)
        assert waiting.value.suggested_filename == "a present.txt"
        assert waiting.value.path().read_bytes() == b"for you"
    finally:
        stranger.close()
    longer = link.replace("X-Store-Expires=1", "X-Store-Expires=2")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(longer)
    assert link.startswith(f"{console.url}/buckets/shelf/objects/gift.txt?")


def test_tags_are_edited_and_versions_come_back(
    chief: Visitor, visit: Callable[..., Visitor]
) -> None:
    put(chief, "first", b"made the bucket")
    token = chief.page.locator("meta[name=csrf-token]").get_attribute("content")
    chief.page.request.patch(
        "/buckets/shelf",
        data={"versioning": "enabled"},
        headers={"X-CSRFToken": token or "", "Origin": chief.url},
    )
    for number in range(30):
        put(chief, "notes.txt", b"version %d" % number)

    page = chief.open(at("notes.txt"))
    page.get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog", name="Describe notes.txt")
    tags = dialog.get_by_role("group", name="Tags")
    tags.get_by_role("button", name="Add a tag").click()
    tags.get_by_label("Name").last.fill("project")
    tags.get_by_label("Value").last.fill("apollo")
    chief.check_accessibility()
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("project: apollo")).to_be_visible()

    rows = page.locator(".versions tbody tr")
    expect(rows).to_have_count(26)
    page.get_by_role("link", name="Older versions").click()
    expect(rows).to_have_count(30)
    rows.last.get_by_role("link").first.click()
    expect(page.get_by_text("This is an older version.")).to_be_visible()
    expect(page.get_by_text("version 0", exact=True)).to_be_visible()
    page.get_by_role("link", name="Show the latest").click()
    page.get_by_role("button", name="Restore this version").first.click()
    expect(page.get_by_text("it is the latest again")).to_be_visible()
    expect(page.locator(".code")).to_contain_text("version 28")

    rows.nth(1).get_by_role("button", name="Delete this version for good").click()
    dialog = page.get_by_role("dialog", name="Delete this version for good?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="More").click()
    page.get_by_role("link", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog", name="Delete notes.txt?")
    expect(dialog).to_contain_text("you can restore it")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("notes.txt is deleted.")).to_be_visible()

    plain = visit(javascript=False)
    plain.sign_in("chief", PASSWORD)
    page = plain.open(at("notes.txt"))
    expect(page.get_by_text("This object is deleted")).to_be_visible()
    page.get_by_role("button", name="Restore this version").first.click()
    expect(page.get_by_text("it is the latest again")).to_be_visible()
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Make the link").click()
    link = page.locator("#shared-link").text_content() or ""
    with urllib.request.urlopen(link) as answer:
        assert answer.read() == b"version 28"
