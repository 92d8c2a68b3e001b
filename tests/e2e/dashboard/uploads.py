"""Uploads as a test makes and sees them."""

import hashlib
import random
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

from playwright.sync_api import CDPSession, Page, expect

from tests.e2e.dashboard.visitor import Visitor

MIB = 1024 * 1024


def make_files(folder: Path, sizes: dict[str, int], seed: int = 1) -> Path:
    """Write files of these sizes; the same seed makes the same."""
    source = random.Random(seed)  # noqa: S311 not for secrets
    for name, size in sizes.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for start in range(0, size, MIB):
                file.write(source.randbytes(min(MIB, size - start)))
    return folder


def digests(folder: Path) -> dict[str, str]:
    """Return each file's SHA-256 by its path within the folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


class Uploads:
    """A bucket of its own, open in somebody's browser, and what is seen of uploads."""

    def __init__(self, visitor: Visitor, bucket: str) -> None:
        self.visitor, self.bucket = visitor, bucket
        self.page: Page = visitor.page
        self.title = self.page.locator("#upload-title")
        self.panel = self.page.locator("#upload-panel")
        self._network = self.devtools()
        assert self.ask("PUT", f"/buckets/{bucket}").ok
        self.open()

    def ask(self, method: str, path: str, **json: Any) -> Any:
        """Ask the REST API with the session's cookie."""
        cookies = {c["name"]: c["value"] for c in self.page.context.cookies()}
        return self.page.context.request.fetch(
            path,
            method=method,
            headers={"X-CSRFToken": cookies["csrftoken"]},
            data=json or None,
        )

    def open(self, prefix: str = "") -> None:
        """Open a folder."""
        self.visitor.open(f"/ui/buckets/{self.bucket}/?prefix={prefix}")

    def pick(self, *paths: Path) -> None:
        """Choose files."""
        self.page.set_input_files("#upload-files", [str(path) for path in paths])

    def pick_folder(self, path: Path) -> None:
        """Choose a folder."""
        self.page.set_input_files("#upload-folder", str(path))

    def drop(self, *paths: Path) -> None:
        """Drop files and folders onto the page, as a file manager's window would."""
        files = [str(path) for path in paths]
        data = {"items": [], "files": files, "dragOperationsMask": 1}
        session = self.devtools()
        for kind in ("dragEnter", "dragOver", "drop"):
            session.send(
                "Input.dispatchDragEvent",
                {"type": kind, "x": 500, "y": 400, "data": data},
            )

    def devtools(self) -> CDPSession:
        """Return a session of the browser's own protocol."""
        return self.page.context.new_cdp_session(self.page)

    def slow(self, per_second: int, *, offline: bool = False) -> None:
        """Let no more bytes a second leave the page; 0: as many as can. Or none."""
        self._network.send(
            "Network.emulateNetworkConditions",
            {
                "offline": offline,
                "latency": 0,
                "downloadThroughput": -1,
                "uploadThroughput": per_second or -1,
            },
        )

    def press(self, name: str) -> None:
        """Press a button of the panel."""
        self.panel.get_by_role("button", name=name, exact=True).click()

    def choose(self, name: str) -> None:
        """Answer what shall be done with what is there already."""
        self.page.get_by_role("dialog").get_by_role("button", name=name).click()

    def expect_title(self, text: str, seconds: float = 30) -> None:
        """Wait until this is the panel's title."""
        expect(self.title).to_have_text(text, timeout=seconds * 1000)

    def expect_percent(self, least: int, tries: int = 300) -> None:
        """Wait until so much has been sent."""
        bar = self.panel.locator("> progress")
        while bar.evaluate("bar => bar.value") * 100 < least:
            tries -= 1
            assert tries > 0, "too little was sent"
            self.page.wait_for_timeout(100)

    def tolerate(self, part: str) -> None:
        """Forget complaints with this in them: a race makes them, or does not."""
        said = self.visitor.complaints
        self.visitor.complaints = [one for one in said if part not in one]

    def stored(self) -> dict[str, str]:
        """Return each object's SHA-256 by its key, of what the store sends."""
        had = self.page.context.cookies()
        cookies = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in had)
        found = {}
        for entry in self.ask("GET", f"/objects?bucket={self.bucket}").json()[
            "objects"
        ]:
            path = f"/buckets/{self.bucket}/objects?key={quote(entry['key'])}"
            wanted = Request(self.visitor.url + path, headers={"Cookie": cookies})
            with urlopen(wanted) as answer:
                digest = hashlib.file_digest(answer, "sha256")
            found[entry["key"]] = digest.hexdigest()
        return found
