"""Lines to paste into a terminal or a program, for a key that was just made."""

import shlex
from typing import NamedTuple
from urllib.parse import quote, urlencode

from objects_app.access.keys import NewKey

_FILE = "README.md"
_BUCKET = "test"


class Lines(NamedTuple):
    """curl and Python, for listing, and for uploading where the key may ("")."""

    curl_list: str
    curl_upload: str
    python: str


def lines(base_url: str, made: NewKey) -> Lines:
    """Return lines that do what the key may, for this store's address."""
    row = made.row
    scope = {"bucket": row.only_bucket, "prefix": row.only_prefix}
    listed = urlencode({name: value for name, value in scope.items() if value})
    listing = f"{base_url}/objects?{listed}" if listed else f"{base_url}/buckets"
    key = quote(row.only_prefix + _FILE)
    target = f"{base_url}/buckets/{row.only_bucket or _BUCKET}/objects/{key}"
    user = shlex.quote(f"{row.key_id}:{made.secret}")
    bearer = f"Bearer {row.key_id}.{made.secret}"
    upload = f"curl -u {user} -T {_FILE} {shlex.quote(target)}"
    return Lines(
        curl_list=f"curl -u {user} {shlex.quote(listing)}",
        curl_upload="" if row.read_only else upload,
        python=_python(listing, "" if row.read_only else target, bearer),
    )


def _python(listing: str, target: str, bearer: str) -> str:
    """Return a program that needs nothing but Python."""
    upload = [
        "",
        f'with open({_FILE!r}, "rb") as file:',
        "    body = file.read()",
        "put = urllib.request.Request(",
        f"    {target!r}, data=body, headers=headers, method='PUT'",
        ")",
        "print(urllib.request.urlopen(put).status)",
    ]
    return "\n".join(
        [
            "import urllib.request",
            "",
            f"headers = {{'Authorization': {bearer!r}}}",
            "get = urllib.request.Request(",
            f"    {listing!r}, headers=headers",
            ")",
            "print(urllib.request.urlopen(get).read().decode())",
            *(upload if target else []),
        ]
    )
