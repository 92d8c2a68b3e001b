"""Actions ask first, call the services, write the journal, and say what happened."""

from typing import Any

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.test import Client

from objects_app.models import AccessKey, JournalEntry
from tests.access.people import make_key
from tests.admin.pages import changelist

pytestmark = pytest.mark.django_db


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
    entries = JournalEntry.objects.exclude(operation__in=("create_key", "put"))
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
