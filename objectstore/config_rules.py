"""Settings that are fine one by one, and are refused together."""

from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from objectstore.config import Config


def check_together(config: "Config") -> None:
    """Raise ImproperlyConfigured with one sentence that says what to change."""
    if config.production:
        _require_what_nodes_share(config)
    if config.oidc_issuer and not config.oidc_client_id:
        raise ImproperlyConfigured(
            "OIDC_ISSUER needs the OIDC_CLIENT_ID that this store has there."
        )
    if bool(config.tls_certificate) != bool(config.tls_key):
        raise ImproperlyConfigured(
            "TLS_CERTIFICATE and TLS_KEY go together: set both, or none for HTTP."
        )
    if config.max_bodies and config.max_bodies >= config.web_threads:
        raise ImproperlyConfigured(
            "MAX_BODIES must be below WEB_THREADS: uploads that wait for their clients "
            "would keep everybody else out."
        )


def _require_what_nodes_share(config: "Config") -> None:
    if config.secret_key is None:
        raise ImproperlyConfigured(
            "DATABASE_URL or S3_BUCKET_NAME needs a SECRET_KEY, the same on all "
            "nodes, for instance SECRET_KEY=$(openssl rand -base64 48)"
        )
    if "allowed_hosts" not in config.model_fields_set:
        raise ImproperlyConfigured(
            "DATABASE_URL or S3_BUCKET_NAME needs ALLOWED_HOSTS, the names clients "
            "use for this server: ALLOWED_HOSTS=store.example.com,localhost"
        )
