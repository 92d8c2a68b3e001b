"""The commands that move data: what they parse, print and end with."""

import io
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from objects_app.models import Bucket
from objects_app.services import transfer

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("data_dir"),
]


def run(*words: object) -> str:
    out = io.StringIO()
    call_command(*map(str, words), stdout=out, stderr=io.StringIO())
    return out.getvalue().strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    made = tmp_path / "tree"
    (made / "sub").mkdir(parents=True)
    (made / "a.txt").write_bytes(b"alpha")
    (made / "sub/b").write_bytes(b"beta")
    (made / "link").symlink_to("a.txt")
    return made


def test_an_import_says_what_came_of_it(tree: Path) -> None:
    assert run("import_tree", tree, "test/p") == (
        "Imported 2 objects (9 bytes), 0 were there already, 0 failed, "
        "1 links and special files passed by."
    )
    assert run("import_tree", tree, "test/p").startswith(
        "Imported 0 objects (0 bytes), 2 were there already"
    )
    assert run("import_tree", tree, "test/q").endswith("Deduplication saved 9 bytes.")


def test_a_dry_import_says_what_it_would_do(tree: Path) -> None:
    assert run("import_tree", tree, "test", "--dry-run").startswith("Would import 2")
    assert not Bucket.objects.exists()


def test_an_import_makes_the_bucket_for_its_owner(tree: Path, alice: User) -> None:
    run("import_tree", tree, "test", "--owner", "alice")
    assert Bucket.objects.get().owner == alice


def test_an_owner_that_is_not_there_is_refused(tree: Path) -> None:
    with pytest.raises(CommandError, match="no user nobody"):
        run("import_tree", tree, "test", "--owner", "nobody")
    assert not Bucket.objects.exists()


def test_a_bucket_name_that_is_none_is_refused(tree: Path) -> None:
    with pytest.raises(CommandError, match="lowercase"):
        run("import_tree", tree, "Not_A_Bucket")


@pytest.mark.parametrize(
    "words",
    [
        ("import_tree", ".", "test/\udcff"),
        ("export_tree", "test/\udcff", "."),
        ("import_s3", "s3://old/\udcff", "test"),
    ],
)
def test_a_prefix_that_is_not_utf8_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="not UTF-8"):
        run(*words)
    assert not Bucket.objects.exists()


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as refused:
        run("import_tree", tmp_path / "nothing", "test")
    nothing = tmp_path / "nothing"
    assert str(refused.value) == f"Cannot use {nothing}: No such file or directory."


@pytest.mark.parametrize("place", ["nobodys", "Not_A_Bucket"])
def test_what_stays_wrong_is_not_to_be_run_again(tmp_path: Path, place: str) -> None:
    with pytest.raises(CommandError) as refused:
        run("export_tree", place, tmp_path)
    assert "Run it again" not in str(refused.value)


@pytest.mark.parametrize("address", ["minio:9000", "http://", "http://minio:port", ""])
def test_an_endpoint_that_is_none_is_refused(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMPORT_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(CommandError, match="is not of the form https://"):
        run(
            *("import_s3", "s3://old", "test"),
            *("--endpoint-url", address, "--access-key-id", "key"),
        )
    assert not Bucket.objects.exists()


def test_a_source_without_credentials_asks_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    with pytest.raises(CommandError, match="give --access-key-id") as refused:
        run("import_s3", "s3://old", "test", "--endpoint-url", "http://127.0.0.1:9")
    assert "Run it again" not in str(refused.value)


def test_failures_are_listed_and_end_in_an_error(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("import_tree", tree, "test")
    out = tree.parent / "out"
    out.mkdir()
    (out / "a.txt").write_bytes(b"mine")

    with pytest.raises(CommandError, match=r"Exported 1 objects .* 1 failed"):
        run("export_tree", "test", out)

    assert "failed a.txt: Another file" in capsys.readouterr().out


def test_an_export_overwrites_when_told(tree: Path) -> None:
    run("import_tree", tree, "test")
    out = tree.parent / "out"
    out.mkdir()
    (out / "a.txt").write_bytes(b"mine")

    assert run("export_tree", "test", out, "--overwrite").startswith("Exported 2")
    assert (out / "a.txt").read_bytes() == b"alpha"


def test_ctrl_c_ends_in_a_sentence(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(transfer, "together", interrupted)

    with pytest.raises(CommandError, match="goes on where it stopped") as stopped:
        run("import_tree", tree, "test")
    assert stopped.value.returncode == 130


def test_a_backup_and_a_restore_say_what_to_do_next(tree: Path) -> None:
    run("import_tree", tree, "test")
    file = tree.parent / "backup.gz"

    assert "keeps their bytes until the next backup" in run("backup", file)
    call_command("flush", interactive=False, verbosity=0)
    assert "Run verify next" in run("restore", file)
    assert run("backup", "--release") == "The hold is gone."
    assert run("backup", "--release") == "Nothing was held back."


def test_a_backup_needs_one_name(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="Name the FILE"):
        run("backup")
    with pytest.raises(CommandError, match="not both"):
        run("backup", tmp_path / "b", "--release")
    with pytest.raises(CommandError, match="No such file") as refused:
        run("backup", tmp_path / "nothing" / "b")
    assert ".part" not in str(refused.value)


def test_what_cannot_be_restored_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        run("restore", tmp_path / "nothing")
    (tmp_path / "b").write_bytes(b"b")
    with pytest.raises(CommandError, match="no backup"):
        run("restore", tmp_path / "b")


def test_sweep_and_stats_say_what_a_backup_holds_back(tree: Path) -> None:
    run("import_tree", tree, "test")
    run("backup", tree.parent / "backup.gz")
    (tree / "a.txt").write_bytes(b"another")
    run("import_tree", tree, "test")

    swept = run("sweep", "--grace", "0")

    assert "A backup holds 1 blobs (5 bytes) back." in swept
    assert run("stats").endswith("1 of them (5 bytes) for the next backup.")
