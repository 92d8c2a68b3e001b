"""What every test may use: named people and a client of the data plane."""

import functools
import gc
import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import TransactionTestCase
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis
from pytest_django import DjangoDbBlocker, Settings

from objects_app.blobs.backend import backend
from tests import beside
from tests.client import DataPlane
from tests.emptying import emptying
from tests.servers.issuer import Provider, new_key
from tests.servers.s3 import find_weed, given_variables, seaweedfs

gc.disable()  # while collecting: of what that makes, nothing is garbage

# The same examples in each run: what fails can be seen again.
hypothesis.register_profile(
    "seeded",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],  # of the machine, not of the store
)
hypothesis.load_profile("seeded")

# What runs in the background (`make check &`) ignores Ctrl-C, and hands that down to
# the programs that these tests start and then interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Coverage measures xdist's workers; what a test starts is to be as it is."""
    if not config.getoption("numprocesses", None):
        os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
    beside.register(config)


def pytest_collection_finish() -> None:
    """What collecting has made stays: garbage is looked for without it from now on."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)  # before -m looks at the markers
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Leave out the tests that are only for another database or backend.

    Mark `once` those that ask for neither.
    """
    for item in items:
        if not (_ASKING & _asked_for(item)):
            item.add_marker("once")
    on_postgresql = "postgresql" in settings.DATABASES["default"]["ENGINE"]
    others = {"sqlite_only" if on_postgresql else "postgresql_only"}
    if settings.S3_BUCKET_NAME:
        others.add("files_only")
    left_out = [item for item in items if any(map(item.get_closest_marker, others))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


_ASKING = {
    *("db", "transactional_db", "django_db"),  # the database
    *("data_dir", "s3_server"),  # the place for bytes
    *("e2e", "race", "tooling"),  # these say so themselves
}


def _asked_for(item: pytest.Item) -> set[str]:
    """The names of its fixtures and markers."""
    fixtures: list[str] = getattr(item, "fixturenames", [])
    return {*fixtures, *(marker.name for marker in item.iter_markers())}


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Empty it quickly after each test that commits."""
    with django_db_blocker.unblock():
        empty = emptying()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
        yield


@pytest.fixture
def alice(db: None) -> User:
    """Alice owns what the tests are about."""
    return User.objects.create(username="alice")


@pytest.fixture
def bob(db: None) -> User:
    """Bob is the one alice lets in, when she does."""
    return User.objects.create(username="bob")


@pytest.fixture
def charlie(db: None) -> User:
    """Charlie is a stranger to both."""
    return User.objects.create(username="charlie")


@pytest.fixture
def data_plane() -> DataPlane:
    """A client of the REST store; whoever uses it asks for a database too."""
    return DataPlane()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[dict[str, str]]:
    """The settings of a real S3 server: the run's own, or one for these tests.

    Many tests make clients for it: what botocore reads for one is read once for all.
    """
    from botocore import session  # noqa: PLC0415 only these tests need boto3

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "create_loader", functools.cache(session.create_loader))
        yield from _s3_variables()


def _s3_variables() -> Iterator[dict[str, str]]:
    if given := given_variables():
        yield given
        return
    if find_weed() is None:
        pytest.skip("there is no SeaweedFS for this platform")
    with seaweedfs() as server:
        yield server.variables


@pytest.fixture
def on_s3(
    settings: Settings, s3_server: dict[str, str], tmp_path: Path
) -> Iterator[Settings]:
    """Keep the bytes in S3, under a prefix of this test's own.

    Who puts a proxy before it makes a client for that, which nobody else can use.
    """
    from objects_app.blobs import s3_client  # noqa: PLC0415 only these tests need boto3

    for name, value in s3_server.items():
        setattr(settings, name, value)
    settings.S3_PREFIX = secrets.token_hex(8)
    settings.DATA_DIR = tmp_path / "data"
    yield settings
    for key in list(s3_client._connected):
        if key[0].endpoint_url != s3_server["S3_ENDPOINT_URL"]:
            s3_client._connected.pop(key).client.close()


@pytest.fixture
def data_dir(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """A place of this test's own for the bytes; the database is the run's."""
    settings.DATA_DIR = tmp_path / "data"
    settings.S3_PREFIX = secrets.token_hex(8)
    backend.cache_clear()
    yield settings.DATA_DIR
    backend.cache_clear()


@pytest.fixture
def everybody_may_write(settings: Settings, data_dir: Path) -> None:
    """Let callers without credentials write, into a folder of this test's own."""
    settings.ANONYMOUS_ACCESS = "write"


@pytest.fixture
def nothing_for_anybody(settings: Settings, data_dir: Path) -> None:
    """Callers without credentials get nothing, and each test its own folder."""
    settings.ANONYMOUS_ACCESS = "none"


@pytest.fixture(autouse=True)
def _nobody_remembered() -> None:
    """Ids begin anew with each test's transaction: what was known of them is wrong."""
    from objects_app.access import accounts, oidc  # noqa: PLC0415 Django is set up now

    accounts.forget()
    oidc.forget()


@pytest.fixture(scope="session")
def providers_key() -> Any:
    """The key that each test's own provider begins with: one takes long to make."""
    return new_key()


@pytest.fixture
def provider(settings: Settings, providers_key: Any) -> Iterator[Provider]:
    """An identity provider that the store is told of, and knows nothing of yet."""
    from objects_app.access import issuer  # noqa: PLC0415 Django is set up now

    with Provider(providers_key).running() as running:
        for name, value in running.settings.items():
            setattr(settings, name, value)
        settings.OIDC_AUDIENCE = settings.OIDC_CLIENT_ID
        issuer.forget()
        yield running
    issuer.forget()
