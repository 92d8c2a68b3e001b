"""Each test of the REST door has a folder of its own and may write as anybody."""

from pathlib import Path

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def everybody_may_write(settings: Settings, data_dir: Path) -> None:
    """Let callers without credentials write; tests of access choose for themselves."""
    settings.ANONYMOUS_ACCESS = "write"
