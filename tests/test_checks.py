"""Settings and databases that would lose or leak are named before they do."""

from pathlib import Path

import pytest
from django.core import checks
from django.db import connection
from pytest_django import DjangoAssertNumQueries, Settings

from objects_app.checks import MAX_OBJECT_BYTES
from objectstore.config import Config


def found(*, deploy: bool = False, databases: list[str] | None = None) -> set[str]:
    messages = [
        message
        for message in checks.run_checks(
            include_deployment_checks=deploy, databases=databases
        )
        if str(message.id).startswith("objects_app.")
    ]
    assert all(message.hint for message in messages)
    return {str(message.id) for message in messages}


@pytest.fixture(autouse=True)
def _sensible_settings(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    settings.MAX_UPLOAD_BYTES = 1024
    for name in Config.model_fields:
        if name.startswith(("s3_", "aws_")):
            setattr(settings, name.upper(), None)


def test_the_defaults_have_nothing_to_say_about() -> None:
    assert found(deploy=True) == set()


def test_an_s3_bucket_alone_is_fine(settings: Settings) -> None:
    settings.S3_BUCKET_NAME = "my-bucket"

    assert found() == set()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"AWS_ACCESS_KEY_ID": "key"}, "E001"),
        ({"AWS_SECRET_ACCESS_KEY": "secret"}, "E001"),
        ({"S3_SSE_KMS_KEY_ID": "key"}, "E006"),
        ({"S3_SSE_KMS_KEY_ID": "key", "S3_SSE": "AES256"}, "E006"),
        ({"S3_BUCKET_NAME": None, "S3_ENDPOINT_URL": "http://s3"}, "E007"),
        ({"S3_BUCKET_NAME": None, "DOWNLOAD_MODE": "redirect"}, "E007"),
        ({"CLOUDFRONT_DOMAIN": "d.cloudfront.net"}, "E008"),
        ({"CLOUDFRONT_KEY_ID": "K1", "CLOUDFRONT_KEY": "pem"}, "E008"),
    ],
)
def test_half_of_a_configuration_of_s3_is_refused(
    settings: Settings, changed: dict[str, str | None], expected: str
) -> None:
    for name, value in ({"S3_BUCKET_NAME": "my-bucket"} | changed).items():
        setattr(settings, name, value)

    assert found() == {f"objects_app.{expected}"}


@pytest.mark.parametrize("pem", ["not a key", "-----BEGIN PRIVATE KEY-----\\nAA=="])
def test_a_cloudfront_key_that_is_none_is_refused(settings: Settings, pem: str) -> None:
    settings.CLOUDFRONT_DOMAIN = "d.cloudfront.net"
    settings.CLOUDFRONT_KEY_ID = "K1"
    settings.CLOUDFRONT_KEY = pem

    assert found() == {"objects_app.E008"}


def test_a_limit_that_the_database_cannot_count_is_refused(
    settings: Settings,
) -> None:
    settings.MAX_UPLOAD_BYTES = MAX_OBJECT_BYTES + 1

    assert found() == {"objects_app.E002"}


def test_a_limit_larger_than_the_disk_is_no_limit(settings: Settings) -> None:
    settings.MAX_UPLOAD_BYTES = MAX_OBJECT_BYTES

    assert found() == {"objects_app.W001"}


def test_a_data_folder_that_is_not_there_yet_is_not_measured(
    settings: Settings, tmp_path: Path
) -> None:
    settings.MAX_UPLOAD_BYTES = MAX_OBJECT_BYTES
    settings.DATA_DIR = tmp_path / "later"

    assert found() == set()


def test_clients_may_not_be_silent_for_hours(settings: Settings) -> None:
    settings.BODY_TIMEOUT_SECONDS = 3600

    assert found() == {"objects_app.W002"}


def test_a_lease_longer_than_the_interval_is_questioned(
    settings: Settings,
) -> None:
    settings.SWEEP_INTERVAL_SECONDS = 10
    settings.SWEEP_LEASE_SECONDS = 11

    assert found() == {"objects_app.W003"}


def test_writing_for_everybody_is_named_before_deploying(
    settings: Settings,
) -> None:
    settings.ANONYMOUS_ACCESS = "write"
    settings.LOCAL_MODE = False

    assert found() == set()
    assert found(deploy=True) == {"objects_app.W004"}


def test_writing_for_everybody_on_this_machine_is_what_local_mode_is_for(
    settings: Settings,
) -> None:
    settings.ANONYMOUS_ACCESS = "write"
    settings.LOCAL_MODE = True

    assert found(deploy=True) == set()


def test_answering_to_any_host_is_named_before_deploying(
    settings: Settings,
) -> None:
    settings.ALLOWED_HOSTS = ["*"]

    assert found(deploy=True) == {"objects_app.W005"}


def test_no_grace_is_named_before_deploying(settings: Settings) -> None:
    settings.SWEEP_GRACE_SECONDS = 0

    assert found(deploy=True) == {"objects_app.W006"}


@pytest.mark.django_db
def test_the_database_of_these_tests_is_one_the_store_can_trust() -> None:
    assert found(databases=["default"]) == set()


@pytest.mark.django_db
def test_the_database_is_asked_only_when_it_is_named(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(0):
        assert found() == set()


@pytest.mark.sqlite_only
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("OFF", {"objects_app.E005"}),
        ("NORMAL", {"objects_app.E005"}),
        ("FULL", set()),
        ("EXTRA", set()),
    ],
)
def test_sqlite_must_wait_for_the_disk(level: str, expected: set[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA synchronous={level}")
    try:
        assert found(databases=["default"]) == expected
    finally:
        connection.close()


@pytest.mark.postgresql_only
@pytest.mark.django_db
def test_postgresql_may_not_forget_commits() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")

    assert found(databases=["default"]) == {"objects_app.E003"}


@pytest.mark.postgresql_only
@pytest.mark.django_db(transaction=True)
def test_postgresql_must_show_each_statement_what_is_committed() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_isolation = 'repeatable read'")
    try:
        assert found(databases=["default"]) == {"objects_app.E004"}
    finally:
        connection.close()
