"""What every error of the REST door must look like (RFC 9457)."""

from typing import Any

from tests.client import Answer


def assert_problem(
    answer: Answer, status: int, code: str, *members: str
) -> dict[str, Any]:
    """Assert that this is that problem, complete and no HTML; return it."""
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    told: dict[str, Any] = answer.json()
    always = {"type", "title", "status", "detail", "code", "request_id"}
    assert set(told) == {*always, *members}
    assert told["code"] == code
    assert told["status"] == status
    assert told["type"].endswith(code)
    assert told["request_id"] == answer.headers["X-Request-Id"] != ""
    assert told["title"]
    assert told["detail"].endswith(".")
    assert b"Traceback" not in answer.body
    return told
