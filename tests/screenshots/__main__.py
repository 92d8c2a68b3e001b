"""Picture every screen: `python -m tests.screenshots [FOLDER] [--only NAME]`."""

import argparse
import io
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, sync_playwright
from tqdm import tqdm

from tests.screenshots.screens import SCREENS, Screen
from tests.servers.store import ROOT, Server, store_with_administrator

FOLDER = ROOT / "docs" / "screenshots"
MOST_BYTES = 60 * 1024
_PASSWORD = "correct-horse-battery"
# Nodes that only seem to be there are silent for long and not taken for lost.
_SETTINGS = {
    "ANONYMOUS_ACCESS": "none",
    "NODE_ID": "node-1",
    "HEARTBEAT_SECONDS": "600",
}
_QUALITIES = (82, 70, 55, 40, 25)


class Look(NamedTuple):
    """A size of screen and its colours."""

    size: str
    colours: str

    @property
    def context(self) -> dict[str, Any]:
        """What a browser's context is made with."""
        phone = self.size == "phone"
        return {
            "viewport": {"width": 390, "height": 844}
            if phone
            else {"width": 1280, "height": 800},
            "has_touch": phone,
            "color_scheme": self.colours,
            "reduced_motion": "reduce",
            "locale": "en-GB",
            "timezone_id": "UTC",
        }


LOOKS = tuple(Look(size, c) for size in ("wide", "phone") for c in ("light", "dark"))


def main(arguments: Sequence[str]) -> int:
    """Fill a store, picture its screens, write the index; return 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--only", action="append", choices=[s.name for s in SCREENS])
    options = parser.parse_args(arguments)
    wanted = [s for s in SCREENS if not options.only or s.name in options.only]
    options.folder.mkdir(parents=True, exist_ok=True)
    _collect_static_files()
    bar = tqdm(total=len(wanted) * len(LOOKS), unit="picture", desc="filling a store")
    with (
        tempfile.TemporaryDirectory(prefix="objectstore-screens-") as folder,
        store_with_administrator(Path(folder), _PASSWORD, **_SETTINGS) as server,
        bar,
    ):
        places = _fill(server)
        for name, look, picture in _pictures(server, wanted, places):
            path = options.folder / f"{name}-{look.size}-{look.colours}.webp"
            path.write_bytes(picture)
            bar.set_description(name)
            bar.update()
    _write_index(options.folder)
    return 0


def _collect_static_files() -> None:
    """Collect them before a store starts: it looks once what there is."""
    with tempfile.TemporaryDirectory() as folder:
        collected = Server(Path(folder), {}).manage("collectstatic", "--no-input")
    assert collected.returncode == 0, collected.stderr


def _fill(server: Server) -> dict[str, str]:
    filled = subprocess.run(
        [sys.executable, "-m", "tests.screenshots.demo"],
        cwd=ROOT,
        env=server.variables | {"DJANGO_SETTINGS_MODULE": "objectstore.settings"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    places: dict[str, str] = json.loads(filled.stdout)
    return {name: quote(value, safe="") for name, value in places.items()}


def _pictures(
    server: Server, wanted: Sequence[Screen], places: dict[str, str]
) -> Iterator[tuple[str, Look, bytes]]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        session = _sign_in(browser, server)
        for look in LOOKS:
            stranger = browser.new_context(base_url=server.url, **look.context)
            chief = browser.new_context(
                base_url=server.url, storage_state=session, **look.context
            )
            for screen in wanted:
                context = chief if screen.signed_in else stranger
                yield screen.name, look, _picture(context, screen, places)
            chief.close()
            stranger.close()
        browser.close()


def _sign_in(browser: Browser, server: Server) -> Any:
    context = browser.new_context(base_url=server.url)
    page = context.new_page()
    page.goto("/ui/login/")
    page.fill("[name=username]", "chief")
    page.fill("[name=password]", _PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/ui/")
    session = context.storage_state()
    context.close()
    return session


def _picture(context: BrowserContext, screen: Screen, places: dict[str, str]) -> bytes:
    page = context.new_page()
    failed: list[str] = []
    page.on(
        "response",
        lambda answer: None if answer.status < 400 else failed.append(answer.url),
    )
    page.goto(screen.path.format(**places))
    page.wait_for_load_state("networkidle")
    for element in screen.click:
        page.click(element)
        page.wait_for_load_state("networkidle")
    assert not failed, f"{screen.name}: {failed}"
    picture = page.screenshot(animations="disabled", caret="hide")
    page.close()
    return _small(picture)


def _small(picture: bytes) -> bytes:
    """Return it as WebP, in the best quality that is small enough."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    packed = b""
    for quality in _QUALITIES:
        target = io.BytesIO()
        image.save(target, "WEBP", quality=quality, method=6)
        packed = target.getvalue()
        if len(packed) <= MOST_BYTES:
            break
    return packed


def _write_index(folder: Path) -> None:
    lines = [
        "# Screenshots",
        "",
        "Every screen, made by `make screenshots` from a store that it fills.",
        "",
    ]
    for screen in SCREENS:
        names = [f"{screen.name}-{look.size}-{look.colours}.webp" for look in LOOKS]
        lines += [f"## {screen.title}", ""]
        lines += [
            f'<img src="{name}" alt="{screen.title}, {look.size}, {look.colours}"'
            f' width="{"38%" if look.size == "wide" else "11%"}">'
            for look, name in zip(LOOKS, names, strict=True)
        ]
        lines.append("")
    (folder / "README.md").write_text("\n".join(lines))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
