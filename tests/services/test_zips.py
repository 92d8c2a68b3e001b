"""Archives against `unzip`, Python's reader, and the limits of the format."""

import shutil
import subprocess
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from objects_app.services.archive_entries import Entry
from objects_app.services.zips import Zip

MIB = 1024 * 1024
ZEROS = bytes(MIB)
A_DAY = int(datetime(2026, 2, 28, 23, 59, 58, tzinfo=UTC).timestamp())


class Kept:
    """Records in memory."""

    def __init__(self) -> None:
        self._records: list[bytes] = []

    def keep_record(self, record: bytes) -> None:
        self._records.append(record)

    def records(self) -> Iterator[bytes]:
        return iter(self._records)


def written(path: Path, files: Iterable[tuple[Entry, Iterable[bytes]]]) -> int:
    """Write an archive and return the length that it said it would have.

    Zeros become a hole in the file.
    """
    files = list(files)
    archive = Zip(Kept())
    for entry, _ in files:
        archive.expect(entry)
    with path.open("wb") as file:
        for entry, content in files:
            for block in archive.entry(entry, content):
                if block is ZEROS:
                    file.seek(MIB, 1)
                else:
                    file.write(block)
        file.writelines(archive.footer())
    return len(archive)


def named(name: str, size: int = 0, modified: int = A_DAY) -> Entry:
    return Entry(name, size, modified, ())


@pytest.mark.parametrize(
    "count",
    [
        *(0, 1),
        pytest.param(65_535, marks=pytest.mark.slow),
        pytest.param(65_536, marks=pytest.mark.slow),
    ],
)
def test_any_number_of_entries_has_the_length_that_was_told(
    tmp_path: Path, count: int
) -> None:
    path = tmp_path / "a.zip"
    told = written(path, ((named(f"{n}/"), ()) for n in range(count)))
    assert told == path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        assert len(archive.infolist()) == count


@pytest.mark.slow
@pytest.mark.parametrize("above", [-MIB, 0])
def test_entries_around_two_gib_have_the_length_that_was_told(
    tmp_path: Path, above: int
) -> None:
    path = tmp_path / "a.zip"
    size = 2**31 + above
    large = named("large", size), (ZEROS for _ in range(size // MIB))
    told = written(path, [large, (named("small", 4), [b"last"])])
    assert told == path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        assert archive.getinfo("large").file_size == size
        assert archive.read("small") == b"last"


@pytest.mark.parametrize(
    ("modified", "read"),
    [
        (A_DAY, (2026, 2, 28, 23, 59, 58)),
        (0, (1980, 1, 1, 0, 0, 0)),
        (-5, (1980, 1, 1, 0, 0, 0)),
        (2**33, (2107, 12, 31, 23, 59, 58)),
    ],
)
def test_a_time_that_the_format_has_not_is_the_nearest_it_has(
    tmp_path: Path, modified: int, read: tuple[int, ...]
) -> None:
    path = tmp_path / "a.zip"
    told = written(path, [(named("a", 1, modified), [b"x"])])
    assert told == path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        assert archive.getinfo("a").date_time == read


@pytest.mark.skipif(shutil.which("unzip") is None, reason="there is no unzip")
def test_unzip_makes_the_files_with_their_times_and_its_folders(tmp_path: Path) -> None:
    path, folder = tmp_path / "a.zip", tmp_path / "out"
    files = [
        (named("grüße/日本.txt", 5, A_DAY + 1), [b"hal", b"lo"]),
        (named("empty/"), ()),
        (named("nothing"), [b""]),
    ]
    told = written(path, files)
    assert told == path.stat().st_size
    unzipped = subprocess.run(
        ["unzip", "-q", path, "-d", folder],
        env={"LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (unzipped.returncode, unzipped.stdout, unzipped.stderr) == (0, "", "")
    file = folder / "grüße/日本.txt"
    assert file.read_bytes() == b"hallo"
    assert file.stat().st_mtime == A_DAY + 1
    assert file.stat().st_mode & 0o777 == 0o644
    assert (folder / "empty").is_dir()
    assert (folder / "nothing").read_bytes() == b""
