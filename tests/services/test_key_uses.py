"""When a key was last used: noted in memory, written in batches, never backwards."""

import time
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from django.db import OperationalError, connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from objects_app.access import accounts
from objects_app.access.keys import NewKey
from objects_app.models import AccessKey
from objects_app.services import key_uses
from tests.access.people import Caller, make_key, make_user, with_key, with_token
from tests.client import DataPlane

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]

PATH = "/buckets/photos/objects/a"


@pytest.fixture(autouse=True)
def nothing_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_uses, "_used", {})


@pytest.fixture
def key() -> NewKey:
    return make_key(make_user("chief", is_superuser=True))


def use(data_plane: DataPlane, caller: Caller) -> None:
    assert caller.ask(data_plane, "GET", "/auth/me").status == 200


def last_used(key: NewKey) -> datetime | None:
    return AccessKey.objects.get(key_id=key.row.key_id).last_used_at


def let_pass(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let that much time pass since what was noted, for this process alone."""
    later = time.monotonic() + seconds
    monkeypatch.setattr(time, "monotonic", lambda: later)


def test_a_get_with_a_remembered_key_takes_one_statement_and_writes_nothing(
    data_plane: DataPlane, key: NewKey
) -> None:
    caller = with_key(key)
    assert caller.ask(data_plane, "PUT", PATH, body=b"x").status == 201
    with CaptureQueriesContext(connection) as statements:
        assert caller.ask(data_plane, "GET", PATH).body == b"x"
    [statement] = statements
    assert statement["sql"].startswith("SELECT")
    assert last_used(key) is None


def test_the_first_get_looks_up_key_and_user_besides(
    data_plane: DataPlane, key: NewKey
) -> None:
    caller = with_key(key)
    assert caller.ask(data_plane, "PUT", PATH, body=b"x").status == 201
    accounts.forget()
    with CaptureQueriesContext(connection) as statements:
        caller.ask(data_plane, "GET", PATH)
    assert len(statements) == 3
    assert all(statement["sql"].startswith("SELECT") for statement in statements)


def test_a_flush_writes_once_what_was_noted_often(
    data_plane: DataPlane, key: NewKey
) -> None:
    for _ in range(3):
        use(data_plane, with_key(key))
    with CaptureQueriesContext(connection) as statements:
        key_uses.flush()
    assert len(statements) == 1
    assert last_used(key) is not None
    with CaptureQueriesContext(connection) as statements:
        key_uses.flush()
    assert len(statements) == 0


def test_the_moment_is_that_of_the_use_by_the_clock_of_the_database(
    data_plane: DataPlane, key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(data_plane, with_key(key))
    let_pass(monkeypatch, 3600)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    key_uses.flush()
    found = AccessKey.objects.filter(last_used_at__lt=Now() - timedelta(minutes=59))
    assert found.filter(last_used_at__gt=Now() - timedelta(minutes=61)).exists()


def test_the_moment_never_moves_backwards_whichever_node_writes_it(
    data_plane: DataPlane, key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(data_plane, with_key(key))
    of_this_node = key_uses._used
    moments = []
    with monkeypatch.context() as other_node:
        other_node.setattr(key_uses, "_used", {})
        use(data_plane, with_key(key))
        key_uses.flush()
        moments.append(last_used(key))
    assert key_uses._used is of_this_node
    let_pass(monkeypatch, 60)  # it comes to its flush a minute later
    key_uses.flush()
    moments.append(last_used(key))
    use(data_plane, with_key(key))
    key_uses.flush()
    moments.append(last_used(key))
    assert all(a is not None and b is not None and a <= b for a, b in pairwise(moments))
    assert moments[0] == moments[1]


def test_what_cannot_be_written_is_kept_for_the_next_time(
    data_plane: DataPlane, key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away:
        def filter(self, **_: object) -> None:
            raise OperationalError("the database is away")

    use(data_plane, with_key(key))
    with monkeypatch.context() as patched:
        patched.setattr(AccessKey, "objects", Away())
        with pytest.raises(OperationalError):
            key_uses.flush()
    key_uses.flush()
    assert last_used(key) is not None


def test_tokens_and_urls_of_a_key_are_uses_of_it_and_wrong_secrets_are_not(
    data_plane: DataPlane, key: NewKey
) -> None:
    wrong = Caller({"Authorization": f"Bearer {key.row.key_id}.wrong"})
    assert wrong.ask(data_plane, "GET", "/auth/me").status == 401
    assert key_uses._used == {}
    use(data_plane, with_token(make_user("chief"), key_id=key.row.key_id))
    assert list(key_uses._used) == [key.row.key_id]


def test_the_key_of_a_disabled_user_is_not_used(
    data_plane: DataPlane, key: NewKey
) -> None:
    chief = make_user("chief")
    chief.is_active = False
    chief.save()
    assert with_key(key).ask(data_plane, "GET", "/auth/me").status == 401
    assert key_uses._used == {}


def test_a_key_that_is_gone_is_no_matter(key: NewKey) -> None:
    key_uses.note(key.row.key_id)
    AccessKey.objects.all().delete()
    key_uses.flush()
    assert key_uses._used == {}
