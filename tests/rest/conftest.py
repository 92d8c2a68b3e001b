"""Each test of the REST door has a folder of its own and may write as anybody."""

import pytest


@pytest.fixture(autouse=True)
def as_anybody(everybody_may_write: None) -> None:
    """Let callers without credentials write; tests of access choose for themselves."""
