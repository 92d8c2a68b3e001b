"""Every setting, read once from the environment and `.env`, refused when nonsense."""

import os
import socket
import sys
from pathlib import Path
from typing import Literal, Self

from django.core.exceptions import ImproperlyConfigured
from pydantic import ByteSize, Field, ValidationError
from pydantic_settings import SettingsConfigDict

from objectstore.config_rules import check_together
from objectstore.config_types import (
    HttpUrl,
    IssuerUrl,
    Names,
    Networks,
    Pairs,
    PostgresqlUrl,
    Rate,
    RedisUrl,
    S3Prefix,
    SecretKeys,
    is_loopback,
)
from objectstore.config_uploads import UploadConfig

BASE_DIR = Path(__file__).resolve().parent.parent


class Config(UploadConfig):
    """The environment variables the store understands; one field each.

    The README's table is held against these fields and descriptions by a test.
    """

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, str_strip_whitespace=True
    )

    node_id: str = Field(
        default_factory=socket.gethostname,
        max_length=128,
        pattern=r"^[A-Za-z0-9._:-]+$",
        description="Name of this node, in `X-Node-Id` and kept with each object.",
    )
    port: int = Field(8080, ge=1, le=65535, description="TCP port to listen on.")
    bind: str | None = Field(
        None,
        description="Address to listen on. Unset: `127.0.0.1`, or `0.0.0.0` in "
        "production. Another one than loopback ends local mode.",
    )
    data_dir: Path = Field(
        BASE_DIR / "data",
        description="Folder of the SQLite database, the objects and the secret key.",
    )
    database_url: PostgresqlUrl | None = Field(
        None,
        repr=False,
        description="PostgreSQL, as `postgres://user:password@host/name`.",
    )
    database_prepare: bool = Field(
        True,
        description="Prepare statements on the server. `false` behind a PgBouncer "
        "before 1.22 in transaction mode.",
    )
    database_pool_size: int = Field(
        0,
        ge=0,
        description="Connections that the threads of a process share. `0`: each thread "
        "keeps one of its own, which is quicker.",
    )
    s3_bucket_name: str | None = Field(
        None,
        pattern=r"^([A-Za-z0-9._-]{1,255}|arn:[A-Za-z0-9:/._-]+)$",
        description="Bucket of AWS S3, or of any S3-compatible server, that the bytes "
        "are kept in instead of `DATA_DIR`.",
    )
    s3_endpoint_url: HttpUrl | None = Field(
        None, description="Address of an S3-compatible server. Unset: AWS."
    )
    s3_public_endpoint_url: HttpUrl | None = Field(
        None,
        description="Address of the same server for clients, in the URLs of "
        "`DOWNLOAD_MODE=redirect`. Unset: `S3_ENDPOINT_URL`.",
    )
    s3_prefix: S3Prefix = Field(
        "",
        description="Prefix of all keys in the S3 bucket, for several stores in one.",
    )
    s3_sse: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None = Field(
        None, description="Server-side encryption asked for with every write to S3."
    )
    s3_sse_kms_key_id: str | None = Field(
        None, description="Key of `S3_SSE=aws:kms`. Unset: the account's own."
    )
    aws_access_key_id: str | None = Field(
        None,
        repr=False,
        description="Credentials for S3. Unset: what boto3 finds (instance role, "
        "profile).",
    )
    aws_secret_access_key: str | None = Field(
        None, repr=False, description="The secret of that key."
    )
    aws_session_token: str | None = Field(
        None, repr=False, description="Goes with temporary credentials."
    )
    aws_region: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$",
        description="Region of the S3 bucket.",
    )
    s3_timeout_seconds: float = Field(
        8,
        gt=0,
        le=60,
        description="How long S3 may be silent before a request to it is given up.",
    )
    download_mode: Literal["proxy", "redirect"] = Field(
        "proxy",
        description="`redirect` answers large downloads with a short-lived signed URL "
        "of S3 or CloudFront.",
    )
    redirect_min_bytes: ByteSize = Field(
        ByteSize(1024**2),
        ge=0,
        description="Smallest object whose download is redirected.",
    )
    redirect_url_seconds: int = Field(
        300, ge=1, le=604_800, description="How long a redirect's signed URL works."
    )
    cloudfront_domain: str | None = Field(
        None,
        description="CloudFront domain in front of the S3 bucket, for redirects.",
    )
    cloudfront_key_id: str | None = Field(
        None, description="Id of the public key that CloudFront checks URLs with."
    )
    cloudfront_key: str | None = Field(
        None,
        repr=False,
        description="Its private key, PEM; line ends may be written as `\\n`.",
    )
    blob_cache_bytes: ByteSize = Field(
        ByteSize(64 * 1024**2),
        ge=0,
        description="Memory of each process for small blobs read from S3. `0`: none.",
    )
    redis_url: RedisUrl | None = Field(
        None,
        repr=False,
        description="Redis in which all nodes share their cache of small blobs and "
        "count requests.",
    )
    secret_key: str | None = Field(
        None,
        min_length=32,
        repr=False,
        description="Django's secret, the same on all nodes. Unset in local mode: "
        "made once and kept in `DATA_DIR/secret_key`.",
    )
    secret_key_fallbacks: SecretKeys = Field(
        (),
        repr=False,
        description="Former secrets, comma-separated, until `rotate_secrets` has run "
        "and what they signed has expired.",
    )
    allowed_hosts: Names = Field(
        ("localhost", "127.0.0.1", "[::1]"),
        description="Host names this server answers to, comma-separated.",
    )
    anonymous_access: Literal["none", "read", "write"] | None = Field(
        None,
        description="What callers without credentials may do. Unset: `write` for this "
        "machine itself in local mode, else `none`.",
    )
    cors_allowed_origins: Names = Field(
        (), description="Web origins that may call the store, comma-separated, or `*`."
    )
    trusted_proxies: Networks = Field(
        (),
        description="Addresses or networks of proxies whose `X-Forwarded-For`, "
        "`-Proto` and `-Host` are believed, comma-separated.",
    )
    tls_certificate: Path | None = Field(None, description="HTTPS: the PEM chain.")
    tls_key: Path | None = Field(None, description="Its private key (PEM).")
    secure_cookies: bool | None = Field(
        None,
        description="Send cookies over HTTPS only. Unset: with `DATABASE_URL`, "
        "`S3_BUCKET_NAME` or `TLS_CERTIFICATE`.",
    )
    hsts_seconds: int = Field(
        31_536_000,
        ge=0,
        description="How long browsers that came over HTTPS must go on doing so, where "
        "others than this machine reach the store. `0`: they are not told.",
    )
    access_cache_seconds: float = Field(
        5,
        ge=0,
        le=60,
        description="How long a node may still accept a key, token or session after it "
        "was revoked.",
    )
    token_seconds: int = Field(
        900, ge=10, le=86_400, description="How long a token of `/auth/token` works."
    )
    login_failures: int = Field(
        5, ge=1, description="Failed logins of an account from one address to lock it."
    )
    login_lock_seconds: int = Field(900, ge=1, description="How long the lock lasts.")
    rate_limit_read: Rate = Field(
        "",
        description="Downloads that a key, user or address may ask for, like "
        "`100/second` or `1000/minute`. Unset or `none`: any number.",
    )
    rate_limit_write: Rate = Field("", description="The same for uploads and deletes.")
    rate_limit_list: Rate = Field("", description="The same for listings.")
    rate_limit_auth: Rate = Field(
        "30/minute",
        description="Requests to `/auth/` of a key, user or address, and wrong "
        "credentials of an address. `none`: any number.",
    )
    oidc_issuer: IssuerUrl | None = Field(
        None, description="Identity provider (OpenID Connect) for single sign-on."
    )
    oidc_client_id: str | None = Field(
        None, description="This store's client id at the provider."
    )
    oidc_client_secret: str | None = Field(None, repr=False, description="Its secret.")
    oidc_audience: str | None = Field(
        None,
        description="`aud` of the provider's JWTs that are accepted as bearer tokens. "
        "Unset: `OIDC_CLIENT_ID`.",
    )
    oidc_scopes: str = Field(
        "openid profile email",
        description="Scopes that are asked for, space-separated.",
    )
    oidc_username_claim: str = Field(
        "preferred_username", description="Claim that new users are named after."
    )
    oidc_groups_claim: str = Field(
        "groups", description="Claim that lists a user's groups."
    )
    oidc_groups: Pairs = Field(
        (),
        description="Which of its values stand for which groups here, as "
        "`value=group,other=group2`. Empty: groups of the same name.",
    )
    oidc_admin_group: str | None = Field(
        None,
        description="Value of that claim whose holders are superusers here. Unset: "
        "the provider makes none.",
    )
    blob_trust_seconds: int = Field(
        86_400,
        ge=0,
        description="How long stored bytes are believed present without looking.",
    )
    sweep_grace_seconds: int = Field(
        86_400,
        ge=0,
        description="How long unreferenced bytes are kept before they are removed.",
    )
    sweep_lease_seconds: int = Field(
        30,
        ge=2,
        description="How long one sweeper may take to remove one blob's bytes.",
    )
    sweep_interval_seconds: float = Field(
        600, gt=0, description="How often the worker sweeps."
    )
    fold_interval_seconds: float = Field(
        5, gt=0, description="How often the worker folds the journal into totals."
    )
    heartbeat_seconds: float = Field(
        10, gt=0, description="How often a node says in the database that it is there."
    )
    leader_lease_seconds: int = Field(
        30,
        ge=3,
        description="How long after its end another worker takes the leader's place.",
    )
    search_index: bool = Field(False, description="Whether searches have their index.")
    web_concurrency: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        description="gunicorn processes; the default is the number of cores.",
    )
    web_threads: int = Field(8, ge=1, description="Threads of each gunicorn process.")
    pin_workers: bool = Field(
        True,
        description="Keep each gunicorn process on one core: a third to two thirds "
        "more small requests.",
    )
    graceful_timeout_seconds: int = Field(
        30, ge=1, description="How long requests in flight may take after a SIGTERM."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe message that is logged."
    )
    debug: bool = Field(False, description="Django's debug pages in the console.")

    @property
    def host(self) -> str:
        """The address to listen on, without brackets."""
        default = "0.0.0.0" if self.production else "127.0.0.1"  # noqa: S104 with keys
        return (self.bind or default).strip("[]")

    @property
    def address(self) -> str:
        """Where gunicorn listens, `host:port`."""
        host = self.host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the store."""
        host, scheme = self.host, "https" if self.tls_certificate else "http"
        if is_loopback(host) or host in {"0.0.0.0", "::"}:  # noqa: S104 - compared only
            return f"{scheme}://localhost:{self.port}"
        return f"{scheme}://{self.address}"

    @property
    def tls_files(self) -> tuple[Path, Path] | None:
        """Certificate and key; None to speak plain HTTP."""
        if self.tls_certificate is None or self.tls_key is None:
            return None
        certificate, key = self.tls_certificate, self.tls_key
        return BASE_DIR / certificate.expanduser(), BASE_DIR / key.expanduser()

    @property
    def bodies(self) -> int:
        """How many bodies a process receives at once: fewer than it has threads."""
        return self.max_bodies or max(1, self.web_threads - 2)

    @property
    def production(self) -> bool:
        """True when other nodes may share the database or the bytes."""
        return bool(self.database_url or self.s3_bucket_name)

    @property
    def local_mode(self) -> bool:
        """True when only this machine can reach the store."""
        return not self.production and is_loopback(self.host)

    @property
    def hsts(self) -> int:
        """HSTS_SECONDS; 0 on somebody's own machine, which may have plain servers."""
        return 0 if self.local_mode and not self.trusted_proxies else self.hsts_seconds

    @classmethod
    def load(cls) -> Self:
        """Read the environment, then `.env` (or the file named by ENV_FILE).

        Raises ImproperlyConfigured with one sentence that says what to change.
        """
        try:
            config = cls(_env_file=os.environ.get("ENV_FILE", BASE_DIR / ".env"))
        except ValidationError as invalid:
            first = invalid.errors()[0]
            name = str(first["loc"][0]).upper()
            told = first["msg"]  # a pattern or an example in it stays as it is
            message = told[:1].lower() + told[1:]
            raise ImproperlyConfigured(
                f"{name} is not usable ({message}): change or unset it."
            ) from None
        check_together(config)
        return config


def load_or_exit() -> Config:
    """Load for a program: what is wrong is one sentence on stderr, not a traceback."""
    try:
        return Config.load()
    except ImproperlyConfigured as error:
        sys.exit(f"objectstore: {error}")
