"""schemathesis makes requests of /openapi.json, and holds the answers against it.

Valid ones and others, always the same ones for the same code. No answer may be an error
of the server's, of a status that is not described, or not as it is described.
"""

import base64
import copy
import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from django.contrib.auth.models import User
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
from tests.access.people import BUCKET, Caller, everybody, with_token
from tests.client import DataPlane, connection_kept
from tests.rest.test_openapi import BODIES

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from schemathesis.schemas import APIOperation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]

schemathesis.serializer.alias(
    "application/offset+octet-stream", "application/octet-stream"
)

EXAMPLES = 5  # of each operation and kind
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# What parameters and members of these names are, in valid requests: random text names
# nothing that is there. Empty parameters count as left out.
VALUES = {
    "bucket": [BUCKET, "nowhere"],
    "key": ["in/a", "out/b", "new"],
    "prefix": ["in/", "none/"],
    "version": ["null", "0" * 32],
    "user": ["ruth", "nobody"],
    "group": ["writers"],
    "content_type": ["text/plain", "image/png"],
    "if_match": ["*", "0" * 64],
    "if_none_match": ["*", "0" * 64],
    "cursor": [""],
    "key_id": ["OSNONE"],
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


def operations(
    values: dict[str, list[str]],
) -> "list[APIOperation[Any, Any, Any, Any]]":
    """Return all that are there, described strictly and with values by name."""
    strict = copy.deepcopy(DOCUMENT)
    _narrow(strict, values)
    for name in (*BODIES, "Operation"):
        _choose(strict["components"]["schemas"][name], values)
    schema = schemathesis.openapi.from_dict(strict)
    schema.app = application
    return [
        found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)
    ]


def _narrow(described: Any, values: dict[str, list[str]]) -> None:
    """Forbid members that are not described, and choose values of parameters."""
    for part in _parts(described):
        _narrow(part, values)
    if not isinstance(described, dict):
        return
    if described.get("type") == "object" and "properties" in described:
        described["additionalProperties"] = False
    if "in" in described and described["name"] in values:
        described["schema"] = {"enum": values[described["name"]]}


def _choose(described: Any, values: dict[str, list[str]]) -> None:
    """Choose values of a body's members."""
    for part in _parts(described):
        _choose(part, values)
    if isinstance(described, dict) and isinstance(described.get("properties"), dict):
        members = described["properties"]
        members |= {name: {"enum": values[name]} for name in members if name in values}


def _parts(described: Any) -> list[Any]:
    if isinstance(described, dict):
        return list(described.values())
    return described if isinstance(described, list) else []


def uploads(data_plane: DataPlane, caller: Caller) -> list[str]:
    """Return the ids of an upload in parts and a resumable one."""
    begun = caller.tell(data_plane, "POST", "/multipart/", bucket=BUCKET, key="in/big")
    assert begun.status == 201, begun.body
    named = {"bucket": BUCKET, "key": "in/tus"}
    pairs = [f"{n} {base64.b64encode(v.encode()).decode()}" for n, v in named.items()]
    said = {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": "9",
        "Upload-Metadata": ",".join(pairs),
    }
    resumable = caller.ask(data_plane, "POST", "/tus/", headers=said, body=b"")
    assert resumable.status == 201, resumable.body
    return [begun.json()["upload_id"], resumable.headers["Location"].split("/")[-1]]


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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["administrator", "stranger"])
def test_answers_are_as_they_are_described(data_plane: DataPlane, name: str) -> None:
    callers = everybody(data_plane, "public-list")
    callers["administrator"] = with_token(User.objects.get(username="chief"))
    values = VALUES | {"upload_id": uploads(data_plane, callers["owner"])}
    wrong = [
        told
        for operation in operations(values)
        for mode in _modes(operation)
        for told in wrong_answers(operation, mode, callers[name])
    ]
    assert wrong == []
