"""schemathesis makes requests of /openapi.json, and holds the answers against it.

Valid ones and others, always the same ones for the same code. No answer may be an error
of the server's, of a status that is not described, or not as it is described.
"""

import copy
import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from objects_app.rest.openapi.document import DOCUMENT
from tests.access.people import BUCKET, Caller, everybody
from tests.client import DataPlane, connection_kept
from tests.rest.test_openapi import ahead

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from schemathesis.schemas import APIOperation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]

EXAMPLES = 5  # of each operation and kind
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# What is there is asked for as often as what is not.
THERE = {
    "bucket": [BUCKET],
    "key": ["in/a", "out/b"],
    "prefix": ["in/"],
    "version": ["null"],
}


def application(
    environ: "WSGIEnvironment", start_response: "StartResponse"
) -> Iterable[bytes]:
    """Answer as to somebody elsewhere, within the test's transaction."""
    environ |= {"REMOTE_ADDR": "192.0.2.1", "wsgi.input_terminated": True}
    with connection_kept():
        answer = importlib.import_module("objectstore.wsgi").application
        chunks = answer(environ, start_response)
        try:
            return [b"".join(chunks)]
        finally:
            if hasattr(chunks, "close"):
                chunks.close()


def operations() -> "list[APIOperation[Any, Any, Any, Any]]":
    """Return all that are there, described strictly."""
    strict = copy.deepcopy(DOCUMENT)
    for path, method in ahead():
        del strict["paths"][path][method]
    for path, methods in list(strict["paths"].items()):
        if not methods.keys() - {"options"}:
            del strict["paths"][path]
    _narrow(strict)
    schema = schemathesis.openapi.from_dict(strict)
    schema.app = application
    return [
        found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)
    ]


def _narrow(described: Any) -> None:
    """Forbid members that are not described, and name what is there."""
    if isinstance(described, list):
        for part in described:
            _narrow(part)
    if not isinstance(described, dict):
        return
    for part in described.values():
        _narrow(part)
    if described.get("type") == "object" and "properties" in described:
        described["additionalProperties"] = False
        for name, schema in described["properties"].items():
            described["properties"][name] = _with_what_is_there(name, schema)
    if "in" in described and "schema" in described:
        name = described["name"]
        described["schema"] = _with_what_is_there(name, described["schema"])


def _with_what_is_there(name: str, schema: Any) -> Any:
    there = THERE.get(name)
    return {"anyOf": [{"enum": there}, schema]} if there else schema


def wrong_answers(
    operation: "APIOperation[Any, Any, Any, Any]",
    mode: GenerationMode,
    caller: Caller,
) -> list[str]:
    """Return what is wrong with the answers to one operation's requests."""

    @settings(
        max_examples=EXAMPLES,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode))
    def ask(case: "schemathesis.Case[Any]") -> None:
        with transaction.atomic():
            answer = case.call(headers=dict(caller.headers))
            transaction.set_rollback(True)
        case.validate_response(answer, checks=CHECKS)

    try:
        ask()
    except Unsatisfiable:  # nothing can be wrong with a request that has no parts
        return []
    except BaseExceptionGroup as found:
        return [f"{operation.label}: {failure}" for failure in found.exceptions]
    return []


def _modes(
    operation: "APIOperation[Any, Any, Any, Any]",
) -> list[GenerationMode]:
    """HEAD is answered by what answers GET, which is asked for nonsense already."""
    return (
        [GenerationMode.POSITIVE] if operation.method == "head" else [*GenerationMode]
    )


@pytest.mark.parametrize("name", ["superuser", "stranger"])
def test_answers_are_as_they_are_described(data_plane: DataPlane, name: str) -> None:
    caller = everybody(data_plane, "public-list")[name]
    wrong = [
        told
        for operation in operations()
        for mode in _modes(operation)
        for told in wrong_answers(operation, mode, caller)
    ]
    assert wrong == []
