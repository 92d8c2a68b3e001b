"""Actions ask first, call the services, write the journal, and say what happened."""

from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.test import Client

from objects_app.admin import storage
from objects_app.models import (
    AccessKey,
    Blob,
    ConsoleSession,
    Job,
    JournalEntry,
    Lease,
    Upload,
)
from objects_app.services import leadership, sweep
from tests.access.people import make_key
from tests.admin.pages import changelist
from tests.blobs.bodies import digest
from tests.services.store import ACTOR, Store
from tests.services.uploading import begin, put, upload_whole
from tests.stored import lose, replace, take_storage_away

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


def act(client: Client, action: str, *rows: Model, confirm: bool = True) -> Any:
    """Choose rows and an action in their list; return the page that it leads to."""
    form = {"action": action, ACTION_CHECKBOX_NAME: [str(row.pk) for row in rows]}
    if confirm:
        form["confirmed"] = "yes"
    else:
        form["index"] = "0"
    label = rows[0]._meta.label_lower.replace(".", "_")
    return client.post(changelist(label), form, follow=True)


def told(page: Any) -> list[str]:
    """Return the messages of a page."""
    return [str(message) for message in page.context["messages"]]


def journal() -> list[tuple[str, str, str]]:
    """Return who did what, newest first; logins aside."""
    others = ("create_bucket", "create_key", "put", "login_failed")
    entries = JournalEntry.objects.exclude(operation__in=others)
    return list(entries.order_by("-pk").values_list("actor", "operation", "detail"))


def test_a_key_is_revoked_once_that_is_confirmed(chief: Client, alice: User) -> None:
    key = AccessKey.objects.get(key_id=make_key(alice).row.key_id)

    asked = act(chief, "revoke", key, confirm=False)
    assert key.key_id in asked.content.decode()
    assert AccessKey.objects.filter(revoked_at=None).exists()

    page = act(chief, "revoke", key)
    assert not AccessKey.objects.filter(revoked_at=None).exists()
    assert told(page) == ["Done: 1 row."]
    assert journal() == [("chief", "revoke_key", key.key_id)]


def test_who_may_only_look_is_offered_no_action(client: Client, alice: User) -> None:
    key = AccessKey.objects.get(key_id=make_key(alice).row.key_id)
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    alice.user_permissions.set(Permission.objects.filter(codename="view_accesskey"))
    client.force_login(alice)

    page = client.get(changelist("accesskey")).content.decode()
    assert key.key_id in page
    assert 'name="action"' not in page
    act(client, "revoke", key)
    key.refresh_from_db()
    assert key.revoked_at is None


def test_an_action_is_for_chosen_rows_alone(chief: Client, alice: User) -> None:
    first, second = (make_key(alice).row.key_id for _ in range(2))
    row = AccessKey.objects.get(key_id=first)
    form = {
        "action": "revoke",
        ACTION_CHECKBOX_NAME: [str(row.pk)],
        "select_across": "1",
        "confirmed": "yes",
    }
    chief.post(changelist("accesskey"), form)
    assert AccessKey.objects.get(key_id=second).revoked_at is None


def test_chosen_blobs_are_read_back_and_what_is_lost_is_told(chief: Client) -> None:
    store = Store()
    for body in (b"sound", b"missing", b"damaged", b"not chosen"):
        store.put(body.decode(), body)
    lose(digest(b"missing"))
    replace(digest(b"damaged"), b"damagad")
    chosen = Blob.objects.exclude(sha256=digest(b"not chosen"))

    page = act(chief, "verify", *chosen)

    missing, damaged = digest(b"missing"), digest(b"damaged")
    assert told(page) == [
        f"{missing} is missing.",
        f"{damaged} is damaged.",
        "3 blobs read.",
    ]
    assert journal() == [
        ("chief", "verify", f"3 blobs read; lost: {missing}, {damaged}")
    ]


def test_a_verification_ends_in_time_and_says_what_it_left(
    chief: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store().put("a", b"a")
    monkeypatch.setattr(storage, "VERIFY_SECONDS", -1.0)

    page = act(chief, "verify", Blob.objects.get())

    assert told(page) == [
        "0 blobs read.",
        "1 not read: too long, or not stored at the moment.",
    ]


def test_a_storage_that_is_away_ends_a_verification(
    chief: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store().put("a", b"a")
    take_storage_away()
    [text] = told(act(chief, "verify", Blob.objects.get()))
    assert "blobs read" not in text
    assert journal() == []


def test_the_worker_is_asked_to_sweep_once_that_is_confirmed(chief: Client) -> None:
    assert "Sweep now" in chief.get(changelist("blob")).content.decode()
    asked = chief.get("/admin/objects_app/blob/sweep/")
    assert "The worker condemns" in asked.content.decode()
    assert sweep.sweep_if_asked(stop=lambda: False) is None

    page = chief.post("/admin/objects_app/blob/sweep/", follow=True)
    assert told(page) == [
        "No worker leads at the moment; the next one to do so sweeps."
    ]
    assert journal() == [("chief", "sweep", "")]
    assert sweep.sweep_if_asked(stop=lambda: False) is not None
    assert sweep.sweep_if_asked(stop=lambda: False) is None


def test_a_worker_that_leads_sweeps_at_once(chief: Client) -> None:
    Lease.objects.create(
        name=leadership.NAME, holder="node", expires_at="2999-01-01T00:00Z"
    )
    page = chief.post("/admin/objects_app/blob/sweep/", follow=True)
    assert told(page) == ["The worker sweeps now."]


def test_who_may_only_look_has_nothing_swept(client: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    alice.user_permissions.set(Permission.objects.filter(codename="view_blob"))
    client.force_login(alice)
    assert "Sweep now" not in client.get(changelist("blob")).content.decode()
    assert client.post("/admin/objects_app/blob/sweep/").status_code == 403
    assert not Lease.objects.exists()


def test_jobs_are_cancelled_and_those_that_ended_stay(chief: Client) -> None:
    running, done = (
        Job.objects.create(
            job_id=state,
            kind="move",
            state=state,
            bucket_id=1,
            actor=list(ACTOR),
            finished_at=end,
        )
        for state, end in (("running", None), ("done", "2026-01-01T00:00Z"))
    )
    page = act(chief, "cancel", running, done)
    assert told(page) == ["Done: 1 row.", "Jobs that had ended stay as they are."]
    states = Job.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["cancelled", "done"]
    assert journal() == [("chief", "cancel_job", "move running")]


def test_uploads_are_aborted_and_completed_ones_are_not(chief: Client) -> None:
    store = Store()
    upload = begin(store, "unfinished")
    put(upload, 1, b"part")
    upload_whole(store, "whole", b"whole")
    completed = Upload.objects.exclude(completed_at=None).get()

    page = act(chief, "abort", upload, completed)

    refused, done = told(page)
    assert done == "Done: 1 row."
    assert completed.upload_id in refused
    assert list(Upload.objects.all()) == [completed]
    entry = JournalEntry.objects.get(operation="abort_upload")
    assert (entry.actor, entry.bucket_name, entry.key) == (
        "chief",
        "test",
        "unfinished",
    )


def test_failed_logins_are_forgotten(chief: Client, alice: User) -> None:
    Client().post("/ui/login/", {"username": "alice", "password": "wrong"})
    act(chief, "forget", AccessAttempt.objects.get())
    assert not AccessAttempt.objects.exists()
    assert journal() == [("chief", "release_lock", "alice from 127.0.0.1")]


def test_sessions_are_ended_those_of_nobody_aside(chief: Client, alice: User) -> None:
    hers = Client()
    hers.force_login(alice)
    nobodys = ConsoleSession.objects.create(
        session_key="x", expire_date="2999-01-01T00:00Z"
    )
    page = act(chief, "end", ConsoleSession.objects.get(user=alice), nobodys)
    assert told(page) == ["Done: 1 row."]
    assert not ConsoleSession.objects.filter(user=alice).exists()
    assert journal() == [("chief", "end_session", "1 of alice")]
