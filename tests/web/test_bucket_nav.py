"""The tabs of a bucket's screens."""

import pytest
from django.template.loader import render_to_string

from objects_app.access.principals import Principal
from objects_app.models import Bucket
from objects_app.queries import reads
from tests.access.people import make_user

pytestmark = pytest.mark.django_db


def test_the_tab_that_is_shown_is_told_to_screen_readers() -> None:
    Bucket.objects.create(name="photos", owner=make_user("olga"))
    nobody = Principal(label="anonymous", address="", on_this_machine=False)
    tabs = render_to_string(
        "parts/bucket_nav.html",
        {"principal": nobody, "bucket": reads.find_bucket("photos"), "tab": "files"},
    )
    assert tabs.count("<li>") == 1
    assert 'href="/ui/buckets/photos/"' in tabs
    assert tabs.count('aria-current="page"') == 1
