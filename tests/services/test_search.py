"""Searches find what a few lines of Python find, whichever way they go."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from objects_app.errors import InvalidArgument, SearchTooBroad
from objects_app.models import Blob, Bucket, Grant, Role, StoredObject
from objects_app.queries import globs, run
from objects_app.queries import search as queries
from objects_app.queries.rows import Scope
from objects_app.queries.search import Order
from objects_app.queries.search_conditions import Wanted
from objects_app.services import cursors, search

pytestmark = pytest.mark.django_db

# With a fraction: SQLite compares text, and the store always writes six decimals.
BEGINNING = datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)
KEYS = [
    "Photo.JPG",
    "a",
    "a%b",
    "a_b",
    "aXb",
    "cats/photo1.jpg",
    "cats/photo2.jpg",
    "cats/tom/Photo3.jpg",
    "logs/2026/a.txt",
    "logs/2026/b.txt",
    "logs/2027/a.txt",
    "straße/ÉTÉ.txt",
    "été\\σς.txt",
    "😀/new\nline.txt",
]
TYPES = ["text/plain", "text/plain; charset=utf-8", "image/jpeg", "Image/PNG"]
TAGS: list[dict[str, str]] = [{}, {"a": "1"}, {"a": "1", "b": ""}, {"a": "2"}]


class Entry(NamedTuple):
    """An object as the model knows it."""

    bucket: str
    key: str
    size: int
    content_type: str
    created_at: datetime
    tags: dict[str, str]
    metadata: dict[str, str]


@pytest.fixture
def entries(alice: User, bob: User) -> list[Entry]:
    """Objects in two buckets of alice's, one of bob's and one of nobody's; bob was
    granted logs/ and, through a group, logs/2026/ and cats/ of alice's first."""
    blob = Blob.objects.create(sha256="0" * 64, size=1)
    owners = {"zoo": alice, "animals": alice, "own": bob, "common": None}
    made: list[Entry] = []
    for number, (name, owner) in enumerate(owners.items()):
        bucket = Bucket.objects.create(name=name, owner=owner)
        for place, key in enumerate(KEYS[number:]):
            entry = Entry(
                name,
                key,
                place * 7 % 5,
                TYPES[place % 4],
                BEGINNING + timedelta(seconds=place * 5 % 7),
                TAGS[(place + number) % 4],
                {"camera": f"D{place % 3}"},
            )
            _insert(bucket, entry, blob)
            made.append(entry)
        for key in ("Photo.JPG", "gone/photo.jpg"):
            _insert_what_is_not_found(bucket, key, blob)
    group = Group.objects.create(name="readers")
    bob.groups.add(group)
    zoo = Bucket.objects.get(name="zoo")
    Grant.objects.create(bucket=zoo, user=bob, role=Role.READER, prefix="logs/")
    for prefix in ("logs/2026/", "cats/"):
        Grant.objects.create(bucket=zoo, group=group, role=Role.READER, prefix=prefix)
    return made


def _insert(bucket: Bucket, entry: Entry, blob: Blob) -> None:
    StoredObject.objects.create(
        bucket=bucket,
        key=entry.key,
        blob=blob,
        sha256=blob.sha256,
        size=entry.size,
        etag=blob.sha256,
        content_type=entry.content_type,
        tags=entry.tags,
        metadata=entry.metadata,
        created_at=entry.created_at,
    )


def _insert_what_is_not_found(bucket: Bucket, key: str, blob: Blob) -> None:
    """An old version, and of a key that has no other, a delete marker."""
    fields: dict[str, Any] = {"bucket": bucket, "key": key, "size": 0, "sha256": ""}
    StoredObject.objects.create(**fields, version_id="1", is_latest=False, blob=blob)
    if key != "Photo.JPG":
        StoredObject.objects.create(**fields, version_id="2", is_delete_marker=True)


@pytest.fixture(
    params=[
        "looking through",
        pytest.param("walking", marks=pytest.mark.postgresql_only),
        pytest.param("by the index", marks=pytest.mark.postgresql_only),
        pytest.param("sorting out", marks=pytest.mark.postgresql_only),
    ]
)
def way(
    request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Each way there is to find things; SQLite knows one."""
    settings.SEARCH_INDEX = request.param in {"walking", "by the index"}
    if request.param != "looking through":
        monkeypatch.setattr(search, "_FIRST_LOOK_KEYS", 1)
    if request.param == "walking":
        monkeypatch.setattr(search, "_MANY", -1)
    return str(request.param)


WANTED = st.builds(
    Wanted,
    text=st.sampled_from(["", "", "photo", "PHOTO", "A", "%", "_", "\\", "STRASSE"])
    | st.sampled_from(["éTé", "Σ", "ς", "txt", "none", "\n", "😀"]),
    glob=st.none()
    | st.sampled_from(
        ["*", "**", "**/*.txt", "cats/**", "*/photo?.jpg", "logs/[!x]*/*"]
    ).map(globs.parse),
    content_type=st.sampled_from(["", "", "text/plain", "image/", "image/png"]),
    min_size=st.none() | st.integers(0, 5),
    max_size=st.none() | st.integers(0, 5),
    after=st.none() | st.integers(0, 7).map(lambda s: BEGINNING + timedelta(seconds=s)),
    before=st.none()
    | st.integers(0, 7).map(lambda s: BEGINNING + timedelta(seconds=s)),
    tags=st.sampled_from([{}, {}, *TAGS, {"c": "1"}]),
    metadata=st.sampled_from([{}, {}, {"camera": "D1"}, {"camera": "D9"}]),
)
ORDERS = st.builds(
    Order, by=st.sampled_from(["key", "size", "created_at"]), descending=st.booleans()
)


def test_pages_are_what_the_model_has_in_its_order(
    entries: list[Entry], bob: User, way: str
) -> None:
    callers = {
        "superuser": Scope(everything=True),
        "bob": Scope(user_id=bob.pk),
        "bob, and what is nobody's": Scope(user_id=bob.pk, ownerless=True),
        "a key for a prefix": Scope(
            user_id=bob.pk, only_bucket="zoo", only_prefix="logs/2026/"
        ),
        "anybody": Scope(ownerless=True),
    }

    @given(
        wanted=WANTED,
        order=ORDERS,
        caller=st.sampled_from(list(callers)),
        bucket=st.sampled_from(["", "", "zoo", "own", "animals"]),
        prefix=st.sampled_from(["", "", "logs/", "c", "logs/2026/a", "none"]),
        limit=st.integers(1, 20),
    )
    def check(
        wanted: Wanted, order: Order, caller: str, bucket: str, prefix: str, limit: int
    ) -> None:
        expected = [
            (e.bucket, e.key)
            for e in sorted(entries, key=_sorted_by(order), reverse=order.descending)
            if _may_read(caller, e)
            and e.bucket in {bucket or e.bucket}
            and e.key.startswith(prefix)
            and _is_wanted(wanted, e)
        ]
        reaches = search.reach_of_caller(
            readable=callers[caller], prefix=prefix, bucket=bucket
        )
        pages = _pages(wanted=wanted, reaches=reaches, order=order, limit=limit)
        assert list(itertools.chain(*pages)) == expected

    check()


def _pages(**asked: Any) -> Iterator[list[tuple[str, str]]]:
    cursor = None
    while True:
        page = search.find(**asked, query="q", cursor=cursor)
        yield [(found.entry.bucket, found.entry.key) for found in page.objects]
        cursor = page.next_cursor
        if cursor is None:
            return
        assert len(page.objects) == asked["limit"]


def _sorted_by(order: Order) -> Any:
    def place(entry: Entry) -> tuple[Any, ...]:
        last = (entry.bucket, entry.key.encode())
        return last if order.by == "key" else (getattr(entry, order.by), *last)

    return place


def _may_read(caller: str, entry: Entry) -> bool:
    match caller:
        case "superuser":
            return True
        case "anybody":
            return entry.bucket == "common"
        case "a key for a prefix":
            return entry.bucket == "zoo" and entry.key.startswith("logs/2026/")
    if entry.bucket == "common":
        return caller == "bob, and what is nobody's"
    granted = entry.bucket == "zoo" and entry.key.startswith(("logs/", "cats/"))
    return entry.bucket == "own" or granted


def _is_wanted(wanted: Wanted, entry: Entry) -> bool:
    kind = entry.content_type.lower().partition(";")[0]
    family = wanted.content_type.endswith("/")
    return (
        wanted.text.upper() in entry.key.upper()
        and (wanted.glob is None or wanted.glob.matches(entry.key))
        and (kind.startswith(wanted.content_type) if family else True)
        and (family or wanted.content_type in {"", kind})
        and (wanted.min_size is None or entry.size >= wanted.min_size)
        and (wanted.max_size is None or entry.size <= wanted.max_size)
        and (wanted.after is None or entry.created_at > wanted.after)
        and (wanted.before is None or entry.created_at < wanted.before)
        and wanted.tags.items() <= entry.tags.items()
        and wanted.metadata.items() <= entry.metadata.items()
    )


def find(wanted: Wanted, *, by: str = "key", cursor: str | None = None) -> search.Page:
    order: Any = Order(by, descending=False)  # type: ignore[arg-type]
    reaches = search.reach_of_caller(readable=Scope(everything=True), prefix="")
    return search.find(
        wanted=wanted,
        reaches=reaches,
        order=order,
        query=f"{wanted} {by}",
        cursor=cursor,
        limit=1,
    )


@pytest.mark.usefixtures("entries")
def test_a_cursor_survives_that_its_object_goes(way: str) -> None:
    page = find(Wanted(text="a_b"))
    StoredObject.objects.filter(key="a_b", bucket__name="animals").delete()
    following = find(Wanted(text="a_b"), cursor=page.next_cursor)
    assert page.objects[0].entry.bucket == "animals"
    assert following.objects[0].entry.bucket == "common"


@pytest.mark.usefixtures("entries")
def test_a_cursor_of_another_search_is_refused() -> None:
    cursor = find(Wanted(text="a")).next_cursor
    with pytest.raises(InvalidArgument, match="another search"):
        find(Wanted(text="b"), cursor=cursor)


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize(
    ("by", "value"),
    [
        ("size", "a"),
        ("size", str(2**63)),
        ("created_at", "yesterday"),
        ("created_at", "0001-01-01T00:00:00+14:00"),
        ("created_at", "9999-12-31T23:59:59-14:00"),
    ],
)
def test_a_cursor_that_nobody_was_given_is_refused(by: str, value: str) -> None:
    page = find(Wanted(), by=by)
    assert page.next_cursor is not None
    query, _, bucket, key = cursors.decode(page.next_cursor, *[str] * 4)
    forged = cursors.encode([query, value, bucket, key])
    with pytest.raises(InvalidArgument, match="not one of ours"):
        find(Wanted(), by=by, cursor=forged)


@pytest.mark.slow
def test_a_search_that_takes_too_long_is_given_up(
    entries: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "LONGEST_SECONDS", 0.001)
    blob = Blob.objects.get()
    bucket = Bucket.objects.get(name="zoo")
    many = (
        StoredObject(
            bucket=bucket, key=f"x{'y' * 1000}{n}", blob=blob, size=1, sha256="0" * 64
        )
        for n in range(4000)
    )
    StoredObject.objects.bulk_create(many, batch_size=500)
    with pytest.raises(SearchTooBroad, match="takes more than"):
        find(Wanted(text="none of them", glob=globs.parse("**y*y*y*y*z")), by="size")


@pytest.mark.postgresql_only
@pytest.mark.django_db(transaction=True)
def test_what_is_deleted_during_a_search_hides_nothing_that_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two keys go after a page was looked for among them, before they are counted."""
    monkeypatch.setattr(search, "_FIRST_LOOK_KEYS", 2)
    monkeypatch.setattr(queries, "_KEYS_FOR_A_REACH", 1)
    blob = Blob.objects.create(sha256="0" * 64, size=1)
    bucket = Bucket.objects.create(name="zoo")
    for key in ("1", "2", "z.txt"):
        StoredObject.objects.create(
            bucket=bucket, key=key, size=1, sha256=blob.sha256, etag="e", blob=blob
        )
    ask, other = run.one, connection.copy()

    def delete_before_counting(statement: str, *parameters: Any) -> Any:
        if statement.startswith("SELECT count"):
            with other.cursor() as cursor:
                cursor.execute("DELETE FROM stored_object WHERE key < 'z'")
        return ask(statement, *parameters)

    monkeypatch.setattr(run, "one", delete_before_counting)
    found = find(Wanted(text="txt"))
    other.close()
    assert [f.entry.key for f in found.objects] == ["z.txt"]
