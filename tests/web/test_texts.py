"""Whatever people read goes through gettext."""

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import RequestFactory
from django.utils import translation

from objects_app import errors
from objects_app.web import refusals

APP = settings.BASE_DIR / "objects_app"
# What REST alone says is English: of headers, JSON and the like.
SPEAKING = sorted(
    path
    for part in (
        "errors",
        "names",
        "access/*",
        "admin/*",
        "blobs/*",
        "services/*",
        "web/*",
    )
    for path in APP.glob(f"{part}.py")
)
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
_REFUSALS = frozenset(
    name for name, made in vars(errors).items() if isinstance(made, type)
)
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


def untranslatable(code: str) -> list[str]:
    """Return the texts in refusals that no translation would reach."""
    return [
        ast.unparse(text)
        for made in ast.walk(ast.parse(code))
        if isinstance(made, ast.Call) and _is_refusal(made.func) and made.args
        for text in _bare(made.args[0])
    ]


def _is_refusal(called: ast.expr) -> bool:
    if isinstance(called, ast.Attribute):  # super().__init__(...) of a refusal
        return called.attr == "__init__"
    return isinstance(called, ast.Name) and called.id in _REFUSALS


def _bare(text: ast.expr) -> list[ast.expr]:
    """Return the texts in an expression that are not marked for translation."""
    if isinstance(text, ast.Call):
        return []  # a mark, or what the text comes from
    if isinstance(text, ast.JoinedStr) or (
        isinstance(text, ast.Constant) and isinstance(text.value, str)
    ):
        return [text]
    return [
        bare
        for part in ast.iter_child_nodes(text)
        if isinstance(part, ast.expr)
        for bare in _bare(part)
    ]


@pytest.mark.parametrize("path", SPEAKING, ids=lambda p: f"{p.parent.name}.{p.stem}")
def test_a_refusal_is_marked_for_translation(path: Path) -> None:
    assert untranslatable(path.read_text()) == []


def test_a_refusal_is_translated_on_a_screen_and_nowhere_else() -> None:
    # Words that Django's own catalogue has.
    some = "Delete selected %(verbose_name_plural)s"
    inner = errors.NoSuchKey("Home")
    told = errors.NoSuchBucket(some, verbose_name_plural="100 %")
    outer = errors.InvalidKey(some, verbose_name_plural=inner)
    with translation.override("de"):
        assert inner.translated() == "Start"
        assert told.translated() == "Ausgewählte 100 % löschen"
        assert outer.translated() == "Ausgewählte Start löschen"
        assert (str(inner), str(told)) == ("Home", "Delete selected 100 %")
    assert told.translated() == "Delete selected 100 %"


def test_a_page_refuses_in_the_language_that_is_spoken(rf: RequestFactory) -> None:
    with translation.override("de"):
        page = refusals.refused(rf.get("/"), errors.NoSuchBucket("Home"))
        part = refusals.sentence(errors.NoSuchBucket("Home"))
    assert "Start" in page.content.decode()
    assert part.content == b"Start"


def test_bare_words_would_be_found() -> None:
    assert spoken('<p>Hello {{ name }}</p><a title="There">{# no #}</a>') == [
        "Hello",
        "There",
    ]
    assert untranslatable(
        "NoSuchKey('Gone')\n"
        "NoSuchKey(f'No {key}', marker=None)\n"
        "NoSuchKey(gettext_noop('Gone'), key='x')\n"
        "NoSuchKey(_('Gone'))"
    ) == ["'Gone'", "f'No {key}'"]
    assert shown(
        'a.textContent = "Ready"; toast(`Gone`); b.title = gettext("Yes");'
    ) == [
        "Ready",
        "Gone",
    ]
