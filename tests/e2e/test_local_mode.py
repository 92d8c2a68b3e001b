"""A store on one's own machine: on SQLite and files, nobody need sign in."""

from pathlib import Path

import pytest

from tests.e2e.attacked import PRECIOUS
from tests.e2e.test_attacks import FORGED
from tests.e2e.wire import Wire
from tests.servers.store import store

pytestmark = [pytest.mark.e2e, pytest.mark.sqlite_only, pytest.mark.files_only]


def test_on_the_machine_itself_a_forwarded_request_is_a_strangers(
    tmp_path: Path,
) -> None:
    """Local mode writes for whoever sits here, not for whoever a proxy lets in."""
    hosts = "127.0.0.1,localhost,store.example.com"
    with (
        store(tmp_path, TRUSTED_PROXIES="127.0.0.1", ALLOWED_HOSTS=hosts) as server,
        Wire(server.port) as wire,
    ):
        assert wire.ask("PUT", PRECIOUS, body=b"x").hear().status == 201
        for header in FORGED[:5]:
            heard = wire.ask("PUT", PRECIOUS, header, body=b"y").hear()
            assert heard.status == 401
