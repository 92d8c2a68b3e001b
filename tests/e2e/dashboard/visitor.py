"""Somebody with a browser."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response

_SERIOUS = {"serious", "critical"}
# A transition of what is not drawn never ends.
_COLOURS_REST = """() => Promise.race([
  Promise.allSettled(
    document.getAnimations().filter(one => one instanceof CSSTransition)
      .map(one => one.finished)
  ),
  new Promise(resolve => setTimeout(resolve, 1000)),
]).then(() => null)"""
_AXE: dict[str, object] = {"preload": False, "resultTypes": ["violations"]}


class Visitor:
    """A page of a browser that notes what is wrong: see `complaints`.

    Noted are errors and warnings of the console, errors of scripts, requests to other
    origins, answers of 500 and above, and pages without a strict policy.
    """

    def __init__(
        self,
        browser: Browser,
        url: str,
        *,
        javascript: bool = True,
        phone: bool = False,
        dark: bool = False,
    ) -> None:
        self.url = url
        self.complaints: list[str] = []
        width, height = (390, 844) if phone else (1280, 800)
        self._context = browser.new_context(
            base_url=url,
            java_script_enabled=javascript,
            viewport={"width": width, "height": height},
            has_touch=phone,
            color_scheme="dark" if dark else "light",
            accept_downloads=True,
        )
        self._context.set_default_timeout(20_000)
        self.page: Page = self._context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self._note(f"script: {error}"))
        self.page.on("request", self._look_at_request)
        self.page.on("response", self._look_at_answer)

    def sign_in(self, name: str, password: str, leads_to: str = "/ui/") -> None:
        """Sign in at the login page."""
        self.page.goto("/ui/login/")
        self.page.fill("[name=username]", name)
        self.page.fill("[name=password]", password)
        self.page.click("button[type=submit]")
        self.page.wait_for_url(f"**{leads_to}")

    def open(self, path: str) -> Page:
        """Open a page and wait for what it loads."""
        answer = self.page.goto(path)
        self.page.wait_for_load_state("networkidle")
        assert answer is not None
        assert answer.ok, f"{path}: {answer.status}"
        return self.page

    def check_accessibility(self) -> None:
        """Note each serious finding of axe about what is shown once colours rest."""
        self.page.evaluate(_COLOURS_REST)
        found = Axe().run(self.page, options=_AXE).response["violations"]
        for finding in found:
            if finding["impact"] in _SERIOUS:
                where = [node["target"] for node in finding["nodes"]]
                self._note(f"axe: {finding['id']}: {finding['help']} {where}")

    def check_width(self) -> None:
        """Note when the page is wider than the screen."""
        wide = self.page.evaluate(
            "(page => page.scrollWidth - page.clientWidth)(document.documentElement)"
        )
        if wide > 0:
            self._note(f"{wide} pixels wider than the screen")

    def forgive(self, part: str) -> None:
        """Forget the complaints with this in them; fail when there are none."""
        left = [said for said in self.complaints if part not in said]
        assert left != self.complaints, f"nothing about {part}"
        self.complaints = left

    def leave(self) -> None:
        """Close the browser's window, and fail for what was noted."""
        self._context.close()
        assert not self.complaints, "\n".join(self.complaints)

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type in {"error", "warning"}:
            self._note(f"console: {said.text}")

    def _look_at_request(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self._note(f"another origin: {request.url}")

    def _look_at_answer(self, answer: Response) -> None:
        if answer.status >= 500:
            self._note(f"{answer.status}: {answer.url}")
        if answer.headers.get("content-type", "").startswith("text/html"):
            policy = answer.headers.get("content-security-policy", "")
            if "default-src 'none'" not in policy or "unsafe" in policy:
                self._note(f"policy of {answer.url}: {policy}")

    def _note(self, complaint: str) -> None:
        self.complaints.append(f"{self.page.url}: {complaint}")
