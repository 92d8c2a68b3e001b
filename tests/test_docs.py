"""What the documents claim is held against the code."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from objectstore.config import BASE_DIR, Config

README = (BASE_DIR / "README.md").read_text()
CONTRIBUTING = (BASE_DIR / "CONTRIBUTING.md").read_text()

_ROW = re.compile(r"^\| `([A-Z0-9_]+)` \| (.+?) \| (.+) \|$", re.MULTILINE)
_SETTINGS = {row[0]: row[1:] for row in _ROW.findall(README)}
_PLACES = re.findall(r"^\| .+ \| `([^`]+)` \|$", CONTRIBUTING, re.MULTILINE)


def test_readme_lists_every_setting_and_no_other() -> None:
    assert set(_SETTINGS) == {name.upper() for name in Config.model_fields}


@pytest.mark.parametrize("name", Config.model_fields)
def test_readme_says_of_a_setting_what_the_code_says(name: str) -> None:
    assert _SETTINGS[name.upper()][1] == Config.model_fields[name].description


@pytest.mark.parametrize(
    "name", [n for n, f in Config.model_fields.items() if f.default_factory is None]
)
def test_readme_shows_the_default_of_a_setting(name: str) -> None:
    default = Config.model_fields[name].default
    shown = _SETTINGS[name.upper()][0]
    if shown == "unset":
        assert not default
        return
    given = {name: shown.strip("`")}
    parsed = getattr(Config.model_validate(given), name)
    if isinstance(parsed, Path):
        parsed = BASE_DIR / parsed
    assert parsed == default


def test_readme_lists_every_command_and_no_other() -> None:
    listed = re.findall(r"^\| `([a-z0-9_]+)[^|]*` \|", README, re.MULTILINE)
    commands = (BASE_DIR / "objects_app/management/commands").glob("[a-z]*.py")
    assert set(listed) - {"changepassword"} == {path.stem for path in commands}


@pytest.mark.parametrize("place", _PLACES)
def test_the_ten_second_table_points_at_what_is_there(place: str) -> None:
    path, _, name = place.partition(": ")
    tree = ast.parse((BASE_DIR / path).read_text())
    assert not name or name in _top_level_names(tree)


def test_the_ten_second_table_is_a_table() -> None:
    assert len(_PLACES) >= 10


def test_the_import_picture_is_the_one_that_is_enforced() -> None:
    project = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c["type"] == "layers")
    picture = "\n".join(layer.replace("objects_app.", "") for layer in layers)
    assert f"```\n{picture}\n```" in CONTRIBUTING


def test_the_readme_links_to_files_that_are_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (BASE_DIR / link).exists()] == []


def _top_level_names(tree: ast.Module) -> set[str]:
    names = set()
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]):
                names.add(name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
    return names
