"""The benchmark: its arithmetic, and one row of it from end to end."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.report import Result, Target, table
from objectstore.config import BASE_DIR

AT_LEAST_HALF = Target("times or more", 0.5)


def result(values: list[float], limits: list[float], target: Target | None) -> Result:
    return Result(
        name="put",
        title="PUT",
        setup="sqlite+files",
        unit="/s",
        values=values,
        limit_title="nothing",
        limits=limits,
        target=target,
    )


def test_the_ratio_is_the_median_of_the_rounds_not_of_the_medians() -> None:
    measured = result([10.0, 40.0, 90.0], [100.0, 50.0, 300.0], None)
    assert (measured.value, measured.limit) == (40.0, 100.0)
    assert measured.ratios == [0.1, 0.8, 0.3]
    assert measured.ratio == 0.3


@pytest.mark.parametrize(
    ("target", "value", "met"),
    [
        (AT_LEAST_HALF, 50.0, True),
        (AT_LEAST_HALF, 49.0, False),
        (Target("times or less", 1.5), 150.0, True),
        (Target("times or less", 1.5), 151.0, False),
        (Target("MiB above or less", 120), 220.0, True),
        (Target("MiB above or less", 120), 221.0, False),
        (None, 1.0, None),
    ],
)
def test_a_target_is_met_up_to_its_very_bound(
    target: Target | None, value: float, met: bool | None
) -> None:
    assert result([value], [100.0], target).met is met


def test_the_table_names_a_row_once_and_gives_each_limit_a_line() -> None:
    first = result([60.0, 40.0], [100.0, 100.0], AT_LEAST_HALF)
    second = replace(first, limit_title="files", limits=[200.0, 200.0], target=None)
    missed = replace(
        first, setup="postgresql+files", values=[1.0, 1.0], cpu=[600.0, 800.0]
    )
    lines = table([first, second, missed]).splitlines()
    assert lines[1].split() == [
        "sqlite+files",
        "value",
        "CPU",
        "each",
        "limit",
        "ratio",
        "(spread)",
        "target",
    ]
    assert lines[2].split("  ")[0] == "PUT"
    assert " ".join(lines[2].split()).endswith("0.50x (0.40-0.60) >= 0.50x met")
    assert lines[3].startswith(" ")
    assert " ".join(lines[3].split()) == "200 /s files 0.25x (0.20-0.30)"
    assert lines[5].startswith("postgresql+files ")
    assert lines[6].endswith("MISSED")
    assert "700 us" in lines[6]


@pytest.mark.e2e
@pytest.mark.tooling
def test_one_row_is_measured_from_end_to_end(tmp_path: Path) -> None:
    file = tmp_path / "results" / "out.json"
    arguments = ("--quick", "--rounds=1", "--only=get-4k", "--setup=sqlite+files")
    ended = subprocess.run(
        [sys.executable, "-m", "bench", *arguments, f"--json={file}"],
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "GET 4 KiB, 16 connections" in ended.stdout
    assert "SQLite" in ended.stdout
    [row] = json.loads(file.read_text())["rows"]
    assert row["name"] == "get-4k"
    assert row["value"] > 0
    assert row["ratio"] == pytest.approx(row["value"] / row["limit"])


@pytest.mark.tooling
def test_an_unknown_row_is_refused_with_the_names_there_are() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bench", "--only=nothing"],
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "get-4k" in ended.stderr
