"""Globs mean what they mean in shells, to both databases, and take no time."""

import re
import time

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from objects_app.queries import globs, run

PIECES = ["a", "b", "/", "*", "**", "**/", "?", "[ab]", "[!a]", "[a-b/]", "[", "é"]
ODD = [".", "\\*", "\n", "[z-a]", "-", "]", "(", "\\", "[^b]", "[]a]"]
PATTERNS = st.lists(st.sampled_from(PIECES + ODD), max_size=7).map("".join)
KEYS = st.lists(st.text("ab/é.*\n-](", min_size=1, max_size=6), max_size=12)


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("*.jpg", ["a.jpg", ".jpg"], ["a/b.jpg", "a.jpg.txt", "a.JPG"]),
        ("**/*.jpg", ["a.jpg", "a/b.jpg", "a/b/c.jpg"], ["a.jpg/b"]),
        ("logs/**", ["logs/a", "logs/a/b", "logs/"], ["logs", "mylogs/a"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["ab", "a/xb", "xa/b"]),
        ("a**b", ["ab", "a/b", "a/x/b"], ["ba"]),
        ("?", ["a", "é", "\n"], ["", "ab", "/"]),
        ("[a-c]x", ["ax", "cx"], ["dx", "Ax"]),
        ("[!a-c]x", ["dx"], ["ax", "/x", "x"]),
        ("[]-]", ["]", "-"], ["a"]),
        ("a[/]b", [], ["a/b"]),
        ("[b-a]", [], ["a", "b", "/"]),
        ("a[b", ["a[b"], ["ab"]),
        (r"\*\\", ["*\\"], ["a\\"]),
        ("a.b+c", ["a.b+c"], ["axb+c", "a.bbc"]),
    ],
)
@pytest.mark.django_db
def test_a_glob_matches_as_in_a_shell(
    pattern: str, matching: list[str], others: list[str]
) -> None:
    glob = globs.parse(pattern)
    for key in matching:
        assert glob.matches(key)
        assert by_database(pattern, key)
    for key in others:
        assert not glob.matches(key)
        assert not by_database(pattern, key)


@given(PATTERNS, KEYS)
def test_a_glob_matches_what_its_regular_expression_does(
    pattern: str, keys: list[str]
) -> None:
    glob = globs.parse(pattern)
    regex = re.compile(glob.regex().replace(")$", r")\Z"), re.DOTALL)
    assert [glob.matches(key) for key in keys] == [bool(regex.match(k)) for k in keys]


@pytest.mark.postgresql_only
@pytest.mark.django_db
def test_a_glob_is_the_same_to_postgresql() -> None:
    @given(PATTERNS, KEYS)
    def check(pattern: str, keys: list[str]) -> None:
        glob = globs.parse(pattern)
        assert [by_database(pattern, k) for k in keys] == [
            glob.matches(k) for k in keys
        ]

    check()


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("*a" * 32 + "c", "a" * 1024),
        ("**a" * 10 + "c", "a" * 1024),
        ("**/*a" * 10 + "c", "a/" * 512),
        ("[ab]*" * 32 + "c", "ab" * 512),
        ("?" * 512 + "*" + "?" * 511 + "c", "a" * 1024),
    ],
)
@pytest.mark.django_db
def test_no_glob_takes_long(pattern: str, key: str) -> None:
    begun = time.thread_time()
    assert not globs.parse(pattern).matches(key)
    assert not by_database(pattern, key)
    assert time.thread_time() - begun < 5


def by_database(pattern: str, key: str) -> bool:
    if connection.vendor != "postgresql":
        return globs.parse(pattern).matches(key)
    return bool(
        run.one(
            'SELECT %(key)s::text COLLATE "C" ~ %(regex)s::text',
            {"key": key, "regex": globs.parse(pattern).regex()},
        )[0]
    )
