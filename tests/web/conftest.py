"""What the tests of several screens begin with."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.web.shelf import Shelf, client_of


@pytest.fixture
def shelf(alice: User, nothing_for_anybody: None) -> Shelf:
    """A bucket of alice's; nobody else may do anything."""
    return Shelf(alice)


@pytest.fixture
def her(alice: User) -> Client:
    """Alice's browser, signed in."""
    return client_of(alice)
