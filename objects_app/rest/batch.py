"""POST /batch: many operations, all or none."""

from django.http import HttpRequest, HttpResponseBase
from pydantic import Field

from objects_app.access.principals import actor_of, principal_of
from objects_app.errors import StoreError
from objects_app.http.conditions import refuse_in_headers
from objects_app.http.json_bodies import Body, read_json
from objects_app.rest.answers import json_answer, parameters
from objects_app.rest.operations import (
    Gates,
    OperationBody,
    done_answer,
    operation_of,
)
from objects_app.rest.routing import by_method
from objects_app.services import operations

_MOST_BYTES = 8 * 1024 * 1024


class _Batch(Body):
    operations: list[OperationBody] = Field(
        min_length=1, max_length=operations.MOST_OPERATIONS
    )


def _post(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    refuse_in_headers(request.headers)
    wanted = read_json(request.META, _Batch, most_bytes=_MOST_BYTES)
    gates = Gates(principal_of(request))
    allowed = [
        _allowed(number, body, gates) for number, body in enumerate(wanted.operations)
    ]
    done = operations.perform(operations=allowed, by=actor_of(request))
    return json_answer(
        {
            "operations": [
                {"op": body.op, **done_answer(operation, result)}
                for body, operation, result in zip(
                    wanted.operations, allowed, done, strict=True
                )
            ]
        }
    )


def _allowed(number: int, body: OperationBody, gates: Gates) -> operations.Operation:
    """Return what to do; the first refusal ends it, told as of a request of its own."""
    try:
        return operation_of(body, gates)
    except StoreError as error:
        raise type(error)(f"operations.{number}: {error}") from None


batch = by_method(POST=_post)
