"""Icons, sizes and times of the console's templates, and what its reader may do."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from django import template
from django.template import Context
from django.templatetags.static import static
from django.utils.formats import number_format
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from objects_app.access import policy
from objects_app.access.policy import Action
from objects_app.http.paths import url_path

if TYPE_CHECKING:
    from objects_app.queries.rows import BucketRow

register = template.Library()

# By a media type's beginning, the first that fits.
_FILES = {
    "image/": "file-image",
    "video/": "file-video",
    "audio/": "file-music",
    "text/csv": "file-spreadsheet",
    "text/tab-separated": "file-spreadsheet",
    "application/vnd.openxmlformats-officedocument.spreadsheet": "file-spreadsheet",
    "application/vnd.ms-excel": "file-spreadsheet",
    "application/vnd.oasis.opendocument.spreadsheet": "file-spreadsheet",
    "application/vnd.apache.parquet": "file-spreadsheet",
    "application/json": "file-braces",
    "application/xml": "file-braces",
    "application/yaml": "file-braces",
    "application/toml": "file-braces",
    "text/xml": "file-braces",
    "text/html": "file-code",
    "text/css": "file-code",
    "text/javascript": "file-code",
    "text/x-": "file-code",
    "application/x-sh": "file-code",
    "application/zip": "file-archive",
    "application/gzip": "file-archive",
    "application/zstd": "file-archive",
    "application/x-7z": "file-archive",
    "application/x-bzip": "file-archive",
    "application/x-rar": "file-archive",
    "application/x-tar": "file-archive",
    "application/x-xz": "file-archive",
    "application/java-archive": "file-archive",
    "text/": "file-text",
    "application/pdf": "file-text",
    "application/msword": "file-text",
    "application/vnd.": "file-text",
    "application/rtf": "file-text",
}
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


@register.simple_tag
@lru_cache(512)  # a page of rows has hundreds, of few kinds
def icon(name: str, css: str = "", label: str = "") -> SafeString:
    """Return one of static/vendor/lucide; decoration, unless it has a label."""
    source = f"{static('vendor/lucide/icons.svg')}#{name}"
    classes = f"icon {css}".rstrip()
    if label:
        return format_html(
            '<svg class="{}" role="img" aria-label="{}"><use href="{}"></use></svg>',
            classes,
            label,
            source,
        )
    return format_html(
        '<svg class="{}" aria-hidden="true"><use href="{}"></use></svg>',
        classes,
        source,
    )


@register.filter
@lru_cache(256)
def file_icon(content_type: str) -> str:
    """Return the name of the icon for a file of that media type."""
    return next((i for t, i in _FILES.items() if content_type.startswith(t)), "file")


@register.filter
def size(count: int | None) -> str:
    """Return bytes as people read them: 1.2 MiB. Empty for None."""
    if count is None:
        return ""
    if abs(count) < 1024:
        return _("%(bytes)s B") % {"bytes": number_format(count)}
    value = float(count)
    unit = ""
    for unit in _UNITS:  # noqa: B007 the last one is used
        value /= 1024
        if abs(value) < 1024:
            break
    digits = 1 if abs(value) < 100 else 0
    return f"{number_format(round(value, digits), decimal_pos=digits)} {unit}"


@register.filter
def exact_size(count: int | None) -> str:
    """Return bytes as a form takes them, in the largest unit without a rest."""
    if count is None:
        return ""
    unit = "B"
    for larger in _UNITS:
        if not count or count % 1024:
            break
        count, unit = count // 1024, larger
    return f"{count} {unit}"


@register.filter
def count(number: int | None) -> str:
    """Return a number with its thousands apart: 1,234,567. Empty for None."""
    return "" if number is None else f"{number:,}"


@register.filter
def amount(number: int | None, unit: str) -> str:
    """Return a number of "bytes" as a size, and of anything else as a count."""
    return size(number) if unit == "bytes" else count(number)


@register.simple_tag
def moment(when: datetime | None, form: str = "") -> SafeString | str:
    """Return a time in UTC that the page's script makes the reader's.

    As `ago` it becomes "3 minutes ago", as `exact` it has seconds. Empty for None.
    """
    if when is None:
        return ""
    utc = when.astimezone(UTC)
    exact = utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    form = f" data-{form}" if form else ""
    shown = f"{utc:%Y-%m-%d %H:%M} UTC"
    return SafeString(f'<time datetime="{exact}"{form}>{shown}</time>')


@register.filter
def marking(text: str, part: str) -> SafeString:
    """Return a key with each place marked where it has the part, in any case; its
    lines end after a slash where they can."""
    pieces = (
        re.split(f"({re.escape(part)})", text, flags=re.IGNORECASE) if part else [text]
    )
    return SafeString(
        "".join(
            f"<mark>{_breaking(piece)}</mark>" if at % 2 else _breaking(piece)
            for at, piece in enumerate(pieces)
        )
    )


def _breaking(text: str) -> str:
    return escape(text).replace("/", "/<wbr>")


@register.simple_tag(takes_context=True)
def allowed(context: Context, bucket: "BucketRow", action: str) -> bool:
    """Whether the reader may do this (an access.policy.Action) with a bucket."""
    return policy.allows(context["principal"], bucket, Action(action))


@register.filter
def name_in(key: str, prefix: str) -> str:
    """Return what a folder shows of a key in it; of its own key, a slash."""
    return key.removeprefix(prefix) or "/"


@register.simple_tag
def object_path(bucket: str, key: str, version: str = "") -> str:
    """Return where the REST API has an object's bytes, the latest without a version.

    From here: browsers save no link that leads elsewhere, they open it.
    """
    return url_path(bucket, key, version=version, redirect="0")
