"""What a search asks for, read from the parameters of a query."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, get_args

from django.utils.translation import gettext_noop

from objects_app.errors import InvalidArgument
from objects_app.http.moments import read_moment
from objects_app.http.paths import query
from objects_app.names import check_prefix
from objects_app.queries import globs
from objects_app.queries.search import Order, SortKey
from objects_app.queries.search_conditions import Wanted

LIMIT_MAX = 1000
LIMIT_DEFAULT = 100

_PARAMETERS = (
    *("q", "bucket", "prefix", "glob", "content_type", "min_size", "max_size"),
    *("after", "before", "sort", "order", "cursor", "limit"),
)
_TAG, _METADATA = "tag.", "meta."
_OF_NO_SEARCH = frozenset({"cursor", "limit"})
_LARGEST = 2**63 - 1
_MOST_DIGITS = 19
_LONGEST_GLOB = 1024
_MOST_STARS = 32


class Search(NamedTuple):
    """One page of a search; `query` tells the search from others."""

    wanted: Wanted
    bucket: str
    prefix: str
    order: Order
    query: str
    cursor: str | None
    limit: int


def read_search(environ: dict[str, Any]) -> Search:
    """Return what a query string asks for. Raises InvalidArgument, InvalidKey."""
    return search_of(query(environ))


def search_of(parameters: Mapping[str, str]) -> Search:
    """As `read_search`, of its parameters."""
    sent = _known(parameters)
    of_search = sorted((n, v) for n, v in sent.items() if n not in _OF_NO_SEARCH)
    return Search(
        wanted=_wanted(sent),
        bucket=sent.get("bucket", ""),
        prefix=check_prefix(sent.get("prefix", "")),
        order=Order(
            by=_one_of(sent, "sort", get_args(SortKey)),
            descending=_one_of(sent, "order", ("asc", "desc")) == "desc",
        ),
        query=json.dumps(of_search),
        cursor=sent.get("cursor"),
        limit=_limit(sent),
    )


def _known(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters, empty ones left out, but not empty values of entries.

    Raises InvalidArgument for unknown ones: a misspelt one would widen what is found.
    """
    sent = {}
    for name, value in parameters.items():
        if name.startswith((_TAG, _METADATA)):
            sent[name] = value
        elif name not in _PARAMETERS:
            raise InvalidArgument(
                gettext_noop(
                    "Unknown parameter %(name)r: use %(known)s, %(tag)sKEY or "
                    "%(metadata)sNAME."
                ),
                name=name,
                known=", ".join(_PARAMETERS),
                tag=_TAG,
                metadata=_METADATA,
            )
        elif value:
            sent[name] = value
    return sent


def _wanted(sent: dict[str, str]) -> Wanted:
    least, most = (_size(sent, name) for name in ("min_size", "max_size"))
    if least is not None and most is not None and least > most:
        raise InvalidArgument(
            gettext_noop("min_size is more than max_size: nothing is between.")
        )
    after, before = (
        read_moment(name, sent[name]) if name in sent else None
        for name in ("after", "before")
    )
    return Wanted(
        text=sent.get("q", ""),
        glob=_glob(sent["glob"]) if "glob" in sent else None,
        content_type=_content_type(sent.get("content_type", "")),
        min_size=least,
        max_size=most,
        after=after,
        before=before,
        tags=_entries(sent, _TAG),
        metadata={n.lower(): v for n, v in _entries(sent, _METADATA).items()},
    )


def _entries(sent: dict[str, str], beginning: str) -> dict[str, str]:
    entries = {
        name.removeprefix(beginning): value
        for name, value in sent.items()
        if name.startswith(beginning)
    }
    if "" in entries:
        raise InvalidArgument(
            gettext_noop("Put a name behind %(beginning)s, as in %(beginning)sa=b."),
            beginning=beginning,
        )
    return entries


def _content_type(text: str) -> str:
    """`image/*` stands for the family `image/`."""
    kind, slash, rest = text.strip().lower().partition("/")
    if text and (not (kind and slash and rest) or ";" in rest or kind == "*"):
        raise InvalidArgument(
            gettext_noop(
                "content_type is a media type without parameters, such as "
                "text/plain, or a family of them, such as image/*."
            )
        )
    return f"{kind}/" if rest == "*" else kind + slash + rest


def _size(sent: dict[str, str], name: str) -> int | None:
    if name not in sent:
        return None
    size = _number(sent[name])
    if size is None:
        raise InvalidArgument(
            gettext_noop("%(name)s is a number of bytes, such as 1048576."), name=name
        )
    return min(size, _LARGEST)


def _one_of(sent: dict[str, str], name: str, known: tuple[Any, ...]) -> Any:
    """Return a parameter's value, the first one known where it is not there."""
    value = sent.get(name, known[0])
    if value not in known:
        raise InvalidArgument(
            gettext_noop("%(name)s is one of %(known)s."),
            name=name,
            known=", ".join(known),
        )
    return value


def _limit(sent: dict[str, str]) -> int:
    limit = _number(sent.get("limit", str(LIMIT_DEFAULT)))
    if limit is None or not 1 <= limit <= LIMIT_MAX:
        raise InvalidArgument(
            gettext_noop("limit is a number from 1 to %(most)s."), most=LIMIT_MAX
        )
    return limit


def _number(text: str) -> int | None:
    digits = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
    return int(text) if digits else None


def _glob(pattern: str) -> globs.Glob:
    if len(pattern) > _LONGEST_GLOB or pattern.count("*") > _MOST_STARS:
        raise InvalidArgument(
            gettext_noop("glob has at most %(most)s characters and %(stars)s stars."),
            most=_LONGEST_GLOB,
            stars=_MOST_STARS,
        )
    return globs.parse(pattern)
