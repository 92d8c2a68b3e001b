"""docs/errors.md and the code tell the same errors."""

import re
from pathlib import Path

import pytest

from objects_app.rest import problems

pytestmark = pytest.mark.tooling

PAGE = Path(__file__).resolve().parents[1] / "docs" / "errors.md"
ROW = re.compile(r"\| `([a-z_]+)` \| ([0-9]{3}) \| (.+) \| (.+) \|")


def rows() -> dict[str, tuple[int, str, str]]:
    matched = [
        ROW.fullmatch(line)
        for line in PAGE.read_text().splitlines()
        if line.startswith("| `")
    ]
    assert all(matched), "a row is not | `code` | status | meaning | what to do |"
    found = [match.groups() for match in matched if match]
    assert len({code for code, *_ in found}) == len(found)
    return {code: (int(status), means, todo) for code, status, means, todo in found}


def coded() -> dict[str, int]:
    constants = [v for v in vars(problems).values() if isinstance(v, problems.Problem)]
    return {p.code: p.status for p in (*problems.TABLE.values(), *constants)}


def test_every_code_has_a_row_and_every_row_a_code_with_its_status() -> None:
    assert {code: status for code, (status, *_) in rows().items()} == coded()


def test_every_row_says_what_it_means_and_what_to_do() -> None:
    for code, (_, means, todo) in rows().items():
        assert means.endswith("."), code
        assert todo.endswith("."), code


def test_the_rows_are_ordered_by_status() -> None:
    statuses = [status for status, *_ in rows().values()]
    assert statuses == sorted(statuses)
