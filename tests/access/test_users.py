"""Users as administrators change them, and what becomes of their credentials."""

import pytest
from django.contrib.auth.models import Group, Permission, User

from objects_app.access import users
from objects_app.errors import InvalidArgument, LastAdministrator, NoSuchUser
from objects_app.models import ConsoleSession, JournalEntry, OidcIdentity
from objects_app.services import identities
from tests.access.people import (
    BY,
    Caller,
    make_key,
    make_user,
    session,
    with_key,
    with_token,
)
from tests.client import DataPlane

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]

PASSWORD = "a horse of its own 1"


def journal() -> list[tuple[str, str]]:
    entries = JournalEntry.objects.order_by("id")
    return list(entries.values_list("operation", "detail"))


def me(data_plane: DataPlane, caller: Caller) -> int:
    return caller.ask(data_plane, "GET", "/auth/me").status


def names(**wanted: str) -> list[str]:
    return [user.name for user in users.list_users(**wanted).users]


def test_users_are_found_by_a_part_of_their_names_in_any_case() -> None:
    for name in ("Ann", "joanna", "bob", "a%b"):
        make_user(name)
    assert set(names(part="ann")) == {"Ann", "joanna"}
    assert names(part="%") == ["a%b"]
    assert names(part="\0") == []
    Group.objects.create(name="press").user_set.add(User.objects.get(username="bob"))
    assert names(group="press") == ["bob"]


def test_pages_hold_every_user_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "PAGE", 2)
    everybody = {f"user-{number}" for number in range(5)}
    for name in everybody:
        User.objects.create(username=name)
    seen: list[str] = []
    page = users.list_users()
    while page.next is not None:
        seen += [user.name for user in page.users]
        page = users.list_users(after=page.next)
    seen += [user.name for user in page.users]
    assert sorted(seen) == sorted(everybody)


def test_a_row_says_what_a_user_may() -> None:
    olga, ada = make_user("olga"), User(username="ada", is_active=False)
    olga.user_permissions.add(Permission.objects.get(codename="add_bucket"))
    olga.user_permissions.add(Permission.objects.get(codename="view_bucket"))
    ada.set_unusable_password()
    ada.save()
    OidcIdentity.objects.create(issuer="https://id", subject="ada", user=ada)
    row = users.get_user(name="olga")
    assert (row.may_create, row.is_active, row.has_password) == (True, True, True)
    row = users.get_user(name="ada")
    assert (row.may_create, row.is_active, row.has_password) == (False, False, False)
    assert identities.issuers_of(user_id=row.user_id) == ["https://id"]
    with pytest.raises(NoSuchUser):
        users.get_user(name="nobody")


def test_a_new_user_may_sign_in_and_nothing_else() -> None:
    password = users.create_user(name=" ﬁona ", by=BY)
    user = User.objects.get(username="fiona")
    assert user.check_password(password)
    assert (user.is_staff, user.is_superuser) == (False, False)
    assert user.get_all_permissions() == set()
    assert journal() == [("create_user", "fiona")]


@pytest.mark.parametrize(
    ("name", "password", "told"),
    [
        ("ALICE", PASSWORD, "taken"),
        ("Anonymous", PASSWORD, "taken"),
        ("..", PASSWORD, "dots alone"),
        ("", PASSWORD, "blank"),
        ("a/b", PASSWORD, "valid username"),
        ("a\0", PASSWORD, "valid username"),
        ("x" * 151, PASSWORD, "150"),
        ("bob", "short", "too short"),
        ("bob", "12345678901", "numeric"),
        ("bobbington", "bobbington", "similar"),
    ],
)
def test_what_is_no_user_is_refused(
    alice: User, name: str, password: str, told: str
) -> None:
    with pytest.raises(InvalidArgument, match=told):
        users.create_user(name=name, password=password, by=BY)
    assert User.objects.count() == 1
    assert journal() == []


def test_who_is_disabled_is_out_at_once_with_whatever_they_show(
    data_plane: DataPlane,
) -> None:
    olga = make_user("olga")
    by_key, by_token = with_key(make_key(olga)), with_token(olga)
    signed_in = session(olga)
    everything = (by_key, by_token, signed_in)
    assert [me(data_plane, caller) for caller in everything] == [200] * 3

    users.change_user(name="olga", changes={"is_active": False}, by=BY)

    assert [me(data_plane, caller) for caller in everything] == [401] * 3
    users.change_user(name="olga", changes={"is_active": True}, by=BY)
    assert [me(data_plane, caller) for caller in everything] == [200, 200, 401]
    assert journal()[1:] == [
        ("change_user", "olga: disabled"),
        ("change_user", "olga: enabled"),
    ]


def test_another_password_ends_sessions_and_tokens_and_leaves_keys(
    data_plane: DataPlane,
) -> None:
    olga = make_user("olga")
    callers = (with_key(make_key(olga)), with_token(olga), session(olga))
    assert [me(data_plane, caller) for caller in callers] == [200] * 3

    users.set_password(name="olga", password=PASSWORD, by=BY)

    assert [me(data_plane, caller) for caller in callers] == [200, 401, 401]
    assert journal()[-1] == ("change_password", "of olga")
    with pytest.raises(InvalidArgument):
        users.set_password(name="olga", password="olga", by=BY)
    with pytest.raises(NoSuchUser):
        users.set_password(name="nobody", password=PASSWORD, by=BY)


def test_what_a_user_may_is_given_and_taken(data_plane: DataPlane) -> None:
    olga = make_user("olga")
    make_user("chief", is_superuser=True)
    caller = with_key(make_key(olga))

    def told() -> tuple[bool, bool]:
        answer = caller.ask(data_plane, "GET", "/auth/me").json()
        return answer["superuser"], answer["may_create_buckets"]

    assert told() == (False, False)
    users.change_user(name="olga", changes={"may_create": True}, by=BY)
    assert told() == (False, True)
    users.change_user(
        name="olga", changes={"may_create": False, "is_superuser": True}, by=BY
    )
    assert told() == (True, True)
    assert User.objects.get(username="olga").is_staff
    users.change_user(name="olga", changes={"is_superuser": False}, by=BY)
    assert told() == (False, False)
    assert not User.objects.get(username="olga").is_staff
    assert journal()[2] == (
        "change_user",
        "olga: may create no buckets, an administrator now",
    )
    with pytest.raises(NoSuchUser):
        users.change_user(name="\ud800", changes={"may_create": True}, by=BY)


@pytest.mark.parametrize("change", ["is_active", "is_superuser"])
def test_the_last_administrator_stays(change: users.Change) -> None:
    make_user("chief", is_superuser=True)
    make_user("former", is_superuser=True, is_active=False)
    ConsoleSession.objects.all().delete()
    with pytest.raises(LastAdministrator):
        users.change_user(name="chief", changes={change: False}, by=BY)
    chief = User.objects.get(username="chief")
    assert (chief.is_active, chief.is_superuser) == (True, True)
    assert journal() == []
    users.change_user(name="former", changes={"is_active": True}, by=BY)
    users.change_user(name="chief", changes={change: False}, by=BY)
