"""The types of settings that are more than a number or a text, and what they refuse."""

import ipaddress
from typing import Annotated
from urllib.parse import urlsplit

import dj_database_url
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_SECRET_KEY_LENGTH = 32


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _only_postgresql(value: str) -> str:
    if not value.startswith(("postgres://", "postgresql://")):
        raise ValueError("it must start with postgres://")
    try:
        parsed = dj_database_url.parse(value)
    except ValueError:  # its message may hold the password
        raise ValueError(
            "it is no URL: write /, #, ?, @, % and [ of a password as %2F, %23, "
            "%3F, %40, %25 and %5B"
        ) from None
    if not (parsed["NAME"] or "service" in parsed.get("OPTIONS", {})):
        raise ValueError("the name of the database is missing behind the host")
    return value


def _only_http(value: str) -> str:
    if not (value.startswith(("http://", "https://")) and _names_a_host(value)):
        raise ValueError("it must be like https://s3.example.com")
    return value


def _only_issuer(value: str) -> str:
    if not _names_a_host(value):
        raise ValueError("it must be like https://login.example.com/realms/main")
    parts = urlsplit(value)
    safe = parts.scheme == "https" or (
        parts.scheme == "http" and is_loopback(parts.hostname or "")
    )
    if not safe or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("it must be https:// (or on this machine), without ? # or @")
    return value


def _only_pairs(value: tuple[str, ...]) -> tuple[str, ...]:
    for pair in value:
        claimed, _, group = pair.rpartition("=")
        if not claimed or not group:
            raise ValueError("it must be like value=group,other=group2")
    return value


def _only_redis(value: str) -> str:
    if not (
        value.startswith("unix://")
        or (value.startswith(("redis://", "rediss://")) and _names_a_host(value))
    ):
        raise ValueError("it must be like redis://:password@host:6379/0")
    return value


def _no_dots(value: str) -> str:
    if {".", ".."} & set(value.split("/")):
        raise ValueError("S3-compatible servers and browsers resolve . and ..")
    return value


def _only_rate(value: str) -> str:
    """Return the rate, "" for none: an empty variable would mean the default."""
    if value in {"", "none"}:
        return ""
    from limits import parse_many  # noqa: PLC0415 a tenth of a second, seldom needed

    try:
        [rate] = parse_many(value)
    except ValueError:
        rate = None
    if rate is None or not rate.amount:
        raise ValueError("it must be like 100/second or 5000/hour, or none")
    return value


def _only_networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for network in value:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise ValueError("addresses must be like 10.0.0.7 or 10.0.0.0/8") from None
    return value


def _long_enough(value: tuple[str, ...]) -> tuple[str, ...]:
    if any(len(secret) < _SECRET_KEY_LENGTH for secret in value):
        raise ValueError(f"each must have {_SECRET_KEY_LENGTH} characters or more")
    return value


def _names_a_host(url: str) -> bool:
    """Whether there is a host in it, and a port that is a number if any."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Networks = Annotated[Names, AfterValidator(_only_networks)]
SecretKeys = Annotated[Names, AfterValidator(_long_enough)]
PostgresqlUrl = Annotated[str, AfterValidator(_only_postgresql)]
HttpUrl = Annotated[str, AfterValidator(_only_http)]
IssuerUrl = Annotated[str, Field(max_length=255), AfterValidator(_only_issuer)]
Pairs = Annotated[Names, AfterValidator(_only_pairs)]
RedisUrl = Annotated[str, AfterValidator(_only_redis)]
S3Prefix = Annotated[
    str,
    Field(max_length=512, pattern=r"^[A-Za-z0-9!_.*'()/-]*$"),
    AfterValidator(_no_dots),
]
Rate = Annotated[str, AfterValidator(_only_rate)]


def is_loopback(address: str) -> bool:
    """Whether an IP address or `localhost` can be reached from this machine only."""
    if address == "localhost":
        return True
    try:
        ip = ipaddress.ip_address(address.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_loopback
