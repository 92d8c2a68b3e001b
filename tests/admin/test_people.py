"""Users and groups are edited by superusers, and every edit is in the journal."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from objects_app.access import accounts
from objects_app.models import (
    Bucket,
    ConsoleSession,
    Grant,
    JournalEntry,
    Role,
    TemporaryPassword,
)
from tests.admin.pages import change, changelist
from tests.admin.test_actions import act, told

pytestmark = pytest.mark.django_db

PASSWORD = "correct-horse-battery"


def journal() -> list[tuple[str, str]]:
    entries = JournalEntry.objects.exclude(operation__in=("create_bucket",))
    return list(entries.order_by("-pk").values_list("operation", "detail"))


def new_user(chief: Client, name: str) -> Any:
    form = {
        "username": name,
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    return chief.post("/admin/auth/user/add/", form)


def test_a_user_is_added(chief: Client) -> None:
    assert new_user(chief, "dora").status_code == 302
    assert User.objects.get(username="dora").check_password(PASSWORD)
    assert journal() == [("create_user", "dora")]


@pytest.mark.parametrize("name", ["anonymous", "Anonymous", "ALICE", ".."])
def test_a_name_that_means_somebody_else_is_refused(
    chief: Client, alice: User, name: str
) -> None:
    assert new_user(chief, name).status_code == 200
    assert not User.objects.filter(username=name).exists()
    assert journal() == []


def test_what_changes_of_a_user_is_in_the_journal_and_counts_at_once(
    chief: Client, alice: User, django_capture_on_commit_callbacks: Any
) -> None:
    assert accounts.account(alice.pk) is not None
    creating = Permission.objects.get(codename="add_bucket")
    form = {"user_permissions": [creating.pk], "is_superuser": "on", "username": "x"}
    with django_capture_on_commit_callbacks(execute=True):
        assert chief.post(change(alice), form).status_code == 302

    alice.refresh_from_db()
    assert (alice.username, alice.is_superuser) == ("alice", False)
    account = accounts.account(alice.pk)
    assert account is not None
    assert account.may_create
    assert journal() == [("change_user", "alice: User permissions")]


def test_a_form_sent_unchanged_is_not_in_the_journal(
    chief: Client, alice: User
) -> None:
    assert chief.post(change(alice), {}).status_code == 302
    assert journal() == []


def test_a_new_password_ends_the_sessions_and_is_in_the_journal(
    chief: Client, alice: User, django_capture_on_commit_callbacks: Any
) -> None:
    hers = Client()
    hers.force_login(alice)
    TemporaryPassword.objects.create(user=alice)
    form = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    address = f"/admin/auth/user/{alice.pk}/password/"
    with django_capture_on_commit_callbacks(execute=True):
        assert chief.post(address, form).status_code == 302
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)
    assert "_auth_user_id" not in hers.get("/ui/password/").wsgi_request.session
    assert not TemporaryPassword.objects.exists()
    assert journal() == [("change_password", "of alice")]


def test_a_disabled_user_is_signed_out_until_enabled_again(
    chief: Client, alice: User
) -> None:
    Client().force_login(alice)

    act(chief, "disable", alice)
    assert User.objects.get(is_active=False) == alice
    assert not ConsoleSession.objects.filter(user=alice).exists()

    act(chief, "enable", alice)
    assert not User.objects.filter(is_active=False).exists()
    assert journal() == [
        ("change_user", "alice: enabled"),
        ("change_user", "alice: disabled"),
    ]


def test_administration_is_given_and_taken_but_not_from_the_last(
    chief: Client, alice: User
) -> None:
    act(chief, "promote", alice)
    assert User.objects.filter(is_superuser=True).count() == 2
    act(chief, "demote", alice)
    [text] = told(act(chief, "demote", User.objects.get(username="chief")))
    assert "last administrator" in text
    assert User.objects.get(is_superuser=True).username == "chief"


def test_nobody_is_deleted(chief: Client, alice: User) -> None:
    page = chief.post(f"/admin/auth/user/{alice.pk}/delete/", {"post": "yes"})
    assert page.status_code == 403
    act(chief, "delete_selected", alice)
    assert User.objects.filter(pk=alice.pk).exists()


def test_who_is_no_superuser_changes_nobody(client: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    names = ("view_user", "change_user", "add_user", "delete_user", "change_group")
    alice.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(alice)
    assert client.get(change(alice)).status_code == 200
    form = {"is_staff": "on", "email": "a@example.com"}
    assert client.post(change(alice), form).status_code == 403
    assert client.get("/admin/auth/user/add/").status_code == 403
    assert client.get("/admin/auth/group/add/").status_code == 403


def test_groups_are_made_changed_and_deleted_when_nobody_needs_them(
    chief: Client, alice: User
) -> None:
    assert chief.post("/admin/auth/group/add/", {"name": "team"}).status_code == 302
    group = Group.objects.get()
    assert chief.post(change(group), {"name": "crew"}).status_code == 302
    bucket = Bucket.objects.create(name="test")
    grant = Grant.objects.create(bucket=bucket, group=group, role=Role.READER)

    [*_, refused] = told(act(chief, "delete", group))
    assert "members or grants" in refused
    grant.delete()
    act(chief, "delete", group)

    assert not Group.objects.exists()
    assert journal() == [
        ("delete_group", "crew"),
        ("change_group", "crew: Name"),
        ("create_group", "team"),
    ]


def test_a_user_s_page_takes_few_statements_and_offers_what_has_an_effect(
    chief: Client, alice: User
) -> None:
    with CaptureQueriesContext(connection) as seen:
        page = chief.get(change(alice)).content.decode()
    assert len(seen) <= 10
    assert "Can add bucket" in page
    assert "Can delete blob" not in page
    assert f'href="/ui/users/{alice.username}/"' in page


def test_a_group_s_page_leads_to_the_dashboard(chief: Client) -> None:
    group = Group.objects.create(name="a & b")
    page = chief.get(change(group)).content.decode()
    assert 'href="/ui/groups/one?name=a+%26+b"' in page
    assert chief.get(changelist("auth_group", "a &")).context["cl"].result_list


@pytest.mark.parametrize("strange", ["abc", "\0", "9" * 30])
def test_an_action_on_what_can_be_no_row_is_refused(
    chief: Client, strange: str
) -> None:
    form = {"action": "promote", "_selected_action": strange, "confirmed": "yes"}
    assert chief.post(changelist("auth_user"), form).status_code == 400


@pytest.mark.parametrize("strange", ["abc", "\0"])
def test_a_form_that_names_what_can_be_no_row_is_refused(
    chief: Client, strange: str
) -> None:
    bob, bucket = User.objects.create(username="bob"), Bucket.objects.create(name="bob")
    assert chief.post(change(bob), {"groups": strange}).status_code == 400
    assert chief.post(change(bucket), {"owner": strange}).status_code == 400


def test_no_name_that_is_offered_has_a_nul(chief: Client) -> None:
    asked = {"app_label": "objects_app", "model_name": "bucket", "field_name": "owner"}
    answer = chief.get("/admin/autocomplete/", {**asked, "term": "a\0"})
    assert answer.json()["results"] == []
