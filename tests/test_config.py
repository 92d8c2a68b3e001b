"""Settings come from the environment and `.env`, and nonsense is refused."""

import os
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from objectstore.config import BASE_DIR, Config
from objectstore.config_types import is_loopback

PRODUCTION = {
    "DATABASE_URL": "postgres://store:secret@db/store",
    "SECRET_KEY": "k" * 50,
    "ALLOWED_HOSTS": "store.example.com",
}


@pytest.fixture(autouse=True)
def _no_settings_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Config.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("ENV_FILE", os.devnull)


def given(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Config:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Config.load()


def test_nothing_needs_to_be_set() -> None:
    config = Config.load()

    assert (config.host, config.port) == ("127.0.0.1", 8080)
    assert config.local_mode
    assert not config.production


def test_the_environment_wins_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("PORT=8081\nNODE_ID=from-file\n")

    config = given(monkeypatch, ENV_FILE=str(env_file), PORT="8082")

    assert (config.port, config.node_id) == (8082, "from-file")


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given(monkeypatch, PORT="", DATABASE_URL="").port == 8080


def test_a_variable_of_somebody_else_is_no_mistake(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("AWS_REGION=eu-central-1\n")

    assert given(monkeypatch, ENV_FILE=str(env_file)).port == 8080


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("NODE_ID", "a node"),
        ("MAX_UPLOAD_BYTES", "much"),
        ("MAX_UPLOAD_BYTES", "0"),
        ("BODY_TIMEOUT_SECONDS", "0"),
        ("SWEEP_GRACE_SECONDS", "-1"),
        ("SWEEP_LEASE_SECONDS", "1"),
        ("WEB_CONCURRENCY", "0"),
        ("ANONYMOUS_ACCESS", "everything"),
        ("LOG_LEVEL", "LOUD"),
        ("SECRET_KEY", "short"),
        ("DATABASE_URL", "mysql://db/store"),
        ("DATABASE_URL", "postgres://store:se#cret@db/store"),
        ("DATABASE_URL", "postgres://store@db:port/store"),
        ("DATABASE_URL", "postgres://store@db"),
        ("S3_BUCKET_NAME", "my bucket"),
        ("S3_BUCKET_NAME", "bucket/folder"),
        ("S3_ENDPOINT_URL", "s3.example.com"),
        ("S3_ENDPOINT_URL", "http://"),
        ("S3_ENDPOINT_URL", "http://s3.example.com:port"),
        ("S3_PUBLIC_ENDPOINT_URL", "ftp://s3.example.com"),
        ("S3_PREFIX", "a b"),
        ("S3_PREFIX", "a/../b"),
        ("S3_PREFIX", "a" * 513),
        ("S3_SSE", "rot13"),
        ("AWS_REGION", "eu central"),
        ("AWS_REGION", "eu-central-"),
        ("S3_TIMEOUT_SECONDS", "0"),
        ("DOWNLOAD_MODE", "carrier-pigeon"),
        ("REDIS_URL", "http://cache"),
        ("REDIS_URL", "redis://cache:port/0"),
        ("DATABASE_POOL_SIZE", "-1"),
        ("LEADER_LEASE_SECONDS", "1"),
        ("TRUSTED_PROXIES", "nginx"),
        ("TRUSTED_PROXIES", "10.0.0.7, 10.0.0.1/8"),
        ("MAX_BODIES", "0"),
        ("HSTS_SECONDS", "-1"),
        ("BODY_MIN_BYTES_PER_SECOND", "fast"),
        ("LOGIN_FAILURES", "0"),
        ("OIDC_ISSUER", "login.example.com"),
        ("OIDC_ISSUER", "http://login.example.com"),
        ("OIDC_ISSUER", "http://10.0.0.1"),
        ("OIDC_ISSUER", "https://user@login.example.com"),
        ("OIDC_ISSUER", "https://login.example.com/?a=b"),
        ("OIDC_ISSUER", "file:///etc/passwd"),
        ("OIDC_GROUPS", "readers"),
        ("OIDC_GROUPS", "a=,b=c"),
    ],
)
def test_nonsense_is_refused_in_one_sentence_that_names_the_setting(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        given(monkeypatch, **{name: value})

    sentence = str(refused.value)
    assert sentence.startswith(f"{name} is not usable (")
    assert sentence.endswith("): change or unset it.")
    assert "\n" not in sentence
    assert "se#cret" not in sentence


def test_what_a_refusal_tells_to_write_is_told_as_it_has_to_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"%2F.*%5B"):
        given(monkeypatch, DATABASE_URL="postgres://store:a/b@db/store")


@pytest.mark.parametrize("alone", ["TLS_CERTIFICATE", "TLS_KEY"])
def test_a_certificate_and_its_key_go_together(
    monkeypatch: pytest.MonkeyPatch, alone: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match="go together"):
        given(monkeypatch, **{alone: "/etc/ssl/a.pem"})


def test_over_tls_the_url_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    config = given(monkeypatch, TLS_CERTIFICATE="a.crt", TLS_KEY="/b.key")

    assert config.url == "https://localhost:8080"
    assert config.tls_files == (BASE_DIR / "a.crt", Path("/b.key"))
    assert given(monkeypatch, TLS_CERTIFICATE="", TLS_KEY="").tls_files is None


@pytest.mark.parametrize(("threads", "bodies"), [(1, 1), (2, 1), (4, 2), (8, 6)])
def test_two_threads_are_kept_free_of_bodies(
    monkeypatch: pytest.MonkeyPatch, threads: int, bodies: int
) -> None:
    assert given(monkeypatch, WEB_THREADS=str(threads)).bodies == bodies


def test_bodies_may_not_take_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given(monkeypatch, WEB_THREADS="4", MAX_BODIES="3").bodies == 3
    with pytest.raises(ImproperlyConfigured, match="MAX_BODIES must be below"):
        given(monkeypatch, MAX_BODIES="4")


def test_sizes_may_carry_a_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given(monkeypatch, MAX_UPLOAD_BYTES="2 MiB").max_upload_bytes == 2 * 1024**2


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    config = given(monkeypatch, ALLOWED_HOSTS=" a.example, b.example ,")

    assert config.allowed_hosts == ("a.example", "b.example")


@pytest.mark.parametrize("missing", ["SECRET_KEY", "ALLOWED_HOSTS"])
def test_a_shared_database_needs_what_all_nodes_must_share(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    variables = {name: v for name, v in PRODUCTION.items() if name != missing}

    with pytest.raises(ImproperlyConfigured, match=f"needs .*{missing}"):
        given(monkeypatch, **variables)


@pytest.mark.parametrize(
    "shared",
    [{}, {"DATABASE_URL": "", "S3_BUCKET_NAME": "bucket"}],
    ids=["database", "bucket"],
)
def test_a_production_node_listens_for_other_machines(
    monkeypatch: pytest.MonkeyPatch, shared: dict[str, str]
) -> None:
    variables = PRODUCTION | shared

    assert given(monkeypatch, **variables).address == "0.0.0.0:8080"
    assert given(monkeypatch, **variables, BIND="::1").address == "[::1]:8080"


def test_a_shared_database_ends_local_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not given(monkeypatch, **PRODUCTION).local_mode


def test_listening_for_others_ends_local_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not given(monkeypatch, BIND="0.0.0.0").local_mode


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({}, 0),
        ({"HSTS_SECONDS": "60"}, 0),
        ({"BIND": "0.0.0.0", "HSTS_SECONDS": "60"}, 60),
        ({"BIND": "0.0.0.0", "HSTS_SECONDS": "0"}, 0),
        ({"TRUSTED_PROXIES": "127.0.0.1", "HSTS_SECONDS": "60"}, 60),
        (PRODUCTION, 31_536_000),
    ],
)
def test_browsers_are_told_of_https_wherever_others_come(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], seconds: int
) -> None:
    assert given(monkeypatch, **variables).hsts == seconds


def test_secrets_are_not_part_of_what_a_traceback_shows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = repr(given(monkeypatch, **PRODUCTION))

    assert "kkkk" not in shown
    assert "store:secret" not in shown


@pytest.mark.parametrize(
    ("bind", "address", "url"),
    [
        ("127.0.0.1", "127.0.0.1:8080", "http://localhost:8080"),
        ("::1", "[::1]:8080", "http://localhost:8080"),
        ("[::1]", "[::1]:8080", "http://localhost:8080"),
        ("0.0.0.0", "0.0.0.0:8080", "http://localhost:8080"),
        ("192.0.2.7", "192.0.2.7:8080", "http://192.0.2.7:8080"),
        ("2001:db8::7", "[2001:db8::7]:8080", "http://[2001:db8::7]:8080"),
    ],
)
def test_the_address_to_listen_on_and_the_url_to_open(
    monkeypatch: pytest.MonkeyPatch, bind: str, address: str, url: str
) -> None:
    config = given(monkeypatch, BIND=bind)

    assert (config.address, config.url) == (address, url)


@pytest.mark.parametrize(
    "address", ["localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]"]
)
def test_loopback_addresses(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "10.0.0.1", "example.com", ""])
def test_addresses_that_others_reach(address: str) -> None:
    assert not is_loopback(address)


def test_an_ipv4_address_written_as_ipv6_is_still_loopback() -> None:
    assert is_loopback("::ffff:127.0.0.1")
    assert not is_loopback("::ffff:10.0.0.1")


def test_env_example_names_only_settings_that_exist() -> None:
    example = Path(__file__).parent.parent / ".env.example"
    lines = [line.removeprefix("# ") for line in example.read_text().splitlines()]
    names = {line.partition("=")[0] for line in lines if line.split("=")[0].isupper()}

    of_compose = {"POSTGRES_PASSWORD"}
    assert names - of_compose <= {name.upper() for name in Config.model_fields}
    assert {"NODE_ID", "PORT", "DATABASE_URL", "S3_BUCKET_NAME"} <= names


@pytest.mark.parametrize("written", ["none", ""])
def test_a_limit_of_none_is_no_limit(
    monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    assert given(monkeypatch, RATE_LIMIT_READ=written).rate_limit_read == ""


def test_the_limit_of_guesses_is_lifted_only_by_saying_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert given(monkeypatch, RATE_LIMIT_AUTH="").rate_limit_auth == "30/minute"
    assert given(monkeypatch, RATE_LIMIT_AUTH="none").rate_limit_auth == ""


@pytest.mark.parametrize(
    "written", ["many", "0/second", "-1/second", "100", "5/second;9/hour", "5/week"]
)
def test_a_limit_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"RATE_LIMIT_LIST.*100/second"):
        given(monkeypatch, RATE_LIMIT_LIST=written)


def test_an_issuer_needs_a_client_id(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured, match="OIDC_CLIENT_ID"):
        given(monkeypatch, OIDC_ISSUER="https://login.example.com")


@pytest.mark.parametrize(
    "issuer", ["https://login.example.com/realms/a/", "http://localhost:9000"]
)
def test_an_issuer_is_https_or_on_this_machine(
    monkeypatch: pytest.MonkeyPatch, issuer: str
) -> None:
    config = given(monkeypatch, OIDC_ISSUER=issuer, OIDC_CLIENT_ID="objectstore")
    assert config.oidc_issuer == issuer


def test_groups_may_have_any_sign_in_the_providers_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = given(monkeypatch, OIDC_GROUPS="cn=a=readers, b=writers")
    assert config.oidc_groups == ("cn=a=readers", "b=writers")
