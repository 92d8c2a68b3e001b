"""/openapi.json says what there is: no path, method, code or member more or less."""

import re
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from objects_app.http.json_bodies import Body
from objects_app.http.json_descriptions import DescriptionPatch
from objects_app.rest import (
    batch,
    buckets,
    copies,
    grants,
    keys,
    multipart,
    presign,
    problems,
    restore,
    tokens,
)
from objects_app.rest.openapi.document import DOCUMENT
from objectstore.urls import data_plane as urls
from tests.access.people import make_key, make_user, with_key
from tests.client import DataPlane
from tests.rest.problem import assert_problem
from tests.rest.test_errors import OTHERS

pytestmark = pytest.mark.django_db

BODIES: dict[str, type[Body]] = {
    "BucketChanges": buckets._Changes,
    "NewGrant": grants._Grant,
    "NewAccessKey": keys._NewKey,
    "Login": tokens._Login,
    "PresignRequest": presign._Wanted,
    "Restore": restore._Wanted,
    "Copy": copies._Body,
    "Move": copies._Body,
    "Deletion": copies._Deletion,
    "Batch": batch._Batch,
    "DescriptionPatch": DescriptionPatch,
    "NewUpload": multipart._Wanted,
    "PartList": multipart._PartList,
}
IN_PATHS = {"bucket": "photos", "key": "in/a", "number": "1"}


def described() -> set[tuple[str, str]]:
    """Return each path with each method; OPTIONS is alike everywhere."""
    return {
        (path, method)
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
        if method != "options"
    }


def a_path(template: str) -> str:
    """Return a path of this form."""
    return re.sub(
        r"\{(\w+)\}", lambda found: IN_PATHS.get(found[1], found[1]), template
    )


def pattern_of(path: str) -> int | None:
    """Return the number of the pattern that a path goes to."""
    for number, pattern in enumerate(urls.urlpatterns):
        if pattern.resolve(path.removeprefix("/")):
            return number
    return None


def allowed(data_plane: DataPlane, path: str) -> set[str]:
    """Return the methods that the view of a path knows."""
    answer = data_plane.request("BREW", path)
    methods = answer.headers.get("Allow", "").lower().split(", ")
    return set(methods) - {"options", ""}


def test_it_keeps_to_openapi_3_1() -> None:
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_every_path_and_method_there_is_is_described_and_no_other(
    data_plane: DataPlane,
) -> None:
    templates = {path for path, _ in described()}
    there = {
        (template, method)
        for template in templates
        for method in allowed(data_plane, a_path(template))
    }
    assert there == described()
    found = {pattern_of(a_path(template)) for template in templates}
    assert found - {None} == set(range(len(urls.urlpatterns)))


def test_every_code_is_described() -> None:
    there = {problem.code for problem in problems.TABLE.values()}
    there -= {code for code, why in OTHERS.items() if "only the console" in why}
    named = {
        code for name in DOCUMENT["components"]["responses"] for code in name.split(".")
    } | set(re.findall(r"`([a-z_]+)`", str(DOCUMENT["paths"])))
    assert there - named == set()


@pytest.mark.parametrize("name", BODIES)
def test_a_body_has_the_members_that_are_read(name: str) -> None:
    model = BODIES[name].model_json_schema()
    schema = DOCUMENT["components"]["schemas"][name]
    assert set(schema["properties"]) == set(model["properties"])
    assert set(schema.get("required", [])) == set(model.get("required", []))


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [
        operation["operationId"]
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
    ]
    assert len(set(names)) == len(names)


def test_every_schema_is_referred_to() -> None:
    references = set(re.findall(r"#/components/schemas/(\w+)", str(DOCUMENT)))
    assert references == set(DOCUMENT["components"]["schemas"])


# The endpoint


@pytest.mark.usefixtures("nothing_for_anybody")
def test_anybody_may_read_it(data_plane: DataPlane) -> None:
    answer = data_plane.get("/openapi.json")
    assert (answer.status, answer.json()) == (200, DOCUMENT)
    assert answer.headers["Content-Type"] == "application/json"


def test_who_has_it_is_told_that_it_is_the_same(data_plane: DataPlane) -> None:
    etag = data_plane.head("/openapi.json").headers["ETag"]
    answer = data_plane.get("/openapi.json", headers={"If-None-Match": etag})
    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["ETag"] == etag
    changed = data_plane.get("/openapi.json", headers={"If-None-Match": '"other"'})
    assert changed.status == 200


def test_a_condition_that_fails_is_a_problem(data_plane: DataPlane) -> None:
    answer = data_plane.get("/openapi.json", headers={"If-Match": '"other"'})
    assert_problem(answer, 412, "precondition_failed")


def test_the_root_leads_to_it(data_plane: DataPlane) -> None:
    told: dict[str, Any] = data_plane.get("/").json()
    assert told["openapi"] == "/openapi.json"


def test_wrong_credentials_are_wrong_here_too(data_plane: DataPlane) -> None:
    caller = with_key(make_key(make_user("alice")))
    assert caller.ask(data_plane, "GET", "/openapi.json").status == 200
    wrong = data_plane.get("/openapi.json", headers={"Authorization": "Bearer a.b"})
    assert_problem(wrong, 401, "invalid_credentials")
