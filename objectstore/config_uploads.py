"""Settings of what comes in: how large, how slow, how long unfinished."""

from pydantic import ByteSize, Field
from pydantic_settings import BaseSettings

_MOST_BYTES = 2**63 - 1  # sizes are bigint columns


class UploadConfig(BaseSettings):
    """The part of `config.Config` that is about uploads."""

    max_upload_bytes: ByteSize = Field(
        ByteSize(5 * 1024**3),
        ge=1,
        description="Largest body of one upload, or of one part.",
    )
    max_object_bytes: ByteSize = Field(
        ByteSize(5 * 1024**4),
        ge=1,
        le=_MOST_BYTES,
        description="Largest object that is uploaded in parts.",
    )
    multipart_min_part_bytes: ByteSize = Field(
        ByteSize(5 * 1024**2),
        ge=0,
        description="Smallest part of a multipart upload but the last, as in S3.",
    )
    upload_expiry_seconds: int = Field(
        604_800,
        ge=60,
        le=31_536_000,
        description="How long an upload in parts is kept after its last part came, or "
        "after it was completed.",
    )
    body_timeout_seconds: float = Field(
        30,
        gt=0,
        description="A client silent for this long in mid-transfer is dropped.",
    )
    body_min_bytes_per_second: int = Field(
        1024,
        ge=0,
        description="A transfer that is slower while it keeps the server waiting for "
        "`BODY_TIMEOUT_SECONDS` is dropped. `0`: none.",
    )
    max_bodies: int | None = Field(
        None,
        ge=1,
        description="Uploads each gunicorn process receives at a time; more get a 503. "
        "Below `WEB_THREADS`. Unset: all of its threads but two.",
    )
