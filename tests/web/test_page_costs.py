"""What each page asks of the database."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.screenshots.filling import fill
from tests.screenshots.screens import SCREENS

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

MOST_STATEMENTS = 10


def test_no_page_takes_more_than_ten_statements(client: Client) -> None:
    """Also the store that pictures are of is filled, and each address answers."""
    client.force_login(User.objects.create_superuser("chief"))
    places = fill()
    costs: dict[str, int] = {}
    for screen in SCREENS:
        path = screen.path.format(**places).replace("+00:00", "Z")
        with CaptureQueriesContext(connection) as made:
            answer = client.get(path)
            assert answer.status_code == 200, path
            getattr(answer, "getvalue", lambda: b"")()
        costs[screen.name] = len(made)
    dear = {name for name, n in costs.items() if n > MOST_STATEMENTS}
    assert not dear, costs
