"""What `manage.py serve` says."""

import pytest
from django.core.management import call_command

from objects_app.ops import startup


@pytest.fixture(autouse=True)
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Write down the steps instead of taking them."""
    taken: list[str] = []
    for step in (
        "check_surroundings",
        "prepare",
        "create_administrator",
        "run_processes",
    ):
        monkeypatch.setattr(startup, step, lambda step=step: taken.append(step))
    return taken


def test_the_steps_are_taken_in_order(steps: list[str]) -> None:
    call_command("serve")

    assert steps == [
        "check_surroundings",
        "prepare",
        "create_administrator",
        "run_processes",
    ]


def test_the_first_start_shows_the_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(startup, "create_administrator", lambda: "the-password")

    call_command("serve")

    assert "admin, password the-password (shown only now)" in capsys.readouterr().out


def test_a_later_start_shows_how_to_set_another_password(
    capsys: pytest.CaptureFixture[str],
) -> None:
    call_command("serve")

    assert "manage.py changepassword admin" in capsys.readouterr().out


def test_what_prevents_a_start_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, steps: list[str]
) -> None:
    def fail() -> None:
        raise startup.CannotStart("Because.")

    monkeypatch.setattr(startup, "prepare", fail)

    with pytest.raises(SystemExit) as left:
        call_command("serve")

    assert left.value.code == "objectstore: Because."
    assert "run_processes" not in steps
