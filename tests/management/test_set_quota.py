"""set_quota limits, and says how much of that is used."""

import io

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from objects_app.errors import InvalidArgument, NoSuchBucket
from objects_app.models import Allowance, Bucket, JournalEntry
from tests.services.store import Store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("set_quota", *words, stdout=out)
    return out.getvalue().strip()


def test_a_bucket_is_limited_and_what_it_holds_is_said(alice: User) -> None:
    store = Store()
    store.put("a", b"content", bucket=store.bucket("photos", owner=alice))
    assert run("--bucket", "photos", "--bytes", "10KiB") == (
        "Bucket photos holds 7 of 10,240 bytes and 1 of any number of objects."
    )
    assert run("--bucket", "photos", "--objects", "5").endswith("1 of 5 objects.")
    assert Bucket.objects.values_list("quota_bytes", "quota_objects").get() == (
        10_240,
        5,
    )
    run("--bucket", "photos", "--bytes", "none")
    assert Bucket.objects.get().quota_bytes is None
    assert JournalEntry.objects.filter(actor="set_quota").count() == 3


def test_without_limits_nothing_is_changed(alice: User) -> None:
    Store().bucket("photos", owner=alice)
    assert "0 of any number of bytes" in run("--bucket", "photos")
    assert "0 of any number of objects" in run("--user", "alice")
    assert not Allowance.objects.exists()
    assert not JournalEntry.objects.filter(actor="set_quota").exists()


def test_a_user_is_limited_over_all_buckets(alice: User) -> None:
    store = Store()
    store.put("a", b"content", bucket=store.bucket("photos", owner=alice))
    assert run("--user", "alice", "--buckets", "1", "--bytes", "1GiB") == (
        "alice owns 1 of 1 buckets, 7 of 1,073,741,824 bytes and 1 of any number of "
        "objects."
    )
    allowance = Allowance.objects.get(user=alice)
    assert (allowance.buckets, allowance.bytes_quota) == (1, 2**30)


@pytest.mark.parametrize("limit", ["-1", "many", "1e30", "9223372036854775808"])
def test_a_limit_that_is_none_is_refused(alice: User, limit: str) -> None:
    with pytest.raises(CommandError, match="a number like"):
        run("--user", "alice", f"--bytes={limit}")


def test_more_buckets_than_the_database_can_count_are_refused(alice: User) -> None:
    with pytest.raises(InvalidArgument):
        run("--user", "alice", "--buckets", "2147483648")


def test_only_users_have_a_number_of_buckets(alice: User) -> None:
    Store().bucket("photos", owner=alice)
    with pytest.raises(CommandError, match="--user"):
        run("--bucket", "photos", "--buckets", "1")


def test_whom_nobody_knows_cannot_be_limited(db: None) -> None:
    with pytest.raises(NoSuchBucket):
        run("--bucket", "photos", "--bytes", "1")
    with pytest.raises(InvalidArgument, match="no user nobody"):
        run("--user", "nobody", "--bytes", "1")
