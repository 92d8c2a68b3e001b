"""The key of a store that was given none."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from objectstore import secret_key


def test_the_key_is_made_once_and_read_ever_after(tmp_path: Path) -> None:
    first = secret_key.read_or_create(tmp_path)

    assert len(first) >= 50
    assert secret_key.read_or_create(tmp_path) == first


def test_two_stores_have_different_keys(tmp_path: Path) -> None:
    keys = {secret_key.read_or_create(tmp_path / name) for name in ("a", "b")}

    assert len(keys) == 2


def test_only_its_owner_may_read_the_key_and_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "data"

    secret_key.read_or_create(folder)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "secret_key").stat().st_mode) == 0o600


def test_nodes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: secret_key.read_or_create(tmp_path), range(8)))

    assert len(keys) == 1
    assert os.listdir(tmp_path) == ["secret_key"]  # noqa: PTH208


def test_a_key_made_by_another_node_meanwhile_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret_key").write_text("the other node's")
    monkeypatch.setattr(Path, "exists", lambda _self: False)

    assert secret_key.read_or_create(tmp_path) == "the other node's"


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")

    with pytest.raises(
        ImproperlyConfigured, match=r"Cannot use the data folder .*DATA_DIR"
    ):
        secret_key.read_or_create(in_the_way / "data")
