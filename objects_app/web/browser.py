"""Folders and files of one bucket, at any depth, as they are or as they were."""

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext_noop
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_POST, require_safe
from pydantic import Field, ValidationError

from objects_app.access import policy
from objects_app.access.policy import Action
from objects_app.access.principals import principal_of
from objects_app.errors import InvalidArgument
from objects_app.http import archives
from objects_app.http.json_bodies import Body
from objects_app.http.moments import read_chosen_moment
from objects_app.http.paths import url_path
from objects_app.services import archive, listing, prefixes, restore
from objects_app.services.prefixes import Work
from objects_app.web.pages import address, is_part, page, sent

if TYPE_CHECKING:
    from objects_app.queries.rows import ListedEntry

_PAGE = 100
_MOST_DIGITS = 6
_PUBLIC = frozenset({"public-read", "public-list"})
# What breaks a line or is not seen, as the signs that Unicode has for it.
_SIGNS = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}


class Line(NamedTuple):
    """What a row shows. `href` leads to the folder or the object's page, `download` to
    the bytes or the folder's archive."""

    name: str
    is_folder: bool
    href: str
    download: str
    content_type: str = ""
    size: int | None = None
    changed: datetime | None = None


class _Chosen(Body):
    """What of a folder goes into an archive."""

    keys: list[str] = Field(default=[])
    prefixes: list[str] = Field(default=[])


@gzip_page
@require_safe
@page
def browser(request: HttpRequest, bucket: str) -> HttpResponse:
    """Show a folder's first keys, or as a part those after a cursor."""
    wanted = sent(request)
    prefix, begins = _split(wanted.get("prefix", ""), wanted.get("q", ""))
    at = read_chosen_moment("at", wanted["at"]) if "at" in wanted else None
    principal = principal_of(request)
    action = Action.LIST if at is None else Action.PAST
    row = policy.bucket_for(principal, bucket, action, prefix=prefix)
    found = listing.list_bucket(
        bucket=row,
        prefix=prefix + begins,
        delimiter="/",
        cursor=wanted.get("cursor"),
        limit=_rows(wanted.get("rows", "")),
        at=at,
    )
    here = {"prefix": prefix, "q": begins, "at": wanted.get("at", "")}
    shown = [
        _line(entry, prefix, here["at"])
        for entry in found.entries
        if entry.key != prefix or entry.size
    ]
    versioned = row.versioning != "off" and policy.allows(principal, row, Action.PAST)
    more = found.next_cursor
    return render(
        request,
        _template(request, wanted),
        {
            "area": "buckets",
            "bucket": row,
            **here,
            "moment": at,
            "crumbs": crumbs(bucket, prefix, here["at"]),
            "lines": shown,
            "is_first": "cursor" not in wanted,
            "here": address("browser", bucket, **here),
            "more": more and address("browser", bucket, **here, cursor=more),
            "now": address("browser", bucket, prefix=prefix),
            "filter": address("browser", bucket, prefix=prefix, at=here["at"]),
            "search": address("search", bucket=bucket, prefix=prefix, q=begins),
            "may_write": at is None and policy.allows(principal, row, Action.WRITE),
            "versioned": versioned,
            "needs_key": principal.user_id is not None
            and row.visibility not in _PUBLIC,
        },
    )


@require_safe
@page
def extent(request: HttpRequest, bucket: str) -> HttpResponse:
    """Tell how many keys a prefix has, and a moment before whatever comes next."""
    prefix = sent(request).get("prefix", "")
    row = policy.bucket_for(principal_of(request), bucket, Action.LIST, prefix=prefix)
    moment = restore.now()
    keys = prefixes.measure(Work(row, prefix)).keys
    return JsonResponse({"keys": keys, "moment": moment.isoformat()})


@require_POST
@page
def download(request: HttpRequest, bucket: str) -> HttpResponseBase:
    """Send what was chosen in a folder as one ZIP."""
    folder = sent(request).get("prefix", "")
    row = policy.bucket_for(principal_of(request), bucket, Action.LIST, prefix=folder)
    try:
        chosen = _Chosen.model_validate_json(request.POST.get("chosen", ""))
    except ValidationError:
        raise InvalidArgument(
            gettext_noop("chosen: name keys and prefixes, as JSON.")
        ) from None
    if not all(key.startswith(folder) for key in chosen.keys + chosen.prefixes):
        raise InvalidArgument(
            gettext_noop("chosen: all of it begins with %(folder)r."), folder=folder
        )
    rows = archive.rows_of_chosen(
        bucket=row, keys=chosen.keys, prefixes=chosen.prefixes
    )
    made = archive.archive(bucket=row, prefix=folder, rows=rows)
    return archives.response(made, archive.archive_name(bucket=row, prefix=folder))


def _split(prefix: str, begins: str) -> tuple[str, str]:
    """Return the folder, and what names in it begin with: a prefix may be both."""
    folder, slash, rest = prefix.rpartition("/")
    return folder + slash, rest + begins


def _rows(asked: str) -> int:
    """Return how many rows to show: a page, or as many as were there before."""
    known = asked.isascii() and asked.isdigit() and len(asked) <= _MOST_DIGITS
    return min(max(int(asked) if known else 0, _PAGE), listing.PAGE_MAX)


def _template(request: HttpRequest, wanted: dict[str, str]) -> str:
    if not is_part(request):
        return "browser.html"
    part = "rows" if "cursor" in wanted else "listing"
    return f"parts/browser_{part}.html"


def _line(entry: "ListedEntry", prefix: str, at: str) -> Line:
    bucket, key = entry.bucket, entry.key
    if entry.is_prefix:
        folder = {"bucket": bucket, "prefix": key} | ({"at": at} if at else {})
        return Line(
            name=_shown(key.removeprefix(prefix).removesuffix("/")),
            is_folder=True,
            href=address("browser", bucket, prefix=key, at=at),
            download=f"/archive?{urlencode(folder)}",
        )
    version = entry.version_id if at else ""
    return Line(
        name=_shown(key.removeprefix(prefix)),
        is_folder=False,
        href=address("object", bucket, key=key, version=version),
        download=url_path(bucket, key, version=version, redirect="0"),
        content_type=entry.content_type,
        size=entry.size,
        changed=entry.created_at,
    )


def _shown(name: str) -> str:
    """Return a name for one line of text; of an empty one, a slash."""
    return name.translate(_SIGNS) or "/"


def crumbs(bucket: str, prefix: str, at: str = "") -> list[tuple[str, str]]:
    """Return each folder on the way down: its name, and its address."""
    names = prefix.split("/")[:-1]
    paths = ["/".join(names[: depth + 1]) + "/" for depth in range(len(names))]
    return [
        (name, address("browser", bucket, prefix=path, at=at))
        for name, path in zip(names, paths, strict=True)
    ]
