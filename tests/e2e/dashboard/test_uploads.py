"""Uploads from the browser screen: what people choose, and what comes in between."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Response, Route, expect

from tests.e2e.dashboard.conftest import PASSWORD
from tests.e2e.dashboard.uploads import MIB, Uploads, digests, make_files
from tests.e2e.dashboard.visitor import Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.postgresql_only]


def test_files_and_folders_are_picked_and_dropped(
    chief: Visitor, tmp_path: Path
) -> None:
    uploads = Uploads(chief, "chosen")
    many = {f"deep/er/{n:03}.bin": 10 + n for n in range(120)}
    odd = {"dropped/100% #1 ?&+ö.txt": 7, "dropped/empty": 0, "dropped/.hidden": 1}
    files = make_files(tmp_path, {**many, **odd, "one.txt": 4, "two.txt": 5 * MIB})
    uploads.open("here/")
    chief.page.evaluate(
        "document.addEventListener('store:changed', () => window.told = true)"
    )

    uploads.pick(files / "one.txt", files / "two.txt")
    uploads.expect_title("2 uploaded")
    assert chief.page.evaluate("window.told")
    uploads.drop(files / "dropped", files / "deep")
    uploads.expect_title("125 uploaded")
    chief.check_accessibility()
    uploads.open()
    uploads.pick_folder(files / "dropped")
    uploads.expect_title("3 uploaded")

    sent = digests(files)
    again = {key: value for key, value in sent.items() if key.startswith("dropped/")}
    assert uploads.stored() == {f"here/{key}": sent[key] for key in sent} | again


def test_what_is_there_already_is_asked_about_once(
    chief: Visitor, tmp_path: Path
) -> None:
    uploads = Uploads(chief, "asked")
    names = {"a.txt": 3, "b.tar.gz": 3, "c": 3}
    old = digests(make_files(tmp_path / "old", names, seed=1))
    new = digests(make_files(tmp_path / "new", {**names, "d": 6 * MIB}, seed=2))
    uploads.pick(*(tmp_path / "old").iterdir())
    uploads.expect_title("3 uploaded")

    uploads.pick(*(tmp_path / "new").iterdir())
    chief.check_accessibility()
    uploads.choose("Upload nothing")
    uploads.expect_title("3 uploaded")
    uploads.pick(*(tmp_path / "new").iterdir())
    uploads.choose("Skip")
    uploads.expect_title("4 uploaded, 3 skipped")
    assert uploads.stored() == {**old, "d": new["d"]}

    uploads.pick(*(tmp_path / "new").iterdir())
    uploads.choose("Keep both")
    uploads.expect_title("8 uploaded, 3 skipped")
    second = {f"{name} (2){end}": new[name + end] for name, end in KEPT}
    assert uploads.stored() == {**old, "d": new["d"], **second}

    uploads.pick(tmp_path / "new/a.txt", tmp_path / "new/c")
    chief.page.get_by_role("checkbox", name="Do the same").uncheck()
    uploads.choose("Keep both")
    uploads.choose("Replace")
    uploads.expect_title("10 uploaded, 3 skipped")
    expected = {
        **old,
        "d": new["d"],
        **second,
        "c": new["c"],
        "a (3).txt": new["a.txt"],
    }
    assert uploads.stored() == expected


KEPT = [("a", ".txt"), ("b.tar", ".gz"), ("c", ""), ("d", "")]


def test_nobody_s_file_is_replaced_that_came_meanwhile(
    chief: Visitor, tmp_path: Path
) -> None:
    """One upload is small, one large; both are asked about when it is too late."""
    uploads = Uploads(chief, "raced")
    files = make_files(tmp_path, {"large": 8 * MIB, "small": 3 * MIB})
    uploads.slow(4 * MIB)
    uploads.pick(*files.iterdir())
    uploads.expect_percent(10)
    for name in ("large", "small"):
        uploads.ask("PUT", f"/buckets/raced/objects/{name}", theirs=True)
    theirs = uploads.stored()
    uploads.slow(0)

    uploads.expect_title("0 uploaded, 2 failed")
    assert uploads.stored() == theirs
    uploads.press("Try small again")
    uploads.choose("Replace")
    uploads.press("Try large again")
    uploads.choose("Skip")
    uploads.expect_title("1 uploaded, 1 skipped")

    assert uploads.stored() == {**theirs, "small": digests(files)["small"]}
    chief.forgive("412")


def test_an_upload_goes_on_after_all_that_comes_in_between(
    chief: Visitor, tmp_path: Path
) -> None:
    """A pause, a lost line, a reload, a session that ended."""
    uploads = Uploads(chief, "patient")
    files = make_files(tmp_path, {"film": 80 * MIB, "a": 5, "b": 6})
    chief.page.on("dialog", lambda dialog: dialog.accept())
    uploads.slow(30 * MIB)
    uploads.pick(files / "film")
    uploads.expect_percent(15)
    uploads.press("Pause all")
    uploads.expect_title("Paused: 0 of 1 file")
    uploads.slow(0, offline=True)
    uploads.press("Go on with all")
    expect(uploads.panel).to_contain_text("You are offline.")
    uploads.slow(30 * MIB)
    uploads.expect_percent(40)

    chief.page.reload()
    left = chief.page.locator("#upload-left")
    expect(left).to_contain_text("1 file of this bucket")
    expect(left).to_contain_text("film (80 MiB)")
    chief.check_accessibility()

    offsets: list[int] = []
    chief.page.on("response", lambda answer: offsets.extend(offset_told(answer)))
    uploads.slow(30 * MIB)
    uploads.pick(files / "film", files / "a")
    uploads.expect_percent(50)
    uploads.press("Pause all")
    chief.page.context.clear_cookies(name="sessionid")
    uploads.press("Go on with all")
    expect(uploads.panel).to_contain_text("You are no longer signed in.")
    with chief.page.expect_response("**/ui/buckets/patient/*"):
        chief.page.evaluate("document.dispatchEvent(new Event('store:changed'))")
    with chief.page.expect_popup() as opened:
        uploads.panel.get_by_role("link", name="Sign in").click()
    elsewhere = opened.value
    elsewhere.fill("[name=username]", "chief")
    elsewhere.fill("[name=password]", PASSWORD)
    elsewhere.click("button[type=submit]")
    elsewhere.wait_for_url("**/ui/")
    elsewhere.close()
    uploads.slow(0)
    chief.page.evaluate("window.dispatchEvent(new Event('focus'))")  # back in this tab

    uploads.expect_title("2 uploaded")
    assert 16 * MIB <= min(offsets) <= max(offsets) < 80 * MIB
    assert uploads.stored() == {k: v for k, v in digests(files).items() if k != "b"}
    chief.open("/ui/buckets/patient/")
    expect(left).to_be_hidden()
    chief.forgive("ERR_INTERNET_DISCONNECTED")
    uploads.tolerate("401")  # unless the listing was the first to ask
    uploads.tolerate("409")  # asked while the store still keeps what arrived before


def offset_told(answer: Response) -> list[int]:
    """Return from where on an upload shall go on, if that is what was asked."""
    told = answer.request.method == "HEAD" and answer.headers.get("upload-offset")
    return [int(told)] if told else []


def test_what_is_refused_is_told_in_words_and_can_be_tried_again(
    chief: Visitor, tmp_path: Path
) -> None:
    uploads = Uploads(chief, "little")
    assert uploads.ask("PATCH", "/buckets/little", quota_objects=1).ok
    files = make_files(tmp_path, {"a": 5, "b": 3 * MIB, "c": 6 * MIB})
    uploads.pick(files / "a")
    uploads.expect_title("1 uploaded")

    uploads.pick(files / "b", files / "c")
    uploads.expect_title("1 uploaded, 2 failed")
    rows = uploads.panel.get_by_role("listitem")
    expect(rows).to_contain_text(["quota"] * 2)
    chief.check_accessibility()
    assert uploads.ask("PATCH", "/buckets/little", quota_objects=None).ok
    uploads.press("Try all that failed again")
    uploads.expect_title("3 uploaded")
    assert uploads.stored() == digests(files)
    chief.forgive("507")


def test_uploads_leave_what_is_selected_in_reach_and_what_is_cancelled_is_gone(
    chief: Visitor, tmp_path: Path
) -> None:
    uploads = Uploads(chief, "gone")
    files = make_files(tmp_path, {"film": 40 * MIB, "song": 4 * MIB, "word": 9})
    uploads.slow(MIB)
    with chief.page.expect_response("**/tus/") as begun:
        uploads.pick(*files.iterdir())
    uploads.expect_percent(5)
    uploads.press("Pause film")
    uploads.press("Pause song")
    uploads.expect_title("Paused: 1 of 3 files")
    chief.page.get_by_role("checkbox", name="Select all").click()
    with chief.page.expect_download():  # and no question whether to leave the page
        chief.page.get_by_role("button", name="ZIP").click()
    uploads.press("Go on with all")

    uploads.press("Cancel film")
    uploads.expect_title("Uploading: 1 of 2 files")
    uploads.press("Cancel all")
    uploads.expect_title("1 uploaded")

    assert list(uploads.stored()) == ["word"]
    upload = begun.value.headers["location"]
    told = {"Tus-Resumable": "1.0.0"}
    assert chief.page.context.request.head(upload, headers=told).status == 404


def test_files_are_uploaded_without_scripts(
    visit: Callable[..., Visitor], chief: Visitor, tmp_path: Path
) -> None:
    uploads = Uploads(chief, "plain")
    files = make_files(tmp_path, {"a": 5, "b": 3 * MIB})
    plain = visit(javascript=False, phone=True)
    plain.sign_in("chief", PASSWORD)
    plain.open("/ui/buckets/plain/?prefix=here/")
    plain.page.set_input_files("#files", [str(path) for path in files.iterdir()])
    plain.page.get_by_role("button", name="Upload", exact=True).click()

    expect(plain.page.get_by_role("status")).to_contain_text("2 files uploaded.")
    sent = digests(files)
    assert uploads.stored() == {f"here/{key}": sent[key] for key in sent}


def test_a_click_before_the_scripts_are_there_is_not_lost(
    chief: Visitor, tmp_path: Path
) -> None:
    uploads = Uploads(chief, "early")
    files = make_files(tmp_path, {"early.txt": 4})
    page, held = chief.page, list[Route]()
    page.route("**/uploads/index*.js", lambda route: held.append(route))  # noqa: PLW0108 it marks what it is given
    with page.expect_request("**/uploads/index*.js"):
        page.reload(wait_until="commit")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload files").first.click()
        held.pop().continue_()
    chooser.value.set_files(files / "early.txt")
    uploads.expect_title("1 uploaded")
