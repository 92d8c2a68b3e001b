"""Patterns of whole keys, as shells have them: * ? [..] within a folder, ** across.

`**/` stands for any number of folders, none included; `[!a-z]` for what is not in it;
a backslash takes the next character as it is. The time that matching takes grows with
the lengths of key and pattern, never faster.
"""

from functools import lru_cache
from typing import NamedTuple

SEPARATOR = "/"


class Ranges(NamedTuple):
    """One character: in one of the ranges or, `negated`, in none; never a slash."""

    negated: bool
    ranges: tuple[tuple[str, str], ...]

    def holds(self, character: str) -> bool:
        """Whether this character is meant."""
        found = any(low <= character <= high for low, high in self.ranges)
        return found is not self.negated and character != SEPARATOR


class Many(NamedTuple):
    """Any number of characters; slashes too where it goes `across` folders."""

    across: bool


class Folders(NamedTuple):
    """Nothing, or anything that ends in a slash."""


Token = str | Ranges | Many | Folders
_ANY_CHARACTER = Ranges(True, ())


class Glob(NamedTuple):
    """A pattern, taken apart: characters, and what stands for others."""

    text: str
    tokens: tuple[Token, ...]

    def literals(self) -> list[str]:
        """Return the texts between what is variable, the first one at the beginning."""
        parts = [""]
        for token in self.tokens:
            if isinstance(token, str):
                parts[-1] += token
            else:
                parts.append("")
        return parts

    def regex(self) -> str:
        """Return it as a regular expression of PostgreSQL's, of whole keys.

        Lookahead keeps slashes out of classes; nothing in it is a back reference.
        """
        return f"^(?:{''.join(map(_regex, self.tokens))})$"

    def matches(self, key: str) -> bool:
        """Whether a key matches: all the ways to match are followed at once."""
        places = _closed(self.tokens, {0}, SEPARATOR)
        for character in key:
            following: set[int] = set()
            for place in places:
                following |= _step(self.tokens, place, character)
            places = _closed(self.tokens, following, character)
        return len(self.tokens) in places


@lru_cache(maxsize=128)
def parse(pattern: str) -> Glob:
    """Take a pattern apart; whatever is none, as a bracket without end, is itself."""
    tokens: list[Token] = []
    place = 0
    while place < len(pattern):
        token, place = _token(pattern, place)
        tokens.append(token)
    return Glob(pattern, tuple(tokens))


def _token(pattern: str, place: int) -> tuple[Token, int]:
    character = pattern[place]
    if character == "*":
        end = place
        while pattern[end : end + 1] == "*":
            end += 1
        if end - place == 1:
            return Many(False), end
        begins = place == 0 or pattern[place - 1] == SEPARATOR
        if begins and pattern[end : end + 1] == SEPARATOR:
            return Folders(), end + 1
        return Many(True), end
    if character == "?":
        return _ANY_CHARACTER, place + 1
    if character == "[":
        return _bracket(pattern, place)
    if character == "\\" and place + 1 < len(pattern):
        return pattern[place + 1], place + 2
    return character, place + 1


def _bracket(pattern: str, place: int) -> tuple[Token, int]:
    """A `]` is one of the characters where it comes first."""
    first = place + 1
    negated = pattern[first : first + 1] in {"!", "^"}
    first += negated
    end = pattern.find("]", first + 1)
    if end < 0:
        return "[", place + 1
    ranges: list[tuple[str, str]] = []
    while first < end:
        low = high = pattern[first]
        if pattern[first + 1 : first + 2] == "-" and first + 2 < end:
            high = pattern[first + 2]
            first += 2
        ranges.append((low, high))
        first += 1
    return Ranges(negated, tuple(ranges)), end + 1


def _regex(token: Token) -> str:
    match token:
        case str():
            return _character(token)
        case Many(across):
            return ".*" if across else "[^/]*"
        case Folders():
            return "(?:.*/)?"
        case Ranges(negated, ranges):
            return _class(negated, ranges)


def _class(negated: bool, ranges: tuple[tuple[str, str], ...]) -> str:
    parts = [
        f"{_character(low)}-{_character(high)}" for low, high in ranges if low <= high
    ]
    if negated:
        return f"[^/{''.join(parts)}]"
    return f"(?!/)[{''.join(parts) or '/'}]"


def _character(character: str) -> str:
    """Return a character that has no other meaning, in brackets or outside."""
    return character if character.isalnum() else f"\\U{ord(character):08x}"


def _step(tokens: tuple[Token, ...], place: int, character: str) -> set[int]:
    """Return where a character leads from a place in the pattern."""
    match tokens[place] if place < len(tokens) else None:
        case str() as same:
            return {place + 1} if same == character else set()
        case Ranges() as one:
            return {place + 1} if one.holds(character) else set()
        case Many(across):
            return {place} if across or character != SEPARATOR else set()
        case Folders():
            return {place}
    return set()


def _closed(
    tokens: tuple[Token, ...], places: set[int], previous: str
) -> frozenset[int]:
    """Return these places and those behind what may stand for nothing (more)."""
    closed: set[int] = set()
    for start in places:
        place = start
        closed.add(place)
        while place < len(tokens) and (
            isinstance(tokens[place], Many)
            or (isinstance(tokens[place], Folders) and previous == SEPARATOR)
        ):
            place += 1
            closed.add(place)
    return frozenset(closed)
