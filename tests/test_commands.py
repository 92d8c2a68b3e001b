"""The commands parse, call one service and say what came of it."""

import io
import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from objects_app.models import Blob
from objectstore.config import BASE_DIR
from tests.client import DataPlane
from tests.e2e.store import environment
from tests.servers.ports import free_port
from tests.stored import lose, replace, stored_digests

HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


def run(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.fixture
def hello(db: None, everybody_may_write: None, data_plane: DataPlane) -> None:
    data_plane.put("/buckets/words/objects/hello", b"hello")


@pytest.mark.usefixtures("hello")
def test_stats_counts_objects_and_what_deduplication_saves(
    data_plane: DataPlane,
) -> None:
    data_plane.put("/buckets/words/objects/again", b"hello")
    lines = run("stats").splitlines()
    assert lines[0].split() == ["words", "2", "objects", "10", "bytes"]
    assert "1 blobs of 5 bytes, 5 bytes saved" in lines[1]


@pytest.mark.usefixtures("hello")
def test_verify_says_that_all_is_well() -> None:
    assert run("verify").strip() == (
        "Verified 1 blobs (5 bytes): 0 missing, 0 damaged, 0 orphaned."
    )


@pytest.mark.usefixtures("hello")
def test_verify_fails_and_names_what_is_damaged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    replace(HELLO, b"hullo")
    with pytest.raises(CommandError, match="1 damaged"):
        call_command("verify")
    assert f"damaged {HELLO}" in capsys.readouterr().out


@pytest.mark.usefixtures("hello")
def test_a_dry_sweep_removes_nothing(data_plane: DataPlane) -> None:
    data_plane.delete("/buckets/words/objects/hello")
    assert "Would condemn 1 blobs" in run("sweep", "--dry-run", "--grace", "0")
    assert Blob.objects.get().condemned_at is None


@pytest.mark.usefixtures("hello")
def test_a_sweep_without_grace_removes_deleted_bytes(data_plane: DataPlane) -> None:
    data_plane.delete("/buckets/words/objects/hello")
    assert run("sweep", "--grace", "0").startswith("Removed 1 blobs (5 bytes)")
    assert stored_digests() == []


@pytest.mark.usefixtures("hello")
def test_a_sweep_of_orphans_takes_only_bytes_without_a_row() -> None:
    orphan = "00" * 32
    replace(orphan, b"?")
    assert run("sweep", "--orphans", "--grace", "0").startswith("Removed 1 blobs")
    assert stored_digests() == [HELLO]


@pytest.mark.django_db
def test_a_negative_grace_is_refused() -> None:
    with pytest.raises(CommandError, match="0 or more"):
        run("sweep", "--grace", "-1")


@pytest.mark.usefixtures("hello")
def test_distrust_makes_the_next_upload_put_lost_bytes_back(
    data_plane: DataPlane,
) -> None:
    lose(HELLO)
    assert run("distrust").startswith("1 blobs")
    data_plane.put("/buckets/words/objects/other", b"hello")
    assert data_plane.get("/buckets/words/objects/hello").body == b"hello"


@pytest.mark.usefixtures("hello")
def test_recounted_totals_are_the_rows(data_plane: DataPlane) -> None:
    run("recount")
    totals = data_plane.get("/buckets/words").json()
    assert (totals["objects"], totals["bytes"]) == (1, 5)


@pytest.mark.alone
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("everybody_may_write")
def test_folding_says_how_many_rows_it_folded(data_plane: DataPlane) -> None:
    run("fold_journal")
    data_plane.put("/buckets/words/objects/hello", b"hello")
    assert run("fold_journal").strip() == "Folded 2 journal rows."


@pytest.mark.e2e
@pytest.mark.sqlite_only
@pytest.mark.parametrize("command", ["serve", "stats", "nodes", "sweep"])
@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgres://nobody@127.0.0.1:{}/store", "refused"),
        ("postgres://nobody@127.0.0.1:{}/store?color=blue", "color"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_sentence(
    tmp_path: Path, command: str, url: str, told: str
) -> None:
    done = manage(tmp_path, command, DATABASE_URL=url.format(free_port()))
    [line] = done.stderr.splitlines()
    assert line.startswith("objectstore: The database cannot be used (")
    assert told in line
    assert done.returncode == 1


@pytest.mark.e2e
@pytest.mark.sqlite_only
def test_a_storage_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    away = {
        "S3_BUCKET_NAME": "bucket",
        "S3_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "LOG_LEVEL": "ERROR",
    }
    assert manage(tmp_path, "migrate", "-v0").returncode == 0
    done = manage(tmp_path, "sweep", "--orphans", **away)
    *_, line = done.stderr.splitlines()
    assert line.startswith("objectstore: The storage does not answer")
    assert "Traceback" not in done.stderr
    assert done.returncode == 1


def manage(
    folder: Path, *words: str, **variables: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(BASE_DIR / "manage.py"), *words],
        env=environment(
            ENV_FILE=os.devnull,
            DATA_DIR=str(folder),
            SECRET_KEY="k" * 40,
            ALLOWED_HOSTS="localhost",
            **variables,
        ),
        capture_output=True,
        text=True,
        check=False,
    )


def test_ctrl_c_in_any_command_is_a_word_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("django.core.management.execute_from_command_line", interrupted)
    main = runpy.run_path(str(BASE_DIR / "manage.py"))["main"]
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "objectstore: stopped.\n"


@pytest.mark.e2e
@pytest.mark.sqlite_only
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_worker_stops_cleanly_when_told(tmp_path: Path, number: int) -> None:
    environment = {
        **os.environ,
        "DATA_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "objectstore.settings",
        "FOLD_INTERVAL_SECONDS": "0.05",
    }
    manage = [sys.executable, str(BASE_DIR / "manage.py")]
    subprocess.run([*manage, "migrate", "-v0"], env=environment, check=True)
    with subprocess.Popen(
        [*manage, "worker"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline().startswith("Worker of ")
        worker.send_signal(number)
        out, errors = worker.communicate(timeout=20)
    assert (out.strip(), worker.returncode) == ("Worker stopped.", 0)
    assert "Traceback" not in errors
