"""Access is tested with nothing allowed to anybody."""

import pytest
from pytest_django import Settings


@pytest.fixture
def nothing_for_anybody(settings: Settings, data_dir: object) -> None:
    """Callers without credentials get nothing, and each test its own folder."""
    settings.ANONYMOUS_ACCESS = "none"
