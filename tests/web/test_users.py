"""Users, groups, everyone's keys and lock-outs on the screen, for administrators."""

import re

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries

from objects_app.access import keys, users
from objects_app.models import Allowance, Bucket, Grant, JournalEntry, Role
from objects_app.services import quotas
from tests.access.people import make_key, make_user
from tests.web.people import at_browser, chief_at_browser, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]

PASSWORD = "a horse of its own 1"
SCREENS = [
    "/ui/users/",
    "/ui/users/olga/",
    "/ui/groups/",
    "/ui/groups/one?name=press",
    "/ui/everyones-keys/",
    "/ui/lockouts/",
]


@pytest.fixture
def chief() -> Client:
    return chief_at_browser()


@pytest.fixture
def olga() -> User:
    return make_user("olga")


@pytest.mark.parametrize("path", SCREENS)
@pytest.mark.parametrize("method", ["get", "post"])
def test_whoever_is_no_administrator_learns_and_changes_nothing(
    olga: User, path: str, method: str
) -> None:
    Group.objects.create(name="press")
    charlie = at_browser("charlie")
    told = set()
    for there in (path, path.replace("olga", "nobody").replace("press", "none")):
        answer = getattr(charlie, method)(there, {"do": "delete", "is_active": "no"})
        assert answer.status_code in {403, 405}
        told.add(answer.content)
    assert len(told) == 1
    assert Group.objects.exists()
    assert not JournalEntry.objects.exists()


@pytest.mark.parametrize("path", SCREENS)
def test_strangers_are_sent_to_the_login(path: str) -> None:
    answer = Client(REMOTE_ADDR="192.0.2.1").get(path)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/ui/login/?next=")


@pytest.mark.parametrize("path", SCREENS)
def test_a_screen_takes_few_statements_however_many_there_are(
    olga: User,
    chief: Client,
    path: str,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    press = Group.objects.create(name="press")
    for number in range(70):
        user = User.objects.create(username=f"u{number:02}")
        press.user_set.add(user)
        make_key(user)
        Group.objects.create(name=f"g{number}")
    with django_assert_max_num_queries(12):
        assert chief.get(path).status_code == 200


@pytest.mark.parametrize("path", [path for path in SCREENS if "lock" not in path])
def test_a_form_needs_its_token(olga: User, path: str) -> None:
    Group.objects.create(name="press")
    chief = chief_at_browser(enforce_csrf_checks=True)
    answer = chief.post(path, {"name": "bob", "is_active": "no", "do": "delete"})
    assert answer.status_code in {403, 405}
    assert User.objects.filter(is_active=True).count() == 2
    assert Group.objects.exists()


def test_users_are_found_as_one_types(chief: Client, olga: User) -> None:
    for name in ("joanna", "bob"):
        make_user(name)
    answer = chief.get("/ui/users/?q=AN", headers={"hx-request": "true"})
    page = answer.content.decode()
    assert "<html" not in page
    assert re.findall(r"/ui/users/(\w+)/", page) == ["joanna"]
    assert "Nobody of that name" in words(chief, "/ui/users/", q="xyz")


def test_pages_of_users_follow_each_other(
    chief: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "PAGE", 2)
    for name in ("ann", "bob", "dora"):
        make_user(name)
    page = words(chief, "/ui/users/", q="")
    assert re.findall(r"/ui/users/(\w+)/", page) == ["ann", "bob"]
    [url] = re.findall(r'hx-get="([^"]+after=[^"]+)"', page)
    rest = chief.get(url.replace("&amp;", "&"), headers={"hx-request": "true"})
    assert re.findall(r"/ui/users/(\w+)/", rest.content.decode()) == ["chief", "dora"]


def test_a_user_is_made_with_a_password_that_is_shown_once(chief: Client) -> None:
    answer = chief.post("/ui/users/", {"name": "bob"})
    [password] = re.findall(r'id="password">([^<]+)<', answer.content.decode())
    assert answer["Cache-Control"] == "no-store"
    bob = User.objects.get(username="bob")
    assert bob.check_password(password)
    assert password not in words(chief, "/ui/users/bob/")
    assert password not in str(dict(chief.session))


def test_a_user_is_made_with_a_password_of_ones_own(chief: Client) -> None:
    answer = chief.post("/ui/users/", {"name": "bob", "password": PASSWORD})
    assert answer["Location"] == "/ui/users/bob/"
    assert User.objects.get(username="bob").check_password(PASSWORD)


def test_what_is_no_user_is_refused_on_the_page(chief: Client, olga: User) -> None:
    answer = chief.post("/ui/users/", {"name": "Olga", "password": PASSWORD})
    assert answer.status_code == 400
    page = answer.content.decode()
    assert "The name Olga is taken" in page
    assert PASSWORD not in page


def test_a_user_is_changed_one_thing_at_a_time(chief: Client, olga: User) -> None:
    def set_to(**sent: str) -> tuple[bool, bool, bool]:
        answer = chief.post("/ui/users/olga/", sent)
        assert answer["Location"] == "/ui/users/olga/"
        row = users.get_user(name="olga")
        return row.is_active, row.is_superuser, row.may_create

    assert set_to(may_create="yes") == (True, False, True)
    assert set_to(is_superuser="yes") == (True, True, True)
    assert set_to(is_active="no") == (False, True, True)
    page = words(chief, "/ui/users/olga/")
    assert "disabled" in page
    assert "Enable" in page
    assert set_to(is_active="yes", may_create="no", is_superuser="no") == (
        *(True, False, False),
    )
    before = JournalEntry.objects.count()
    assert set_to() == (True, False, False)
    assert JournalEntry.objects.count() == before


def test_the_last_administrator_is_told_so(chief: Client) -> None:
    for sent in ({"is_active": "no"}, {"is_superuser": "no"}):
        answer = chief.post("/ui/users/chief/", sent)
        assert answer.status_code == 409
        assert "chief is the last administrator" in answer.content.decode()


def test_a_password_is_set_or_made(chief: Client, olga: User) -> None:
    sent = {"do": "password", "password": PASSWORD}
    assert chief.post("/ui/users/olga/", sent).status_code == 302
    olga.refresh_from_db()
    assert olga.check_password(PASSWORD)
    answer = chief.post("/ui/users/olga/", {"do": "password"})
    [password] = re.findall(r'id="password">([^<]+)<', answer.content.decode())
    olga.refresh_from_db()
    assert olga.check_password(password)
    refused = chief.post("/ui/users/olga/", {"do": "password", "password": "olga"})
    assert refused.status_code == 400


def test_an_allowance_is_set_in_words_that_people_use(
    chief: Client, olga: User
) -> None:
    sent = {"do": "allowance", "buckets": "3", "bytes_quota": "1.5 GiB"}
    chief.post("/ui/users/olga/", {**sent, "objects_quota": "1,000"})
    owned = quotas.owned(user_id=olga.pk)
    assert owned[3:] == (3, 3 * 2**29, 1000)
    assert "1.5 GiB" in words(chief, "/ui/users/olga/")
    chief.post("/ui/users/olga/", {"do": "allowance", "buckets": ""})
    assert quotas.owned(user_id=olga.pk)[3:] == (None, 3 * 2**29, 1000)
    for wrong in ({"buckets": "-1"}, {"bytes_quota": "much"}, {"buckets": "9" * 12}):
        answer = chief.post("/ui/users/olga/", {"do": "allowance", **wrong})
        assert answer.status_code == 400
    assert Allowance.objects.get().buckets is None


def test_a_user_joins_and_leaves_groups_and_is_signed_out(
    chief: Client, olga: User
) -> None:
    Group.objects.create(name="press/room")
    there = at_browser(olga)
    chief.post("/ui/users/olga/", {"do": "join", "group": "press/room"})
    assert "press/room" in words(chief, "/ui/users/olga/")
    chief.post("/ui/users/olga/", {"do": "leave", "group": "press/room"})
    assert not olga.groups.exists()
    assert there.get("/ui/account/").status_code == 200
    chief.post("/ui/users/olga/", {"do": "sign_out"})
    assert there.get("/ui/account/").status_code == 302
    assert (
        chief.post("/ui/users/olga/", {"do": "join", "group": "none"}).status_code
        == 404
    )


def test_a_group_is_made_filled_emptied_and_deleted(chief: Client, olga: User) -> None:
    answer = chief.post("/ui/groups/", {"name": "press & co/a"})
    here = answer["Location"]
    assert here == "/ui/groups/one?name=press+%26+co%2Fa"
    chief.post(here, {"do": "add", "user": " olga "})
    assert "1 member" in words(chief, here)
    assert chief.post(here, {"do": "delete"}).status_code == 409
    chief.post(here, {"do": "remove", "user": "olga"})
    chief.post(here, {"may_create": "yes"})
    assert "makes buckets" in words(chief, here)
    assert "press &amp; co/a" in words(chief, "/ui/groups/")
    assert chief.post(here, {"do": "delete"})["Location"] == "/ui/groups/"
    assert not Group.objects.exists()
    assert chief.get(here).status_code == 404


def test_a_group_of_a_taken_name_is_refused_on_the_page(chief: Client) -> None:
    Group.objects.create(name="press")
    answer = chief.post("/ui/groups/", {"name": "Press"})
    assert answer.status_code == 400
    assert "The name Press is taken" in answer.content.decode()


def test_a_group_shows_its_grants_and_more_members_as_one_scrolls(
    chief: Client, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "PAGE", 1)
    press = Group.objects.create(name="press")
    press.user_set.add(olga, make_user("bob"))
    bucket = Bucket.objects.create(name="photos", owner=olga)
    Grant.objects.create(bucket=bucket, group=press, role=Role.READER)
    page = words(chief, "/ui/groups/one?name=press")
    assert "photos" in page
    assert "2 members" in page
    rest = chief.get(
        "/ui/groups/one?name=press&after=bob", headers={"hx-request": "true"}
    ).content.decode()
    assert re.findall(r"/ui/users/(\w+)/", rest) == ["olga"]


def test_everyones_keys_are_shown_and_those_of_one(
    chief: Client, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "PAGE", 1)
    mine, bobs = make_key(olga).row.key_id, make_key(make_user("bob")).row.key_id
    page = words(chief, "/ui/everyones-keys/")
    assert (bobs in page, mine in page) == (True, False)
    rest = chief.get(
        f"/ui/everyones-keys/?after={bobs}", headers={"hx-request": "true"}
    ).content.decode()
    assert mine in rest
    assert mine in words(chief, "/ui/everyones-keys/", user="olga")
    assert "No keys of nobody" in words(chief, "/ui/everyones-keys/", user="nobody")


def test_a_lock_is_shown_and_released(chief: Client) -> None:
    assert "Nobody is locked out" in words(chief, "/ui/lockouts/")
    AccessAttempt.objects.create(
        username="ann",
        ip_address="192.0.2.9",
        failures_since_start=5,
        attempt_time=now(),
    )
    page = words(chief, "/ui/lockouts/")
    assert "ann" in page
    assert "192.0.2.9" in page
    answer = chief.post("/ui/lockouts/", {"username": "ann", "address": "192.0.2.9"})
    assert answer["Location"] == "/ui/lockouts/"
    assert not AccessAttempt.objects.exists()


@pytest.mark.parametrize("address", ["everywhere", "192.0.2.9/33", "fe80::1%eth0"])
def test_a_lock_of_what_is_no_address_is_not_released(
    chief: Client, address: str
) -> None:
    answer = chief.post("/ui/lockouts/", {"username": "ann", "address": address})
    assert answer.status_code == 400
    assert f"{address} is no address" in answer.content.decode()


@pytest.mark.parametrize("sent", [{}, {"do": "nothing"}])
def test_a_form_that_says_nothing_of_a_group_changes_nothing(
    chief: Client, sent: dict[str, str]
) -> None:
    Group.objects.create(name="press")
    here = "/ui/groups/one?name=press"
    chief.post(here, {"may_create": "yes"})
    assert chief.post(here, sent)["Location"] == here
    assert "makes buckets" in words(chief, here)
