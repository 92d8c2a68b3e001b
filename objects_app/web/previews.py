"""How an object is shown: by its media type, else by what its key ends in.

What people stored never runs here: pictures, films and sounds go into elements of their
own, all else is read as data and drawn by our scripts.
"""

from objects_app.http.media_types import DEFAULT, essence, guess

MOST_IMAGE_BYTES = 64 * 1024**2

_IMAGES = frozenset(
    f"image/{kind}"
    for kind in (
        *("apng", "avif", "bmp", "gif", "jpeg", "png", "svg+xml", "webp"),
        *("x-icon", "vnd.microsoft.icon"),
    )
)
_KINDS = {
    "application/pdf": "pdf",
    "text/markdown": "markdown",
    "text/csv": "csv",
    "text/tab-separated-values": "csv",
    "application/json": "json",
    "application/geo+json": "json",
    "application/ld+json": "json",
    "application/x-ndjson": "json",
    "video/mp2t": "text",  # no browser plays it, and TypeScript ends in .ts, too
    DEFAULT: "text",  # where its first bytes are text
}
_TEXTS = frozenset(
    f"application/{kind}"
    for kind in (
        *("ecmascript", "javascript", "graphql", "sql", "toml", "typescript", "xml"),
        *("x-csh", "x-httpd-php", "x-javascript", "x-latex", "x-php", "x-python"),
        *("x-sh", "x-sql", "x-tcl", "x-tex", "x-yaml", "yaml"),
    )
)


def kind_of(*, content_type: str, key: str, size: int) -> str:
    """Return image, video, audio, pdf, markdown, csv, json or text; "" for none."""
    bare = essence(content_type)
    if bare == DEFAULT:
        bare = guess(key)
    if size == 0:
        return ""
    if bare in _IMAGES:
        return "image" if size <= MOST_IMAGE_BYTES else ""
    if bare in _KINDS:
        return _KINDS[bare]
    whole, _, _ = bare.partition("/")
    if whole in {"video", "audio"}:
        return whole
    is_text = whole == "text" or bare in _TEXTS or bare.endswith(("+xml", "+json"))
    return "text" if is_text else ""
