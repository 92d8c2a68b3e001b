"""What the description of the API is put together from (OpenAPI 3.1).

Problems are named by their codes; `rest/problems.py` knows the rest of them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from objects_app.http.json_bodies import MOST_BYTES
from objects_app.rest import problems as told

Json = dict[str, Any]

_SINGLE = (
    told.NO_SUCH_PATH,
    told.METHOD_NOT_ALLOWED,
    told.BAD_HOST,
    told.BAD_REQUEST,
    told.DATABASE_UNAVAILABLE,
    told.INTERNAL_ERROR,
)
_STATUSES = {
    problem.code: problem.status for problem in (*told.TABLE.values(), *_SINGLE)
}

# Every request may come to these, and those that change something to one more.
_ANY = (
    "bad_host bad_request invalid_argument invalid_credentials credentials_required"
    " invalid_presigned presigned_expired foreign_origin rate_limited internal_error"
    " database_unavailable issuer_unavailable"
)
_CHANGING = "csrf_required"
_WITH_BODY = "body_too_large incomplete_body body_stalled too_many_uploads"
_SAFE = {"get", "head", "options"}
_RESPONSES = "#/components/responses/"  # named by their codes


def operation(
    name: str,
    summary: str,
    *,
    answers: Mapping[int, Json],
    problems: str = "",
    parameters: Iterable[Json] = (),
    body: Json | None = None,
    description: str = "",
    public: bool = False,
) -> Json:
    """Return one method of a path. `problems` are codes, with blanks between them;
    those of every request are added. `public`: no credentials are ever needed."""
    codes = f"{problems} {_WITH_BODY if body else ''}"
    told: Json = {
        "operationId": name,
        "summary": summary,
        "description": description,
        "parameters": list(parameters),
        "requestBody": body,
        "responses": dict(answers),
        "security": [{}] if public else None,
        "problems": codes,
    }
    return {key: value for key, value in told.items() if value not in (None, "", [])}


def path(tag: str, **methods: Json) -> Json:
    """Return a path's methods, with HEAD where there is GET, and all their problems."""
    if "get" in methods and "head" not in methods:
        methods["head"] = methods["get"]
    return {
        method: _complete(tag, method, described)
        for method, described in methods.items()
    }


def _complete(tag: str, method: str, described: Json) -> Json:
    codes = f"{described['problems']} {_ANY} {'' if method in _SAFE else _CHANGING}"
    responses: Json = {
        str(status): answer for status, answer in described["responses"].items()
    }
    for status, of_status in _by_status(codes).items():
        own = responses.pop(status, None)
        responses[status] = _with_problems(of_status, own)
    completed = {**described, "tags": [tag], "responses": responses}
    del completed["problems"]
    if method == "head":
        completed["operationId"] = described["operationId"].replace("get", "head", 1)
        completed["summary"] = f"{described['summary']}: the headers alone"
        completed["responses"] = {
            status: _without_content(answer) for status, answer in responses.items()
        }
    return completed


def _by_status(codes: str) -> dict[str, list[str]]:
    """Return the codes of each status, in order."""
    grouped: dict[str, list[str]] = {}
    for code in sorted(set(codes.split()), key=lambda code: (_STATUSES[code], code)):
        grouped.setdefault(str(_STATUSES[code]), []).append(code)
    return grouped


def _with_problems(codes: list[str], own: Json | None) -> Json:
    """Return the answer of a status; `own` is what else is answered with it."""
    if own is None:
        return {"$ref": _RESPONSES + ".".join(codes)}
    problem = problem_answer(codes)
    return {
        **own,
        "description": f"{own['description']} Or {problem['description']}",
        "content": {**own.get("content", {}), **problem["content"]},
    }


def _without_content(answer: Json) -> Json:
    if "$ref" in answer:
        answer = shared_answers([answer])[answer["$ref"].removeprefix(_RESPONSES)]
    return {key: value for key, value in answer.items() if key != "content"}


def problem_answer(codes: list[str]) -> Json:
    """Return the answer that has one of these codes."""
    of_problem = {
        "allOf": [schema("Problem"), {"properties": {"code": {"enum": codes}}}]
    }
    return {
        "description": ", ".join(f"`{code}`" for code in codes),
        "content": {told.CONTENT_TYPE: {"schema": of_problem}},
    }


def shared_answers(answers: Iterable[Json]) -> dict[str, Json]:
    """Return what the answers that are references refer to, by its names."""
    names = {a["$ref"].removeprefix(_RESPONSES) for a in answers if "$ref" in a}
    return {name: problem_answer(name.split(".")) for name in sorted(names)}


def schema(name: str) -> Json:
    """Return the reference to a schema of `schemas.py`."""
    return {"$ref": f"#/components/schemas/{name}"}


def answer(description: str, content: str | Json | None = None, **headers: str) -> Json:
    """Return an answer. `content` is the name of its JSON's schema, or the content by
    media type; `headers` are described, with `_` for the hyphen in their names."""
    told: Json = {"description": description}
    if isinstance(content, str):
        content = {"application/json": {"schema": schema(content)}}
    if content:
        told["content"] = content
    if headers:
        told["headers"] = {
            name.replace("_", "-"): {"description": text, "schema": {"type": "string"}}
            for name, text in headers.items()
        }
    return told


def body(name: str, *, most_bytes: int = MOST_BYTES, example: Any = None) -> Json:
    """Return a request's body in JSON; its Content-Type does not matter."""
    media: Json = {"schema": schema(name)}
    if example is not None:
        media["example"] = example
    return {
        "description": f"At most {most_bytes} bytes.",
        "required": True,
        "content": {"application/json": media},
    }


def raw_body(description: str, media_type: str = "application/octet-stream") -> Json:
    """Return a request's body of any bytes."""
    return {
        "description": description,
        "required": False,
        "content": {media_type: {"schema": {"type": "string", "format": "binary"}}},
    }


def parameter(name: str, description: str, *, place: str = "query", **of: Any) -> Json:
    """Return a parameter; `of` is its schema, a string's unless it says otherwise."""
    required = place == "path" or of.pop("required", False)
    return {
        "name": name,
        "in": place,
        "required": required,
        "description": description,
        "schema": {"type": "string", **of},
    }


def header(name: str, description: str, **of: Any) -> Json:
    """Return a parameter that is a header."""
    return parameter(name, description, place="header", **of)


def members(required: str = "", /, **properties: Json) -> Json:
    """Return an object's schema. `required` names the members that are always there,
    with blanks between them, `*` for all. A trailing `_` is no part of a name."""
    named = {name.rstrip("_"): value for name, value in properties.items()}
    always = list(named) if required == "*" else required.split()
    return {
        "type": "object",
        "properties": named,
        **({"required": always} if always else {}),
    }


def text(description: str = "", **of: Any) -> Json:
    """Return the schema of a string."""
    return {"type": "string", **_described(description), **of}


def number(description: str = "", **of: Any) -> Json:
    """Return the schema of a whole number from 0 on."""
    return {"type": "integer", "minimum": 0, **_described(description), **of}


def flag(description: str = "") -> Json:
    """Return the schema of a truth value."""
    return {"type": "boolean", **_described(description)}


def moment(description: str = "") -> Json:
    """Return the schema of a time."""
    return {"type": "string", "format": "date-time", **_described(description)}


def array(items: Json, description: str = "", **of: Any) -> Json:
    """Return the schema of a list."""
    return {"type": "array", "items": items, **_described(description), **of}


def mapping(description: str = "") -> Json:
    """Return the schema of names with a text each."""
    return {
        "type": "object",
        "additionalProperties": {"type": "string"},
        **_described(description),
    }


def or_removed(described: Json) -> Json:
    """Return the schema of names with a text each, or null to remove one."""
    return or_null({**described, "additionalProperties": {"type": ["string", "null"]}})


def or_null(described: Json) -> Json:
    """Return the schema of the same, or nothing."""
    if "type" not in described:
        return {"anyOf": [described, {"type": "null"}]}
    return {**described, "type": [described["type"], "null"]}


def _described(description: str) -> Json:
    return {"description": description} if description else {}
