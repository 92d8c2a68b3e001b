"""A change of a description as JSON: what is merged, what is replaced, what refused."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from objects_app.errors import InvalidArgument, InvalidMetadata, InvalidTags
from objects_app.http.json_bodies import read_json
from objects_app.http.json_descriptions import DescriptionPatch
from objects_app.queries.changes import Rewrite
from objects_app.queries.rows import ObjectRow

ROW = ObjectRow(
    id=1,
    bucket_id=1,
    key="a",
    version_id="null",
    blob_id=1,
    sha256="0" * 64,
    size=1,
    etag="0" * 64,
    content_type="text/plain",
    headers={"cache-control": "no-store", "expires": "0"},
    metadata={"camera": "D850", "lens": "50"},
    tags={"state": "raw", "Project": "apollo"},
    node_id="node",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    is_delete_marker=False,
)


def applied(members: Any) -> Rewrite:
    body = json.dumps(members).encode()
    environ = {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    return read_json(environ, DescriptionPatch).applied_to(ROW)


def test_what_is_not_named_stays() -> None:
    assert applied({}) == Rewrite()


def test_entries_are_added_replaced_and_with_null_removed() -> None:
    change = {"lens": None, "camera": "D6", "iso": "100"}
    assert applied({"metadata": change}).metadata == {"camera": "D6", "iso": "100"}
    change = {"state": None, "project": "gemini"}
    assert applied({"tags": change}).tags == {"Project": "apollo", "project": "gemini"}
    change = {"Expires": None, "Content-Language": "de"}
    assert applied({"headers": change}).headers == {
        "cache-control": "no-store",
        "content-language": "de",
    }


def test_null_in_the_place_of_a_map_removes_all_of_it() -> None:
    assert applied({"tags": None, "metadata": None}) == Rewrite(metadata={}, tags={})


def test_the_content_type_is_replaced() -> None:
    assert applied({"content_type": "image/png"}) == Rewrite(content_type="image/png")


@pytest.mark.parametrize(
    ("members", "error", "told"),
    [
        ({"content_type": "nonsense"}, InvalidArgument, "content_type must be"),
        ({"content_type": None}, InvalidArgument, "content_type"),
        ({"headers": {"X-Own": "a"}}, InvalidArgument, "headers.x-own is none of"),
        ({"headers": {"expires": "a\nb"}}, InvalidArgument, "Expires holds"),
        ({"metadata": {"a b": "c"}}, InvalidMetadata, "a name of ASCII"),
        ({"metadata": {"a": "x" * 2048}}, InvalidMetadata, "at most 2048"),
        ({"metadata": {"a": 1}}, InvalidArgument, "valid string"),
        ({"metadata": {"a": "\0"}}, InvalidArgument, "it holds NUL"),
        ({"metadata": {"a": "1", "A": "2"}}, InvalidArgument, "twice"),
        ({"tags": {"a": "\ud800"}}, InvalidArgument, "invalid JSON"),
        ({"tags": dict.fromkeys("abcdefghi", "")}, InvalidTags, "11 tags"),
        ({"etag": "mine"}, InvalidArgument, "etag"),
    ],
)
def test_what_no_put_could_say_is_refused(
    members: Any, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        applied(members)
