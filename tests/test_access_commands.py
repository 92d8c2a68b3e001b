"""Commands of access: make and end keys, grant, rotate; a refusal is one sentence."""

import io

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from pytest_django import Settings

from objects_app.access import accounts
from objects_app.errors import StoreError
from objects_app.models import AccessKey, Bucket, Grant, JournalEntry, Role
from tests.access.keys import NEW, OLD, rotate
from tests.access.people import Caller, make_key, make_user, with_key
from tests.client import DataPlane

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]


def run(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out, stderr=io.StringIO())
    return out.getvalue().strip()


def refusal(*words: str) -> str:
    """Run what is refused; return the sentence."""
    with pytest.raises((CommandError, StoreError)) as refused:
        run(*words)
    told = str(refused.value)
    assert "\n" not in told
    return told


def journal() -> list[tuple[str, str, str]]:
    found = JournalEntry.objects.order_by("id")
    return [(e.operation, e.actor, e.detail) for e in found]


def me(data_plane: DataPlane, pair: str) -> dict[str, object]:
    caller = Caller({"Authorization": f"Bearer {pair.replace(':', '.', 1)}"})
    told: dict[str, object] = caller.ask(data_plane, "GET", "/auth/me").json()
    return told


@pytest.fixture(autouse=True)
def photos() -> Bucket:
    """A bucket of olga's; bob and the group staff are there, too."""
    make_user("bob")
    Group.objects.create(name="staff")
    return Bucket.objects.create(name="photos", owner=make_user("olga"))


# create_access_key


def test_a_new_key_is_printed_as_curl_takes_it(data_plane: DataPlane) -> None:
    pair = run("create_access_key", "olga")
    key_id, secret = pair.split(":")
    told = me(data_plane, pair)
    assert told["user"] == "olga"
    assert secret not in str(AccessKey.objects.values())
    made = f"{key_id} of olga"
    assert journal() == [("create_key", "create_access_key", made)]


def test_all_limits_may_be_chosen() -> None:
    pair = run(
        *("create_access_key", "olga", "--label", "for März", "--expires-in", "60"),
        *("--read-only", "--bucket", "photos", "--prefix", "in/"),
    )
    key = AccessKey.objects.get(key_id=pair.partition(":")[0])
    assert (key.label, key.read_only, key.only_bucket) == ("for März", True, "photos")
    assert key.only_prefix == "in/"
    assert key.expires_at is not None
    assert AccessKey.objects.filter(expires_at__gt=Now()).exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nobody",), "There is no user nobody: add one at /ui/users/ first."),
        (("\udcff",), "There is no user"),
        (("olga", "--expires-in", "0"), "1 second to 10 years"),
        (("olga", "--expires-in", "-5"), "1 second to 10 years"),
        (("olga", "--expires-in", "99999999999"), "1 second to 10 years"),
        (("olga", "--expires-in", "soon"), "invalid int value"),
        (("olga", "--label", "a\nb"), "printable"),
        (("olga", "--label", "\udcff"), "printable"),
        (("olga", "--bucket", "A"), "3 to 63"),
        (("olga", "--prefix", "in/"), "Name the bucket"),
        (("olga", "--bucket", "photos", "--prefix", "\udcff"), "not UTF-8"),
        (("olga", "--bucket", "photos", "--prefix", "x" * 1025), "1024"),
        ((), "required: USERNAME"),
    ],
)
def test_a_key_that_cannot_be_is_refused(words: tuple[str, ...], told: str) -> None:
    assert told in refusal("create_access_key", *words)
    assert not AccessKey.objects.exists()
    assert journal() == []


# revoke_access_key


def test_a_revoked_key_ends_and_it_is_said_when_at_last(
    data_plane: DataPlane, settings: Settings
) -> None:
    settings.ACCESS_CACHE_SECONDS = 2.5
    pair = run("create_access_key", "olga")
    key_id = pair.partition(":")[0]
    assert run("revoke_access_key", key_id) == (
        f"Revoked {key_id}: no node accepts it beyond 2.5 s from now."
    )
    assert me(data_plane, pair)["code"] == "invalid_credentials"
    run("revoke_access_key", key_id)
    assert [entry[0] for entry in journal()] == ["create_key", "revoke_key"]


@pytest.mark.parametrize("key_id", ["OSNONE", "", "x" * 1000, "\udcff", "a b"])
def test_a_key_that_is_none_cannot_be_revoked(key_id: str) -> None:
    assert "There is no key" in refusal("revoke_access_key", key_id)


# grant


def test_a_grant_is_given_changed_and_taken_back() -> None:
    assert run("grant", "photos", "bob", "reader") == (
        "Granted reader: user bob in photos."
    )
    assert Grant.objects.get().role == Role.READER
    run("grant", "photos", "bob", "owner")
    assert Grant.objects.get().role == Role.OWNER
    assert run("grant", "photos", "bob", "none") == (
        "No grant any more: user bob in photos."
    )
    assert not Grant.objects.exists()
    assert journal() == [
        ("grant", "grant", "reader to user bob for all keys"),
        ("grant", "grant", "owner to user bob for all keys"),
        ("revoke_grant", "grant", "user bob for all keys"),
    ]


def test_a_group_is_granted_a_prefix_as_it_is_written() -> None:
    for prefix in ("in/", "in", "in/2026-", "/", "in//"):
        run("grant", f"photos/{prefix}", "staff", "writer", "--group")
        grant = Grant.objects.get()
        assert (grant.group_id, grant.prefix) == (Group.objects.get().pk, prefix)
        run("grant", f"photos/{prefix}", "staff", "none", "--group")


def test_what_was_granted_over_rest_is_taken_back_by_the_command(
    data_plane: DataPlane,
) -> None:
    olga = with_key(make_key(make_user("olga")))
    given = olga.tell(
        data_plane,
        "PUT",
        "/buckets/photos/grants",
        user="bob",
        role="reader",
        prefix="in",
    )
    assert given.status == 200
    run("grant", "photos/in", "bob", "none")
    assert not Grant.objects.exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere", "bob", "reader"), "There is no bucket nowhere."),
        (("Photos", "bob", "reader"), "3 to 63"),
        (("\udcff", "bob", "reader"), "3 to 63"),
        (("photos", "nobody", "reader"), "There is no user nobody:"),
        (("photos", "staff", "reader"), "There is no user staff:"),
        (("photos", "\udcff", "reader"), "There is no user"),
        (("photos", "\udcff", "none"), "There is no user"),
        (("photos", "bob", "reader", "--group"), "There is no group bob:"),
        (("photos", "bob", "god"), "invalid choice"),
        (("photos/in/", "bob", "owner"), "owns the whole bucket"),
        (("photos/\udcff", "bob", "reader"), "not UTF-8"),
        (("photos/\udcff", "bob", "none"), "not UTF-8"),
        (("photos", "bob", "none"), "Nothing was granted to user bob"),
        (("photos/in/", "bob", "none"), "Nothing was granted to user bob for in/"),
    ],
)
def test_a_grant_that_cannot_be_is_refused(words: tuple[str, ...], told: str) -> None:
    assert told in refusal("grant", *words)
    assert not Grant.objects.exists()
    assert journal() == []


# rotate_secrets


@pytest.fixture
def old(settings: Settings) -> str:
    """A key made under the former SECRET_KEY."""
    settings.SECRET_KEY = OLD
    return run("create_access_key", "olga")


def test_rotated_secrets_work_without_the_former_secret_key(
    data_plane: DataPlane, settings: Settings, old: str
) -> None:
    rotate(settings)
    newer = run("create_access_key", "olga")
    assert run("rotate_secrets").startswith("Sealed 1 secrets anew.")
    settings.SECRET_KEY_FALLBACKS = []
    accounts.forget()
    assert me(data_plane, old)["user"] == me(data_plane, newer)["user"] == "olga"
    assert run("rotate_secrets").startswith("Sealed 0 secrets anew.")


def test_secrets_that_cannot_be_read_are_counted_and_left(
    data_plane: DataPlane, settings: Settings, old: str
) -> None:
    rotate(settings, keep_old=False)
    told = refusal("rotate_secrets")
    assert "1 cannot be read" in told
    assert "SECRET_KEY_FALLBACKS" in told
    accounts.forget()
    assert me(data_plane, old)["code"] == "invalid_credentials"
    settings.SECRET_KEY_FALLBACKS = [OLD]
    accounts.forget()
    assert me(data_plane, old)["user"] == "olga"


def test_rotation_is_in_the_journal_without_any_secret(
    settings: Settings, old: str
) -> None:
    rotate(settings)
    run("rotate_secrets")
    told = str(JournalEntry.objects.values())
    assert journal()[-1] == (
        "rotate_secrets",
        "rotate_secrets",
        "1 sealed anew, 0 unreadable",
    )
    for secret in (old.partition(":")[2], OLD, NEW):
        assert secret not in told
