"""Going back in time from the screen."""

from datetime import datetime, timedelta
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.template import Context, Template
from django.test import Client

from objects_app.models import Bucket, Grant, Job, Role, StoredObject
from objects_app.queries import sql
from objects_app.queries.rows import BucketRow
from objects_app.services import restore
from tests.histories import LONG_AGO, passed_moment
from tests.services.store import Store

pytestmark = pytest.mark.django_db


@pytest.fixture
def store(alice: User, client: Client) -> Store:
    client.force_login(alice)
    store = Store()
    store.bucket(owner=alice)
    return store


@pytest.fixture
def bucket(store: Store, alice: User) -> BucketRow:
    Bucket.objects.update(versioning="enabled", versioned_since=LONG_AGO)
    return store.bucket(owner=alice)


@pytest.fixture
def moment(store: Store, bucket: BucketRow) -> datetime:
    """When a/back, a/changed and a/kept were there; since then they changed."""
    for key in ("a/back", "a/changed", "a/kept"):
        store.put(key, b"then", bucket=bucket)
    moment = passed_moment()
    store.delete("a/back", bucket=bucket)
    store.put("a/changed", b"other now", bucket=bucket)
    store.put("a/new", b"new", bucket=bucket)
    return moment


def path(at: datetime | str, **more: str) -> str:
    text = at if isinstance(at, str) else at.isoformat()
    query = urlencode({"prefix": "a/", "at": text, **more})
    return f"/ui/buckets/test/restore/?{query}"


def present() -> set[str]:
    rows = StoredObject.objects.filter(is_latest=True, is_delete_marker=False)
    return set(rows.values_list("key", flat=True))


def test_what_a_restore_changes_is_shown_first(
    client: Client, moment: datetime
) -> None:
    answer = client.get(path(moment))
    found = answer.context["found"]
    assert [tuple(one) for one in found.named] == [
        ("a/back", None, 4),
        ("a/changed", 9, 4),
        ("a/new", 3, None),
    ]
    assert found[1:] == (1, 1, 1, 1, True, None)
    page = answer.content.decode()
    for words in ("comes back", "as it was", "is deleted", "9 B", "4 B"):
        assert words in page
    assert present() == {"a/changed", "a/kept", "a/new"}


def test_the_folder_is_restored_and_shown(client: Client, moment: datetime) -> None:
    answer = client.post(path(moment), follow=True)
    assert answer.redirect_chain == [("/ui/buckets/test/?prefix=a%2F", 302)]
    assert "As they were again: 2; deleted: 1;" in answer.content.decode()
    assert present() == {"a/back", "a/changed", "a/kept"}


def test_what_is_too_much_for_one_transaction_becomes_a_job(
    client: Client, moment: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore, "MOST_KEYS", 2)
    answer = client.post(path(moment), follow=True)
    job = Job.objects.get()
    assert answer.redirect_chain == [(f"/ui/jobs/{job.job_id}/", 302)]
    assert "You may leave this page" in answer.content.decode()


def test_a_long_list_of_changes_goes_on_after_a_key(
    client: Client, moment: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("objects_app.web.bucket_restore._PAGE", 2)
    page = client.get(path(moment)).content.decode()
    assert "after=a%2Fchanged" in page
    part = client.get(path(moment, after="a/changed"), headers={"HX-Request": "true"})
    assert [one.key for one in part.context["found"].named] == ["a/new"]
    assert part.content.decode().lstrip().startswith("<tr>")


def test_of_many_keys_only_the_first_thousands_are_counted(
    bucket: BucketRow, moment: datetime, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore, "_MOST_COMPARED", 2)
    found = client.get(path(moment)).context["found"]
    assert found[1:] == (1, 1, 0, 0, False, "a/changed")
    rest = restore.differences(
        bucket=bucket, prefix="a/", moment=moment, after="a/changed", limit=9
    )
    assert ([one.key for one in rest.named], rest.next_key) == (["a/new"], "a/new")


def test_nothing_to_restore_is_said(client: Client, moment: datetime) -> None:
    page = client.get(path(passed_moment())).content.decode()
    assert "Nothing to restore" in page
    assert "<form method=post" not in page


def test_a_moment_is_asked_for(client: Client, bucket: BucketRow) -> None:
    page = client.get("/ui/buckets/test/restore/").content.decode()
    assert "See what changes" in page
    assert 'type="datetime-local"' in page


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2999-01-01T00:00", "yet to come"),
        ("1999-01-01T00:00:00Z", "kept no versions then"),
        ("yesterday", "no date and time"),
    ],
)
def test_a_moment_that_cannot_be_is_answered_in_words(
    client: Client, bucket: BucketRow, at: str, said: str
) -> None:
    answer = client.get(path(at))
    assert answer.status_code == 400
    page = answer.content.decode()
    assert said in page
    assert 'type="datetime-local"' in page


def test_a_bucket_without_versions_has_no_past(client: Client, store: Store) -> None:
    page = client.get(path("2020-01-01T00:00")).content.decode()
    assert "There is no past to go back to" in page
    assert "datetime-local" not in page


def test_who_only_reads_restores_nothing(
    client: Client, bob: User, bucket: BucketRow, moment: datetime
) -> None:
    Bucket.objects.update(visibility="public-list")
    client.force_login(bob)
    for answer in (client.get(path(moment)), client.post(path(moment))):
        assert answer.status_code == 403
    assert present() == {"a/changed", "a/kept", "a/new"}


def control(bucket: BucketRow) -> str:
    shown = {"bucket": bucket, "prefix": "a/", "moment": None}
    return Template('{% include "parts/past.html" %}').render(Context(shown))


def test_the_control_offers_what_the_bucket_remembers(bucket: BucketRow) -> None:
    offered = {"An hour ago": 1, "A day ago": 24, "A week ago": 168}
    for hours, number in ((0.5, 0), (2, 1), (48, 2), (200, 3)):
        since = sql.clock() - timedelta(hours=hours)
        page = control(bucket._replace(versioned_since=since))
        assert sum(name in page for name in offered) == number
        assert f'min="{since + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S}"' in page


def test_without_a_past_there_is_no_control(bucket: BucketRow) -> None:
    assert not control(bucket._replace(versioned_since=None)).strip()


def folder(client: Client, at: str) -> str:
    answer = client.get(f"/ui/buckets/test/?{urlencode({'prefix': 'a/', 'at': at})}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_folder_as_it_was_leads_to_its_restore(
    client: Client, bucket: BucketRow, moment: datetime
) -> None:
    page = folder(client, moment.isoformat())
    assert "back</" in page
    assert "new</" not in page
    there = urlencode({"at": moment.isoformat().replace("+00:00", "Z")})
    assert f"/ui/buckets/test/restore/?prefix=a%2F&amp;{there}" in page


def test_a_moment_from_a_browser_without_scripts_is_in_utc(
    client: Client, moment: datetime
) -> None:
    later = moment + timedelta(seconds=1)
    page = folder(client, f"{later:%Y-%m-%dT%H:%M:%S}")
    assert f"{later:%Y-%m-%d %H:%M} UTC" in page


def test_who_only_reads_is_shown_the_past_and_no_restore(
    client: Client, bob: User, bucket: BucketRow, moment: datetime
) -> None:
    Grant.objects.create(bucket_id=bucket.id, user=bob, role=Role.READER)
    client.force_login(bob)
    page = folder(client, moment.isoformat())
    assert "You see this folder as it was on" in page
    assert "/restore/" not in page
