"""Object paths and query strings, byte for byte.

Django decodes paths into text and writes an invalid byte FF as `%FF`, so that two keys
become one; here keys stay the bytes that the client's percent-encoding stands for.
"""

from typing import Any
from urllib.parse import quote, unquote_to_bytes

from django.utils.translation import gettext_noop

from objects_app.errors import InvalidArgument

_RAW_PATH = "objectstore.raw_path"
_DOT_SEGMENTS = frozenset({".", ".."})


def raw_path(environ: dict[str, Any]) -> bytes:
    """Return the percent-decoded path as the server received it.

    The first call for a request must come before Django makes its request object, which
    overwrites PATH_INFO; that call leaves the answer in `environ` for all later ones.
    """
    saved: bytes | None = environ.get(_RAW_PATH)
    if saved is None:
        saved = environ.get("PATH_INFO", "").encode("latin-1")
        environ[_RAW_PATH] = saved
    return saved


def object_path(raw: bytes) -> tuple[bytes, bytes]:
    """Split `/buckets/{bucket}/objects/{key}`; the key is all that follows, even b"".

    Raises InvalidArgument for any other path.
    """
    head, _, rest = raw.partition(b"/buckets/")
    bucket, _, tail = rest.partition(b"/")
    if head or not bucket or not tail.startswith(b"objects/"):
        raise InvalidArgument(
            gettext_noop("An object's path is /buckets/{bucket}/objects/{key}.")
        )
    return bucket, tail.removeprefix(b"objects/")


def query(environ: dict[str, Any]) -> dict[str, str]:
    """Return the parameters of the query string, `+` standing for a blank.

    Raises InvalidArgument for a name given twice, invalid UTF-8, or NUL.
    """
    raw = environ.get("QUERY_STRING", "")
    if not raw:
        return {}
    parameters: dict[str, str] = {}
    for part in raw.encode("latin-1").split(b"&"):
        if not part:
            continue
        name, _, value = part.partition(b"=")
        decoded = _text(name)
        if decoded in parameters:
            raise InvalidArgument(
                gettext_noop("The parameter %(decoded)r is given twice."),
                decoded=decoded,
            )
        parameters[decoded] = _text(value)
    return parameters


def url_path(bucket: str, key: str, **parameters: str | None) -> str:
    """Return the path of an object for use in a URL, percent-encoded, with the
    parameters that have a value.

    A key with `.` or `..` between its slashes comes as `/objects?key=`: clients
    collapse dot segments of a path before they send it.
    """
    path = f"/buckets/{quote(bucket)}/objects"
    given = {name: value for name, value in parameters.items() if value}
    if _DOT_SEGMENTS.isdisjoint(key.split("/")):
        path = f"{path}/{quote(key)}"
    else:
        given = {"key": key, **given}
    pairs = "&".join(f"{name}={quote(value)}" for name, value in given.items())
    return f"{path}?{pairs}" if pairs else path


def _text(raw: bytes) -> str:
    try:
        decoded = unquote_to_bytes(raw.replace(b"+", b" ")).decode()
    except UnicodeDecodeError as error:
        raise InvalidArgument(
            gettext_noop(
                "The query string is not UTF-8: percent-encode the UTF-8 form."
            )
        ) from error
    if "\0" in decoded:
        raise InvalidArgument(
            gettext_noop("The query string holds NUL (%00): leave it out.")
        )
    return decoded
