"""Groups: made, joined, left, deleted when nothing hangs on them."""

import pytest
from django.contrib.auth.models import Group, User

from objects_app.access import groups
from objects_app.errors import GroupInUse, InvalidArgument, NoSuchGroup, NoSuchUser
from objects_app.models import Bucket, Grant, JournalEntry, Role
from tests.access.people import BY, make_key, make_user, with_key
from tests.client import DataPlane

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]


def journal() -> list[tuple[str, str]]:
    entries = JournalEntry.objects.exclude(operation="create_key").order_by("id")
    return list(entries.values_list("operation", "detail"))


def test_a_group_is_made_joined_left_and_deleted(alice: User) -> None:
    groups.create_group(name=" press/room ", by=BY)
    groups.add_member(name="press/room", user="alice", by=BY)
    assert groups.get_group(name="press/room") == ("press/room", 1, False)
    assert groups.groups_of_user(user_id=alice.pk) == ["press/room"]
    groups.remove_member(name="press/room", user="alice", by=BY)
    groups.delete_group(name="press/room", by=BY)
    assert groups.list_groups() == ([], None)
    assert journal() == [
        ("create_group", "press/room"),
        ("change_group", "press/room: alice joined"),
        ("change_group", "press/room: alice left"),
        ("delete_group", "press/room"),
    ]


def test_members_may_create_buckets_when_the_group_may(data_plane: DataPlane) -> None:
    caller = with_key(make_key(make_user("olga")))
    groups.create_group(name="press", by=BY)
    groups.add_member(name="press", user="olga", by=BY)
    for may in (True, False):
        groups.let_create(name="press", may_create=may, by=BY)
        told = caller.ask(data_plane, "GET", "/auth/me").json()
        assert told["may_create_buckets"] is may
        assert groups.get_group(name="press").may_create is may


def test_a_group_with_members_or_grants_is_not_deleted(alice: User) -> None:
    groups.create_group(name="press", by=BY)
    groups.add_member(name="press", user="alice", by=BY)
    with pytest.raises(GroupInUse):
        groups.delete_group(name="press", by=BY)
    groups.remove_member(name="press", user="alice", by=BY)
    bucket = Bucket.objects.create(name="photos", owner=alice)
    group = Group.objects.get()
    Grant.objects.create(bucket=bucket, group=group, role=Role.READER, prefix="in/")
    with pytest.raises(GroupInUse):
        groups.delete_group(name="press", by=BY)
    assert groups.grants_of_group(name="press") == [("photos", "reader", "in/")]


@pytest.mark.parametrize("name", ["", "  ", "x" * 151, "a\nb", "a\0", "PRESS"])
def test_what_is_no_name_of_a_new_group_is_refused(name: str) -> None:
    Group.objects.create(name="press")
    with pytest.raises(InvalidArgument):
        groups.create_group(name=name, by=BY)


def test_unknown_groups_and_users_are_said_to_be_so(alice: User) -> None:
    Group.objects.create(name="press")
    with pytest.raises(NoSuchUser):
        groups.add_member(name="press", user="nobody", by=BY)
    for name in ("other", "\0"):
        with pytest.raises(NoSuchGroup):
            groups.add_member(name=name, user="alice", by=BY)
    assert groups.list_groups(after="\0") == ([], None)


def test_pages_hold_every_group_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "PAGE", 2)
    for number in range(3):
        Group.objects.create(name=f"g{number}")
    first = groups.list_groups()
    assert first.next == "g1"
    rest = groups.list_groups(after="g1")
    assert [g.name for g in first.groups + rest.groups] == ["g0", "g1", "g2"]
    assert rest.next is None
