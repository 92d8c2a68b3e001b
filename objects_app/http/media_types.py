"""Media types: of an upload, and which of them a browser would run on our origin."""

import re
from functools import lru_cache
from mimetypes import MimeTypes
from posixpath import splitext

from django.http import HttpRequest
from django.utils.translation import gettext_noop

from objects_app.errors import InvalidArgument

DEFAULT = "application/octet-stream"
MAX_LENGTH = 255

_FORM = "application/x-www-form-urlencoded"
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  # RFC 9110's token, no secret
_QUOTED = r'"(?:[\t \x21\x23-\x5b\x5d-\x7e]|\\[\t \x21-\x7e])*"'
_PARAMETER = rf"{_TOKEN}=(?:{_TOKEN}|{_QUOTED})"
_MEDIA_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}(?:[ \t]*;(?:[ \t]*{_PARAMETER})?)*[ \t]*")

# Python's own table, without the machine's files: every node guesses alike.
_BUILT_IN = MimeTypes()
_OFFICE = "application/vnd.openxmlformats-officedocument"
_BY_EXTENSION = {
    **_BUILT_IN.types_map[False],
    **_BUILT_IN.types_map[True],
    ".7z": "application/x-7z-compressed",
    ".br": "application/x-brotli",
    ".bz2": "application/x-bzip2",
    ".docx": f"{_OFFICE}.wordprocessingml.document",
    ".epub": "application/epub+zip",
    ".flac": "audio/flac",
    ".gz": "application/gzip",
    ".jar": "application/java-archive",
    ".js": "text/javascript",
    ".jxl": "image/jxl",
    ".log": "text/plain",
    ".m4a": "audio/mp4",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".mkv": "video/matroska",
    ".ogg": "audio/ogg",
    ".otf": "font/otf",
    ".parquet": "application/vnd.apache.parquet",
    ".pptx": f"{_OFFICE}.presentationml.presentation",
    ".svgz": "application/gzip",
    ".tgz": "application/gzip",
    ".toml": "application/toml",
    ".ttf": "font/ttf",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    ".xz": "application/x-xz",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".z": "application/x-compress",
    ".zst": "application/zstd",
}

_ACTIVE = frozenset(
    {
        "text/html",
        "text/xml",
        "text/xsl",
        "text/xul",
        "text/x-component",
        "text/cache-manifest",
        "application/xml",
        "application/xml-dtd",
        "application/xml-external-parsed-entity",
        "application/hta",
        "application/x-shockwave-flash",
        "application/x-mimearchive",
        "message/rfc822",
    }
)
_ACTIVE_WORDS = ("javascript", "ecmascript", "jscript", "livescript")


def content_type(request: HttpRequest, key: str) -> str:
    """Return the type to store: the one sent, or a guess from the key when none was.

    curl's default for `--data`, the form type, counts as none. Raises InvalidArgument
    for what is no media type (RFC 9110 8.3.1) or has more than 255 characters.
    """
    sent = request.META.get("CONTENT_TYPE", "").strip(" \t")
    if not sent or essence(sent) == _FORM:
        return guess(key)
    if not is_media_type(sent):
        raise InvalidArgument(
            gettext_noop(
                "Content-Type must be a media type such as text/plain; "
                "charset=utf-8, of at most %(most)s characters; without one it is "
                "guessed from the key."
            ),
            most=MAX_LENGTH,
        )
    return str(sent)


def is_media_type(text: str) -> bool:
    """Whether it is a media type (RFC 9110 8.3.1) that is not too long to keep."""
    return len(text) <= MAX_LENGTH and bool(_MEDIA_TYPE.fullmatch(text))


def guess(key: str) -> str:
    """Return the type that the key's last extension stands for."""
    _, extension = splitext(key)
    return _BY_EXTENSION.get(extension.lower(), DEFAULT)


def essence(media_type: str) -> str:
    """Return the type without its parameters, in lower case."""
    return media_type.partition(";")[0].strip(" \t").lower()


@lru_cache(maxsize=1024)
def is_active(media_type: str) -> bool:
    """Whether a browser may run scripts of such a document, or compose it of parts."""
    bare = essence(media_type)
    return (
        bare in _ACTIVE
        or bare.endswith("+xml")
        or bare.startswith("multipart/")
        or any(word in bare for word in _ACTIVE_WORDS)
    )
