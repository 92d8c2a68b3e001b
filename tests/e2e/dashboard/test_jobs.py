"""Jobs and unfinished uploads in a browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.e2e.dashboard.conftest import PASSWORD
from tests.e2e.dashboard.visitor import Visitor
from tests.servers.store import Server

pytestmark = [pytest.mark.e2e, pytest.mark.postgresql_only]

# Two jobs that wait for a worker, and two uploads that broke off.
BEGIN = """
from django.contrib.auth.models import User
from objects_app.queries.rows import Actor
from objects_app.services import buckets, jobs, multipart
from objects_app.services.objects import Description
from objects_app.services.prefixes import Work
by = Actor("chief", "node", "request")
chief = User.objects.get(username="chief").pk
new = buckets.NewBucket("work", chief)
bucket = buckets.create_bucket(new=new, by=by).row
for prefix in ("first/", "second/"):
    work = Work(bucket, prefix)
    jobs.create(kind="delete", work=work, keys_total=9, user_id=chief, by=by)
    multipart.create_upload(
        bucket=bucket, key=prefix + "film", description=Description("", {}, {}), by=by
    )
"""
FINISH = """
from objects_app.services import jobs
jobs.run_next(stop=lambda: False)
"""


def test_jobs_are_followed_and_cancelled_and_uploads_aborted(
    console: Server, chief: Visitor, visit: Callable[..., Visitor]
) -> None:
    begun = console.manage("shell", "-v0", "-c", BEGIN)
    assert begun.returncode == 0, begun.stderr
    page = chief.open("/ui/jobs/")
    row = page.get_by_role("row", name="Delete work/second/")
    expect(row).to_contain_text("waiting")
    chief.check_accessibility()

    row.get_by_role("button", name="Cancel").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("work/second/")
    chief.check_accessibility()
    dialog.get_by_role("button", name="Let it go on").click()
    expect(dialog).to_be_hidden()
    row.get_by_role("button", name="Cancel").click()
    dialog.get_by_role("button", name="Cancel the job").click()
    page.wait_for_url("**/ui/jobs/*/")
    expect(page.locator("#job")).to_contain_text("cancelled")

    page.get_by_role("link", name="Jobs").first.click()
    first = page.get_by_role("row", name="Delete work/first/")
    expect(first).to_contain_text("waiting")
    phone = visit(phone=True, dark=True)
    phone.sign_in("chief", PASSWORD)
    for path in ("/ui/jobs/", page.url, "/ui/buckets/work/uploads/"):
        phone.open(path)
        phone.check_width()
        phone.check_accessibility()
    assert console.manage("shell", "-v0", "-c", FINISH).returncode == 0
    expect(first).to_contain_text("done")  # by itself
    expect(page.locator("[hx-trigger]")).to_have_count(0)

    chief.open("/ui/buckets/work/uploads/")
    chief.check_accessibility()
    page.get_by_label("Choose first/film").check()
    page.get_by_role("button", name="Abort chosen").click()
    expect(dialog.get_by_role("listitem")).to_have_text(["first/film"])
    dialog.get_by_role("button", name="Abort", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("1 upload was aborted")
    page.get_by_role("button", name="Abort second/film").click()
    dialog.get_by_role("button", name="Abort", exact=True).click()
    expect(page.get_by_text("Nothing is on its way")).to_be_visible()
