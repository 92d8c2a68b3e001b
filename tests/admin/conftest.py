"""Somebody who may do all that the admin offers."""

import pytest
from django.contrib.auth.models import User
from django.test import Client


@pytest.fixture
def chief(client: Client, db: None) -> Client:
    """A client signed in as a superuser."""
    client.force_login(User.objects.create_superuser("chief"))
    return client
