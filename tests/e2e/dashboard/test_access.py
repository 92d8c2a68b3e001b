"""Access and activity in a browser: from a key to what was done with it."""

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.dashboard.visitor import Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.postgresql_only]

SCREENS = [
    "/ui/keys/",
    "/ui/account/",
    "/ui/users/",
    "/ui/users/chief/",
    "/ui/groups/",
    "/ui/everyones-keys/",
    "/ui/lockouts/",
    "/ui/activity/",
]


def run(words: list[str], folder: Path) -> str:
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def test_a_key_is_made_used_as_the_page_says_and_revoked(
    chief: Visitor, tmp_path: Path
) -> None:
    page = chief.open("/ui/keys/")
    page.get_by_label("What it is for").fill("laptop")
    page.get_by_role("button", name="Make the key").click()
    page.get_by_text("Save the secret now").wait_for()
    chief.check_accessibility()
    page.get_by_role("button", name="Copy: Secret").click()
    page.get_by_text("Copied.").wait_for()
    key_id = page.locator("#key-id").inner_text()
    (tmp_path / "README.md").write_text("Hello")
    upload = shlex.split(page.locator("#curl-upload").inner_text())
    run([upload[0], "-sSf", *upload[1:]], tmp_path)
    program = page.locator("#python").inner_text()
    assert '"test"' in run([sys.executable, "-c", program], tmp_path)

    page = chief.open(f"/ui/activity/?key_id={key_id}")
    page.get_by_text("chief uploaded test/README.md").first.wait_for()
    page.get_by_label("What").select_option("create_bucket")
    page.get_by_text("chief uploaded").first.wait_for(state="detached")
    assert page.get_by_text("chief made bucket test").count() == 1
    assert "operation=create_bucket" in page.url
    with page.expect_download() as started:
        page.get_by_role("button", name="CSV").click()
    assert "create_bucket" in started.value.path().read_text()

    page = chief.open("/ui/keys/")
    page.get_by_role("button", name=f"Revoke: {key_id}").click()
    dialog = page.get_by_role("dialog", name="Revoke this key?")
    assert key_id in dialog.inner_text()
    dialog.get_by_role("button", name="Revoke").click()
    page.get_by_text(f"{key_id} works no more.").wait_for()


def test_a_user_is_made_signs_in_and_is_shut_out(
    visit: Callable[..., Visitor], chief: Visitor
) -> None:
    page = chief.open("/ui/users/")
    page.get_by_text("New user").click()
    page.get_by_label("Name", exact=True).fill("dora")
    page.get_by_role("button", name="Make the user").click()
    password = page.locator("#password").inner_text()
    page.get_by_role("button", name="I have saved it").click()
    page.get_by_role("button", name="Allow", exact=True).click()
    page.get_by_text("makes buckets").wait_for()
    dora = visit(javascript=False)
    dora.sign_in("dora", password, leads_to="/ui/password/")
    dora.page.fill("[name=old_password]", password)
    for name in ("new_password1", "new_password2"):
        dora.page.fill(f"[name={name}]", "staple-battery-horse")
    dora.page.get_by_role("button", name="Change it").click()
    dora.page.get_by_text("Your password is changed.").wait_for()
    assert dora.page.get_by_role("link", name="Users").count() == 0

    page.get_by_role("button", name="Disable").click()
    dialog = page.get_by_role("dialog", name="Disable this user?")
    dialog.get_by_role("button", name="Disable").click()
    page.get_by_role("button", name="Enable").wait_for()
    dora.page.goto("/ui/account/")
    assert "/ui/login/" in dora.page.url

    page = chief.open("/ui/users/")
    page.get_by_role("searchbox", name="Find by name").fill("DOR")
    page.get_by_role("link", name="chief", exact=True).wait_for(state="detached")
    page.get_by_role("link", name="dora").click()
    page.wait_for_url("**/ui/users/dora/")


@pytest.mark.parametrize("how", [{}, {"phone": True, "dark": True}], ids=str)
def test_each_screen_is_sound_wide_and_on_a_dark_phone(
    visit: Callable[..., Visitor], how: dict[str, bool]
) -> None:
    visitor = visit(**how)
    visitor.sign_in("chief", "correct-horse-battery")
    for path in SCREENS:
        visitor.open(path)
        visitor.check_accessibility()
        visitor.check_width()


def test_keys_and_activity_do_without_scripts(visit: Callable[..., Visitor]) -> None:
    plain = visit(javascript=False)
    plain.sign_in("chief", "correct-horse-battery")
    page = plain.open("/ui/keys/")
    if not page.get_by_label("What it is for").is_visible():
        page.get_by_text("New key").click()
    page.get_by_label("What it is for").fill("no scripts")
    page.get_by_role("button", name="Make the key").click()
    key_id = page.locator("#key-id").inner_text()
    page.get_by_role("button", name="I have saved it").click()
    page.get_by_role("button", name=f"Revoke: {key_id}").click()
    page.get_by_text(f"{key_id} works no more.").wait_for()
    page = plain.open("/ui/activity/")
    page.get_by_label("What").select_option("revoke_key")
    page.get_by_role("button", name="Filter").click()
    page.get_by_text("chief revoked an access key").first.wait_for()
