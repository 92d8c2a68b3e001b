"""GET /healthz and /readyz: alive, and each dependency by name with its time."""

from typing import Any

import pytest
from pytest_django import Settings

from tests.client import DataPlane

pytestmark = pytest.mark.django_db


def test_healthz_says_alive_and_asks_nobody(
    data_plane: DataPlane, settings: Settings, django_assert_num_queries: Any
) -> None:
    (settings.DATA_DIR).mkdir(exist_ok=True)
    settings.DATA_DIR.rename(settings.DATA_DIR.with_name("away"))
    with django_assert_num_queries(0):
        alive = data_plane.get("/healthz")
    assert (alive.status, alive.json()) == (200, {"status": "alive"})


def test_readyz_names_each_dependency_with_its_time(data_plane: DataPlane) -> None:
    ready = data_plane.get("/readyz")
    assert ready.status == 200
    told = ready.json()
    assert told["status"] == "ready"
    assert set(told["dependencies"]) == {"database", "storage"}
    for dependency in told["dependencies"].values():
        assert dependency["ok"] is True
        assert dependency["ms"] >= 0


def test_readyz_is_503_when_the_storage_is_gone(
    data_plane: DataPlane, settings: Settings
) -> None:
    assert data_plane.get("/readyz").status == 200
    settings.DATA_DIR.rename(settings.DATA_DIR.with_name("away"))
    down = data_plane.get("/readyz")
    assert down.status == 503
    assert down.json()["status"] == "unavailable"
    assert down.json()["dependencies"]["storage"]["ok"] is False
    assert down.json()["dependencies"]["database"]["ok"] is True


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_load_balancer_may_ask_under_any_host_name(
    data_plane: DataPlane, path: str
) -> None:
    for host in ("10.0.0.7:8080", "evil.example"):
        assert data_plane.get(path, headers={"Host": host}).status == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_nobody_needs_permission_to_ask(
    data_plane: DataPlane, settings: Settings, path: str
) -> None:
    settings.ANONYMOUS_ACCESS = "none"
    assert data_plane.get(path, environ={"REMOTE_ADDR": "192.0.2.1"}).status == 200
    assert data_plane.head(path).status == 200
