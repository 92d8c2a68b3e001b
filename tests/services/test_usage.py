"""How much there is, and what deduplication saved."""

import pytest
from django.contrib.auth.models import User

from objects_app.queries.rows import Totals
from objects_app.services import journal, sweep
from objects_app.services.usage import Usage, usage
from tests.services.store import Store

pytestmark = pytest.mark.django_db


def test_an_empty_store_uses_nothing() -> None:
    assert usage() == Usage({}, 0, 0, 0, 0, 0, 0)


def test_equal_contents_count_once_in_the_blobs_and_always_in_the_objects(
    store: Store, alice: User
) -> None:
    hers = store.bucket("hers", owner=alice)
    store.put("a", b"1234567890", bucket=hers)
    store.put("a", b"1234567890")
    store.put("b", b"1234567890")
    store.put("c", b"x")
    journal.fold()
    assert usage() == Usage(
        buckets={"hers": Totals(1, 10), "test": Totals(3, 21)},
        objects=4,
        objects_bytes=31,
        blobs=2,
        blobs_bytes=11,
        condemned=0,
        condemned_bytes=0,
    )


def test_what_waits_for_the_sweep_is_counted_apart(store: Store) -> None:
    store.put("a", b"12345")
    store.put("b", b"1")
    store.delete("a")
    assert (usage().blobs, usage().condemned) == (2, 0)
    sweep.sweep(grace_seconds=1000)
    told = usage()
    assert (told.blobs, told.blobs_bytes) == (1, 1)
    assert (told.condemned, told.condemned_bytes) == (1, 5)
