"""Whatever people read goes through gettext."""

import re
from pathlib import Path

import pytest
from django.conf import settings

TEMPLATES = settings.BASE_DIR / "templates"
SCRIPTS = settings.BASE_DIR / "static/js"
ATTRIBUTES = "alt|aria-label|aria-description|label|placeholder|title"
_TRANSLATED = re.compile(
    r"{%\s*blocktranslate\b.*?{%\s*endblocktranslate\s*%}", re.DOTALL
)
_COMMENT = re.compile(r"{#.*?#}|<!--.*?-->|{%\s*comment.*?endcomment\s*%}", re.DOTALL)
_CODE = re.compile(r"<(pre|code|kbd)\b.*?</\1>", re.DOTALL)
_DJANGO = re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL)
_TAG = re.compile(r"<[^>]*>", re.DOTALL)
_WORD = re.compile(r"(?<!&)\b[^\W\d_]{2,}")
# What a script shows: texts handed to the page, a dialog or the toast.
_SHOWN = re.compile(
    r"(?:textContent|innerText|title|placeholder|ariaLabel|alt)\s*=\s*([\"'`])(.*?)\1"
    r"|toast\(\s*([\"'`])(.*?)\3"
    r"|setAttribute\(\s*[\"']aria-label[\"'],\s*([\"'`])(.*?)\5"
)


def spoken(template: str) -> list[str]:
    """Return the words of a template that no translation would reach."""
    text = _COMMENT.sub(" ", template)
    text = _TRANSLATED.sub(" ", text)
    text = _CODE.sub(" ", text)
    plain = _DJANGO.sub("", text)
    attributes = re.findall(rf'\b(?:{ATTRIBUTES})="([^"]*)"', plain)
    return [
        word
        for part in (_TAG.sub(" ", plain), *attributes)
        for word in _WORD.findall(part)
    ]


def shown(script: str) -> list[str]:
    """Return the texts that a script shows as they stand."""
    texts = ("".join(found[1::2]) for found in _SHOWN.findall(script))
    return [text for text in texts if _WORD.search(re.sub(r"\$\{.*?\}", "", text))]


@pytest.mark.parametrize(
    "path", sorted(TEMPLATES.rglob("*.html")), ids=lambda p: p.name
)
def test_a_template_says_nothing_untranslatable(path: Path) -> None:
    allowed = {"KiB", "MiB", "GiB", "SHA", "ETag", "UTC", "JSON", "CSV", "ZIP", "URL"}
    assert set(spoken(path.read_text())) <= allowed


@pytest.mark.parametrize("path", sorted(SCRIPTS.rglob("*.js")), ids=lambda p: p.name)
def test_a_script_says_nothing_untranslatable(path: Path) -> None:
    assert shown(path.read_text()) == []


def test_bare_words_would_be_found() -> None:
    assert spoken('<p>Hello {{ name }}</p><a title="There">{# no #}</a>') == [
        "Hello",
        "There",
    ]
    assert shown(
        'a.textContent = "Ready"; toast(`Gone`); b.title = gettext("Yes");'
    ) == [
        "Ready",
        "Gone",
    ]
