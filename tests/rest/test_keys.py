"""Keys are bytes: never normalised, never a path, through the path and `?key=`."""

import json
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.client import DataPlane
from tests.rest.problem import assert_problem

pytestmark = pytest.mark.django_db

ODD = [
    " ",
    "a b",
    "a+b",
    "a%b",
    "%41",
    "%2F",
    "%FF",
    "a//b",
    "//",
    "/",
    "/leading",
    "trailing/",
    ".",
    "..",
    "a/../b",
    "./a",
    "a\nb",
    "\n",
    "a\n",
    "a\r\nb",
    "a\tb",
    "\x01",
    "?",
    "a?b=c",
    "#a",
    "a&b=c",
    "a;b",
    "\\",
    "C:\\nul",
    '"quoted"',
    "'; DROP TABLE stored_object; --",
    "<script>",
    "😀/🙈",
    "ä",
    "a\u0308",
    "\uff21",
    "ﬁ",
    "\u202e",
    "\ufeff",
    "\U0010ffff",
    "objects",
    "objects/",
    "objects/objects/x",
    "k" * 1024,
    "é" * 512,
]


def by_path(key: str) -> str:
    return f"/buckets/test/objects/{quote(key)}"


def by_parameter(key: str) -> str:
    return f"/buckets/test/objects?key={quote(key, safe='')}"


def assert_round_trip(data_plane: DataPlane, put: str, get: str, key: str) -> None:
    body = key.encode()
    made = data_plane.put(put, body)
    assert made.status == 201
    assert made.json()["key"] == key
    assert data_plane.get(get).body == body
    assert data_plane.head(get).headers["Content-Length"] == str(len(body))
    [listed] = data_plane.get("/objects?bucket=test").json()["objects"]
    assert listed["key"] == key
    path = made.json()["path"]
    assert data_plane.get(path).body == body
    gone = data_plane.delete(get)
    assert (gone.status, gone.json()["path"]) == (200, path)
    assert data_plane.get(put).status == 404


@pytest.mark.parametrize("key", ODD)
def test_an_odd_key_goes_in_by_the_path_and_out_by_either_way(
    data_plane: DataPlane, key: str
) -> None:
    assert_round_trip(data_plane, by_path(key), by_path(key), key)
    assert_round_trip(data_plane, by_path(key), by_parameter(key), key)


@pytest.mark.parametrize("key", ODD)
def test_an_odd_key_goes_in_by_the_parameter(data_plane: DataPlane, key: str) -> None:
    assert_round_trip(data_plane, by_parameter(key), by_path(key), key)


@given(
    st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1
    ).filter(lambda key: len(key.encode()) <= 1024)
)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_key_survives(data_plane: DataPlane, key: str) -> None:
    assert_round_trip(data_plane, by_path(key), by_parameter(key), key)


def test_keys_that_look_alike_are_different_objects(data_plane: DataPlane) -> None:
    keys = ["ä", "a\u0308", "Ä", "a", "A", "a/", "/a", "a//", "a/.", "%61", "a\u200b"]
    for key in keys:
        assert data_plane.put(by_path(key), key.encode()).status == 201
    for key in keys:
        assert data_plane.get(by_path(key)).body == key.encode()
    told = data_plane.get("/objects?bucket=test").json()
    expected = sorted(keys, key=str.encode)
    assert [listed["key"] for listed in told["objects"]] == expected


def test_the_text_percent_ff_is_a_key_and_the_byte_ff_is_not(
    data_plane: DataPlane,
) -> None:
    assert data_plane.put("/buckets/test/objects/%25FF", b"text").status == 201
    answer = data_plane.put("/buckets/test/objects/%FF", b"byte")
    assert_problem(answer, 400, "invalid_key")
    assert data_plane.get("/buckets/test/objects/%25FF").body == b"text"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
@pytest.mark.parametrize(
    ("encoded", "code"),
    [
        ("%00", "invalid_key"),
        ("a%00b", "invalid_key"),
        ("%FF", "invalid_key"),
        ("%C3", "invalid_key"),
        ("%ED%A0%80", "invalid_key"),  # a surrogate
        ("%C0%AF", "invalid_key"),  # an overlong slash
        ("k" * 1025, "invalid_key"),
        (quote("é") * 512 + "k", "invalid_key"),
        ("", "invalid_key"),
    ],
)
def test_what_is_no_key_is_refused_by_every_verb(
    data_plane: DataPlane, method: str, encoded: str, code: str
) -> None:
    body = b"x" if method == "PUT" else None
    answer = data_plane.request(method, f"/buckets/test/objects/{encoded}", body=body)
    assert answer.status == 400
    if method != "HEAD":
        assert_problem(answer, 400, code)
    answer = data_plane.request(
        method, f"/buckets/test/objects?key={encoded}", body=body
    )
    assert answer.status == 400
    if method != "HEAD":
        assert json.loads(answer.body)["code"] in {"invalid_key", "invalid_argument"}


def test_a_parameter_given_twice_is_refused(data_plane: DataPlane) -> None:
    answer = data_plane.put("/buckets/test/objects?key=a&key=b", b"x")
    assert_problem(answer, 400, "invalid_argument")


def test_no_parameter_is_an_empty_key(data_plane: DataPlane) -> None:
    assert_problem(data_plane.put("/buckets/test/objects", b"x"), 400, "invalid_key")


def test_a_plus_is_a_blank_in_a_parameter_and_itself_in_a_path(
    data_plane: DataPlane,
) -> None:
    data_plane.put("/buckets/test/objects?key=a+b", b"blank")
    data_plane.put("/buckets/test/objects/a+b", b"plus")
    assert data_plane.get("/buckets/test/objects/a%20b").body == b"blank"
    assert data_plane.get("/buckets/test/objects?key=a%2Bb").body == b"plus"


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_another_key_than_the_paths_is_refused(
    data_plane: DataPlane, method: str
) -> None:
    data_plane.put("/buckets/test/objects/a", b"x")
    answer = data_plane.request(method, "/buckets/test/objects/a?key=b")
    assert_problem(answer, 400, "invalid_argument")
    assert data_plane.get("/buckets/test/objects/a").body == b"x"
