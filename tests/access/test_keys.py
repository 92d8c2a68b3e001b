"""Everyone's keys, as administrators see them."""

import pytest

from objects_app.access import keys
from tests.access.people import make_key, make_user

pytestmark = pytest.mark.django_db


def test_everyones_keys_come_newest_first_in_pages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keys, "PAGE", 2)
    people = [make_user(name) for name in ("ann", "bob", "ann")]
    made = [make_key(user).row.key_id for user in people]
    first = keys.list_everyones_keys()
    assert first.next == made[1]
    rest = keys.list_everyones_keys(after=made[1])
    seen = [(held.user, held.row.key_id) for held in first.keys + rest.keys]
    assert seen == list(zip(("ann", "bob", "ann"), reversed(made), strict=True))
    assert rest.next is None


def test_one_users_keys_are_found_by_name() -> None:
    make_key(make_user("ann"))
    key = make_key(make_user("bob"))
    [held] = keys.list_everyones_keys(user="bob").keys
    assert held == ("bob", key.row)
    for user, after in (("bo", ""), ("", "unknown"), ("\0", "")):
        assert keys.list_everyones_keys(user=user, after=after).keys == []
