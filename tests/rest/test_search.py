"""GET /search: what is told of what is found, who finds what, and what is refused."""

from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from objects_app.models import Bucket, Role
from tests.access.people import Caller, grant, make_key, with_key
from tests.client import Answer, DataPlane
from tests.rest.problem import assert_problem

pytestmark = pytest.mark.django_db

KEYS = ["cats/Tom.jpg", "cats/tim.txt", "dogs/Rex.jpg", "100%.txt"]


@pytest.fixture
def photos(data_plane: DataPlane) -> None:
    for key in KEYS:
        put = data_plane.put(
            f"/buckets/photos/objects/{quote(key)}",
            key.encode(),
            headers={
                "X-Object-Tags": f"kind={key.partition('/')[0][:4].rstrip('%.')}",
                "X-Object-Meta-Camera": "D850",
            },
        )
        assert put.status == 201, put.body


def keys(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [found["key"] for found in answer.json()["objects"]]


@pytest.mark.usefixtures("photos")
def test_what_is_found_is_described(data_plane: DataPlane) -> None:
    answer = data_plane.get("/search?q=TOM")
    [found] = answer.json()["objects"]
    assert found.pop("created_at").endswith("Z")
    assert found.pop("etag") == found.pop("sha256")
    assert found == {
        "bucket": "photos",
        "key": "cats/Tom.jpg",
        "size": 12,
        "content_type": "image/jpeg",
        "version_id": "null",
        "node_id": "test-node",
        "metadata": {"camera": "D850"},
        "tags": {"kind": "cats"},
    }
    assert answer.json()["next_cursor"] is None


@pytest.mark.usefixtures("photos")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["100%.txt", "cats/Tom.jpg", "cats/tim.txt", "dogs/Rex.jpg"]),
        ("q=.JPG", ["cats/Tom.jpg", "dogs/Rex.jpg"]),
        ("q=%25", ["100%.txt"]),
        ("q=_", []),
        ("glob=cats/*", ["cats/Tom.jpg", "cats/tim.txt"]),
        ("glob=**/*.txt", ["100%.txt", "cats/tim.txt"]),
        ("prefix=cats/&content_type=text/*", ["cats/tim.txt"]),
        ("tag.kind=dogs", ["dogs/Rex.jpg"]),
        ("meta.camera=D850&min_size=12&max_size=12&bucket=photos&q=t&prefix=cats/T",
         ["cats/Tom.jpg"]),
        ("before=2001-01-01T00:00:00Z", []),
        ("sort=size&order=desc", ["dogs/Rex.jpg", "cats/tim.txt", "cats/Tom.jpg",
                                  "100%.txt"]),
        ("sort=created_at", KEYS),
    ],
)  # fmt: skip
def test_parameters_choose_and_sort(
    data_plane: DataPlane, query: str, found: list[str]
) -> None:
    assert keys(data_plane.get(f"/search?{query}")) == found


@pytest.mark.usefixtures("photos")
def test_pages_follow_one_another(data_plane: DataPlane) -> None:
    first = data_plane.get("/search?sort=created_at&limit=3").json()
    assert len(first["objects"]) == 3
    target = f"/search?sort=created_at&limit=2&cursor={first['next_cursor']}"
    last = data_plane.get(target)
    assert keys(last) == KEYS[3:]
    assert last.json()["next_cursor"] is None


@pytest.mark.usefixtures("photos")
@pytest.mark.parametrize("query", ["limit=1&q=b", "order=desc", "sort=size"])
def test_a_cursor_of_another_search_is_refused(
    data_plane: DataPlane, query: str
) -> None:
    cursor = data_plane.get("/search?limit=1").json()["next_cursor"]
    answer = data_plane.get(f"/search?{query}&cursor={cursor}")
    assert_problem(answer, 400, "invalid_argument")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("who=me", "invalid_argument"),
        ("cursor=abc", "invalid_argument"),
        ("bucket=A", "invalid_bucket_name"),
        (f"prefix={'a' * 1025}", "invalid_key"),
    ],
)
def test_what_cannot_be_understood_is_refused(
    data_plane: DataPlane, query: str, code: str
) -> None:
    assert_problem(data_plane.get(f"/search?{query}"), 400, code)


@pytest.mark.usefixtures("photos")
def test_head_has_the_headers_of_get(data_plane: DataPlane) -> None:
    assert data_plane.head("/search?q=tom").status == 200


@pytest.fixture
def owned(photos: None, settings: Settings, alice: User) -> None:
    """Nobody comes without credentials, and the photos are alice's."""
    settings.ANONYMOUS_ACCESS = "none"
    Bucket.objects.update(owner=alice)


def ask(data_plane: DataPlane, caller: Caller, target: str = "/search") -> Answer:
    return caller.ask(data_plane, "GET", target)


@pytest.mark.usefixtures("owned")
def test_everybody_finds_what_they_may_read(
    data_plane: DataPlane, alice: User, bob: User, charlie: User
) -> None:
    grant(bob, Role.READER, "cats/")
    grant(bob, Role.READER, "cats/T")
    assert len(keys(ask(data_plane, with_key(make_key(alice))))) == 4
    assert keys(ask(data_plane, with_key(make_key(bob)))) == KEYS[:2]
    assert keys(ask(data_plane, with_key(make_key(charlie)))) == []
    assert_problem(ask(data_plane, Caller()), 401, "credentials_required")


@pytest.mark.usefixtures("owned")
def test_a_bucket_is_searched_as_far_as_it_was_granted(
    data_plane: DataPlane, bob: User, charlie: User
) -> None:
    grant(bob, Role.READER, "cats/")
    target = "/search?bucket=photos"
    assert keys(ask(data_plane, with_key(make_key(bob)), target)) == KEYS[:2]
    outside = f"{target}&prefix=dogs/"
    for caller, asked in ((bob, outside), (charlie, target)):
        answer = ask(data_plane, with_key(make_key(caller)), asked)
        assert_problem(answer, 404, "no_such_bucket")


@pytest.mark.usefixtures("owned")
def test_a_public_bucket_is_searched_when_it_is_named(
    data_plane: DataPlane, charlie: User
) -> None:
    Bucket.objects.update(visibility="public-list")
    caller = with_key(make_key(charlie))
    assert keys(ask(data_plane, caller)) == []
    assert len(keys(ask(data_plane, caller, "/search?bucket=photos"))) == 4
    assert len(keys(ask(data_plane, Caller(), "/search?bucket=photos"))) == 4


@pytest.mark.usefixtures("owned")
def test_who_was_granted_a_part_of_a_public_bucket_finds_all_of_it(
    data_plane: DataPlane, bob: User
) -> None:
    Bucket.objects.update(visibility="public-list")
    grant(bob, Role.READER, "cats/")
    caller = with_key(make_key(bob))
    assert len(keys(ask(data_plane, caller, "/search?bucket=photos"))) == 4


@pytest.mark.usefixtures("owned")
def test_a_bucket_that_is_public_for_reading_cannot_be_searched(
    data_plane: DataPlane, charlie: User
) -> None:
    Bucket.objects.update(visibility="public-read")
    answer = ask(data_plane, with_key(make_key(charlie)), "/search?bucket=photos")
    assert_problem(answer, 403, "access_denied")


@pytest.mark.usefixtures("owned")
def test_a_key_with_limits_finds_what_is_within_them(
    data_plane: DataPlane, alice: User
) -> None:
    limited = with_key(make_key(alice, only_bucket="photos", only_prefix="cats/"))
    found = {
        "/search": KEYS[:2],
        "/search?bucket=photos": KEYS[:2],
        "/search?prefix=cats/t": KEYS[1:2],
        "/search?prefix=ca": KEYS[:2],
        "/search?prefix=dogs/": [],
    }
    for target, expected in found.items():
        assert keys(ask(data_plane, limited, target)) == expected
    Bucket.objects.create(name="others", owner=alice)
    answer = ask(data_plane, limited, "/search?bucket=others")
    assert_problem(answer, 404, "no_such_bucket")
