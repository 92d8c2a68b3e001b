"""Reading what was there at a moment."""

from datetime import timedelta

import pytest

from objects_app.models import Bucket, StoredObject
from tests.client import Answer, DataPlane
from tests.histories import LONG_AGO, hour, make_history, passed_moment
from tests.rest.problem import assert_problem
from tests.rest.test_versions import BUCKET, PATH, put, versioned

pytestmark = pytest.mark.django_db

__all__ = ["versioned"]


def rfc3339(moment: object) -> str:
    return str(moment).replace(" ", "T").replace("+00:00", "Z")


def at(data_plane: DataPlane, moment: object, target: str = PATH) -> Answer:
    sign = "&" if "?" in target else "?"
    return data_plane.get(f"{target}{sign}at={rfc3339(moment)}")


def test_an_object_is_read_as_it_was(versioned: DataPlane) -> None:
    moments = [passed_moment()]
    ids = []
    for body in (b"first", b"second"):
        ids.append(put(versioned, body))
        moments.append(passed_moment())
    versioned.delete(PATH)
    moments.append(passed_moment())
    put(versioned, b"third")

    assert_problem(at(versioned, moments[0]), 404, "no_such_key")
    first, second = (at(versioned, moment) for moment in moments[1:3])
    assert (first.body, first.headers["X-Version-Id"]) == (b"first", ids[0])
    assert (second.body, second.headers["X-Version-Id"]) == (b"second", ids[1])
    gone = at(versioned, moments[3])
    assert_problem(gone, 404, "no_such_key")
    assert gone.headers["X-Delete-Marker"] == "true"
    assert at(versioned, passed_moment()).body == b"third"


def test_the_time_that_a_put_answered_is_the_first_that_has_it(
    versioned: DataPlane,
) -> None:
    versioned.put(PATH, b"first")
    answer = versioned.put(PATH, b"second").json()
    created = StoredObject.objects.get(is_latest=True).created_at
    assert at(versioned, answer["created_at"]).body == b"second"
    earlier = created - timedelta(microseconds=1)
    assert at(versioned, earlier).body == b"first"


def test_head_ranges_and_conditions_are_about_what_was_there(
    versioned: DataPlane,
) -> None:
    put(versioned, b"first")
    moment = rfc3339(passed_moment())
    put(versioned, b"second one")
    target = f"{PATH}?at={moment}"
    assert versioned.head(target).headers["Content-Length"] == "5"
    assert versioned.get(target, headers={"Range": "bytes=-2"}).body == b"st"
    etag = versioned.head(target).headers["ETag"]
    assert versioned.get(target, headers={"If-None-Match": etag}).status == 304


def test_a_listing_is_of_the_moment_with_all_that_listings_know(
    versioned: DataPlane,
) -> None:
    Bucket.objects.update(versioned_since=LONG_AGO)
    bucket = Bucket.objects.get()
    for key in ("a", "b/1", "b/2", "c", "d"):
        make_history(bucket, key, [0, 2])
    make_history(bucket, "gone", [0, 1], markers=[1])
    make_history(bucket, "later", [2])

    def keys(query: str, time: float = 1.5) -> tuple[list[str], list[str], str | None]:
        page = at(versioned, hour(time), f"/objects?bucket=test{query}").json()
        found = [entry["key"] for entry in page["objects"]]
        return found, page["prefixes"], page["next_cursor"]

    assert keys("") == (["a", "b/1", "b/2", "c", "d"], [], None)
    assert keys("", 0.5) == (["a", "b/1", "b/2", "c", "d", "gone"], [], None)
    assert keys("", -1) == ([], [], None)
    assert keys("&prefix=b/") == (["b/1", "b/2"], [], None)
    assert keys("&delimiter=/") == (["a", "c", "d"], ["b/"], None)
    assert keys("&start_after=b/2") == (["c", "d"], [], None)
    found, prefixes, cursor = keys("&delimiter=/&limit=2")
    assert (found, prefixes) == (["a"], ["b/"])
    assert keys(f"&delimiter=/&cursor={cursor}") == (["c", "d"], [], None)
    [entry] = at(versioned, hour(1), "/objects?bucket=test&prefix=c").json()["objects"]
    assert (entry["version_id"], entry["created_at"]) == ("v0", rfc3339(hour(0)))


def test_a_bucket_without_versions_has_no_past_to_read(data_plane: DataPlane) -> None:
    data_plane.put(PATH, b"first")
    moment = passed_moment()
    for target in (PATH, "/objects?bucket=test"):
        assert_problem(at(data_plane, moment, target), 409, "not_versioned")


def test_a_moment_needs_a_bucket(versioned: DataPlane) -> None:
    assert_problem(at(versioned, hour(0), "/objects"), 400, "bucket_required")


@pytest.mark.parametrize(
    "text",
    ["2026-01-01", "yesterday", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "1"],
)
def test_what_is_no_time_is_refused(versioned: DataPlane, text: str) -> None:
    versioned.put(PATH, b"x")
    for target in (f"{PATH}?at={text}", f"/objects?bucket=test&at={text}"):
        assert_problem(versioned.get(target), 400, "invalid_argument")


def test_a_key_in_the_query_can_be_read_as_it_was(versioned: DataPlane) -> None:
    target = f"{BUCKET}/objects?key=./a"
    put(versioned, b"first", target)
    moment = passed_moment()
    put(versioned, b"second", target)
    assert at(versioned, moment, target).body == b"first"
