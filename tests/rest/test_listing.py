"""GET /objects, held against the simplest model of a listing."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from objects_app.models import Blob, Bucket, StoredObject
from objects_app.services import listing
from tests.blobs.bodies import digest
from tests.client import DataPlane
from tests.rest.problem import assert_problem

pytestmark = pytest.mark.django_db


class Page(NamedTuple):
    """A page as the model sees it: bucket and key of objects, and prefixes."""

    objects: list[tuple[str, str]]
    prefixes: list[str]
    cursor: str | None


def page(data_plane: DataPlane, **parameters: str | int | None) -> Page:
    sent = {name: value for name, value in parameters.items() if value is not None}
    answer = data_plane.get(f"/objects?{urlencode(sent)}")
    assert answer.status == 200, answer.body
    told = answer.json()
    assert set(told) == {"objects", "prefixes", "next_cursor"}
    objects = [(listed["bucket"], listed["key"]) for listed in told["objects"]]
    return Page(objects, told["prefixes"], told["next_cursor"])


def add(bucket: Bucket, *keys: str) -> None:
    sha256 = digest(b"")
    blob, _ = Blob.objects.get_or_create(sha256=sha256, defaults={"size": 0})
    StoredObject.objects.bulk_create(
        StoredObject(
            bucket=bucket,
            key=key,
            blob=blob,
            sha256=sha256,
            size=0,
            etag=sha256,
            content_type="text/plain",
            node_id="n",
        )
        for key in keys
    )


def remove(bucket: Bucket, *keys: str) -> None:
    StoredObject.objects.filter(bucket=bucket, key__in=keys).delete()


@pytest.fixture
def bucket() -> Bucket:
    return Bucket.objects.create(name="test")


@contextmanager
def undone() -> Iterator[None]:
    """Take back what a block wrote: hypothesis runs many examples in one test."""
    with transaction.atomic():
        point = transaction.savepoint()
        yield
        transaction.savepoint_rollback(point)


LETTERS = "ab/-_%.A\U0010ffffé\n\ud7ff\ue000"
_TEXT = st.text(LETTERS, max_size=6)
_ANY = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8
)
KEYS = st.sets((_TEXT | _ANY).filter(bool), max_size=30)
DELIMITERS = (
    st.sampled_from(["", "/", "a", "ab", "//", "\U0010ffff", "é", "\n"]) | _TEXT
)
PREFIXES = st.just("") | st.text(LETTERS, max_size=3)


def model(
    keys: set[str], prefix: str, delimiter: str, after: str, seen_prefix: str | None
) -> list[tuple[str, bool]]:
    """Return (text, is a prefix) of a whole listing, by the definition."""
    entries: dict[tuple[str, bool], None] = {}
    for key in sorted(keys, key=str.encode):
        if not key.startswith(prefix) or key.encode() <= after.encode():
            continue
        if seen_prefix is not None and key.startswith(seen_prefix):
            continue
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        if end < 0:
            entries[key, False] = None
        else:
            entries[key[: end + len(delimiter)], True] = None
    return list(entries)


@given(
    keys=KEYS,
    later=st.lists(st.tuples(st.booleans(), _TEXT.filter(bool)), max_size=8),
    prefix=PREFIXES,
    delimiter=DELIMITERS,
    start_after=st.just("") | _TEXT,
    limit=st.integers(1, 12),
    batch=st.integers(1, 6),
)
@example(
    keys={"a\U0010ffff", "a\U0010ffffb", "b"},
    later=[],
    prefix="",
    delimiter="\U0010ffff",
    start_after="",
    limit=1,
    batch=1,
)
@example(
    keys={f"{letter}/{n}" for letter in "abcdef" for n in range(5)},
    later=[(True, "a/x"), (False, "c/0"), (True, "bb")],
    prefix="",
    delimiter="/",
    start_after="a/2",
    limit=2,
    batch=2,
)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_pages_are_what_the_model_says_while_keys_come_and_go(
    data_plane: DataPlane,
    bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
    keys: set[str],
    later: list[tuple[bool, str]],
    prefix: str,
    delimiter: str,
    start_after: str,
    limit: int,
    batch: int,
) -> None:
    monkeypatch.setattr(listing, "_FIRST_BATCH", batch)
    present, changes = set(keys), list(later)
    after, seen_prefix, cursor = start_after, None, None
    with undone():
        add(bucket, *present)
        while True:
            expected = model(present, prefix, delimiter, after, seen_prefix)
            got = page(
                data_plane,
                bucket="test",
                prefix=prefix,
                delimiter=delimiter,
                start_after=start_after,
                limit=limit,
                cursor=cursor,
            )
            assert got.objects == [
                ("test", text) for text, rolled in expected[:limit] if not rolled
            ]
            assert got.prefixes == [text for text, rolled in expected[:limit] if rolled]
            assert (got.cursor is None) == (len(expected) <= limit)
            if got.cursor is None:
                return
            cursor = got.cursor
            after, is_prefix = expected[limit - 1]
            seen_prefix = after if is_prefix else None
            for insert, key in [changes.pop() for _ in changes[:2]]:
                remove(bucket, key)
                present.discard(key)
                if insert:
                    add(bucket, key)
                    present.add(key)


def _present(bucket: Bucket) -> set[str]:
    return set(StoredObject.objects.filter(bucket=bucket).values_list("key", flat=True))


@given(
    stored=st.dictionaries(
        st.sampled_from(["aaa", "aaa.b", "aaa-b", "bbb", "zzz"]), KEYS, max_size=5
    ),
    later=st.lists(_TEXT.filter(bool), max_size=4),
    prefix=PREFIXES,
    limit=st.integers(1, 12),
    batch=st.integers(1, 3),
)
@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_without_a_bucket_everything_comes_by_bucket_and_key(
    data_plane: DataPlane,
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
    stored: dict[str, set[str]],
    later: list[str],
    prefix: str,
    limit: int,
    batch: int,
) -> None:
    monkeypatch.setattr(listing, "_BUCKET_BATCH", batch)
    cursor, place, changes = None, ("", ""), list(later)
    with undone():
        add(Bucket.objects.create(name="hers", owner=alice), "a", "b", "secret")
        buckets = {name: Bucket.objects.create(name=name) for name in stored}
        for name, keys in stored.items():
            add(buckets[name], *keys)
        while True:
            expected = sorted(
                (name, key)
                for name, keys in stored.items()
                for key in keys
                if key.startswith(prefix) and (name, key) > place
            )
            got = page(data_plane, prefix=prefix, limit=limit, cursor=cursor)
            assert got.objects == expected[:limit]
            assert got.prefixes == []
            assert (got.cursor is None) == (len(expected) <= limit)
            if got.cursor is None:
                return
            cursor, place = got.cursor, expected[limit - 1]
            if changes:
                name, key = place[0], changes.pop()
                remove(buckets[name], *stored[name] & {place[1]})
                stored[name] = stored[name] - {place[1]} | {key}
                add(buckets[name], *({key} - _present(buckets[name])))


def test_each_object_is_described(data_plane: DataPlane) -> None:
    put = data_plane.put("/buckets/test/objects/a.txt", b"Hello World").json()
    told = data_plane.get("/objects?bucket=test").json()
    assert told == {
        "objects": [
            {
                name: put[name]
                for name in (
                    "bucket",
                    "key",
                    "size",
                    "etag",
                    "sha256",
                    "content_type",
                    "version_id",
                    "created_at",
                    "node_id",
                )
            }
        ],
        "prefixes": [],
        "next_cursor": None,
    }
    assert data_plane.get("/objects").json() == told


def test_a_bucket_without_objects_is_an_empty_page(
    data_plane: DataPlane, bucket: Bucket
) -> None:
    assert page(data_plane, bucket="test") == Page([], [], None)
    assert page(data_plane) == Page([], [], None)


def test_a_page_has_a_thousand_entries_unless_told_less(
    data_plane: DataPlane, bucket: Bucket
) -> None:
    add(bucket, *(f"{n:05}" for n in range(1001)), *(f"x{n}/a" for n in range(1001)))
    first = page(data_plane, bucket="test")
    assert len(first.objects) == 1000
    assert first.cursor is not None
    rest = page(data_plane, bucket="test", delimiter="/", cursor=first.cursor)
    assert (len(rest.objects), len(rest.prefixes)) == (1, 999)
    assert rest.cursor is not None
    last = page(data_plane, bucket="test", delimiter="/", cursor=rest.cursor)
    assert (len(last.objects), len(last.prefixes), last.cursor) == (0, 2, None)


def test_an_exactly_full_last_page_has_no_cursor(
    data_plane: DataPlane, bucket: Bucket
) -> None:
    add(bucket, "a", "b")
    assert page(data_plane, bucket="test", limit=2).cursor is None
    assert page(data_plane, limit=2).cursor is None


@pytest.mark.parametrize(
    "limit",
    [
        "0",
        "1001",
        "-1",
        "1.5",
        "many",
        "1e3",
        "٣",
        "000000001999",
        "000000001" + "9" * 5000,
    ],
)
def test_a_limit_out_of_range_is_refused(
    data_plane: DataPlane, bucket: Bucket, limit: str
) -> None:
    answer = data_plane.get(f"/objects?{urlencode({'limit': limit})}")
    assert_problem(answer, 400, "invalid_argument")


@pytest.mark.parametrize("parameter", ["delimiter=/", "start_after=a"])
def test_folders_need_a_bucket(data_plane: DataPlane, parameter: str) -> None:
    answer = data_plane.get(f"/objects?{parameter}")
    assert_problem(answer, 400, "bucket_required")


def test_a_missing_bucket_is_404(data_plane: DataPlane) -> None:
    assert_problem(data_plane.get("/objects?bucket=none"), 404, "no_such_bucket")


def test_a_misspelt_parameter_is_refused(data_plane: DataPlane, bucket: Bucket) -> None:
    answer = data_plane.get("/objects?bucket=test&prefx=a")
    assert_problem(answer, 400, "invalid_argument")


def _cursor(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "nonsense!",
        "%FF",
        "é",
        _cursor(None),
        _cursor(7),
        _cursor({}),
        _cursor([1, 2, 3]),
        _cursor(["test", "a"]),
        _cursor(["test", "a", 1]),
        _cursor(["test", "\0", False]),
        _cursor(["test", "\ud800", False]),
        _cursor(["other", "a", False]),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
    ],
)
def test_a_cursor_that_is_not_ours_is_refused(
    data_plane: DataPlane, bucket: Bucket, cursor: str
) -> None:
    answer = data_plane.get(
        f"/objects?{urlencode({'bucket': 'test', 'cursor': cursor})}"
    )
    assert_problem(answer, 400, "invalid_argument")


def test_a_prefix_is_text_and_no_pattern(data_plane: DataPlane, bucket: Bucket) -> None:
    add(bucket, "a%b", "axb", "a_b", "a*b", "a\\b", "A%b")
    assert page(data_plane, bucket="test", prefix="a%").objects == [("test", "a%b")]
    assert page(data_plane, bucket="test", prefix="a_").objects == [("test", "a_b")]
    assert page(data_plane, bucket="test", prefix="a\\").objects == [("test", "a\\b")]


def test_the_last_character_of_unicode_is_a_prefix_like_any_other(
    data_plane: DataPlane, bucket: Bucket
) -> None:
    add(bucket, "z", "\U0010ffff", "\U0010ffff\U0010ffff")
    got = page(data_plane, bucket="test", prefix="\U0010ffff")
    assert len(got.objects) == 2


def test_a_listing_costs_a_few_statements_however_many_keys(
    data_plane: DataPlane, bucket: Bucket, django_assert_max_num_queries: Any
) -> None:
    add(bucket, *(f"{folder:02}/{n:03}" for folder in range(20) for n in range(100)))
    with django_assert_max_num_queries(2):
        assert len(page(data_plane, bucket="test").objects) == 1000
    with django_assert_max_num_queries(4):
        got = page(data_plane, bucket="test", delimiter="/")
    assert len(got.prefixes) == 20
