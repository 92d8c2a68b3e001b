"""Short-lived signed URLs, by which clients fetch bytes from S3 or CloudFront."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from storages.backends.s3 import S3Storage

from objects_app.blobs.s3_client import Connected, connect, own_server

# Headers of the answer that S3 lets a URL set: GetObject's parameters, and their names
# in the query. Expires is left out, for S3 takes only dates there and people send more.
_PARAMETERS = {
    "Content-Type": "ResponseContentType",
    "Content-Disposition": "ResponseContentDisposition",
    "Content-Encoding": "ResponseContentEncoding",
    "Content-Language": "ResponseContentLanguage",
    "Cache-Control": "ResponseCacheControl",
}
_UNSETTABLE = "Expires"
_PLAIN = re.compile(r"[\x20-\x7e]*")
_MOST_HEADER_BYTES = 2000  # many clients refuse URLs of more than 8 KiB


class DownloadUrls:
    """Signs URLs for S3_PUBLIC_ENDPOINT_URL, or those of CLOUDFRONT_DOMAIN."""

    def __init__(self, main: Connected) -> None:
        self._clock = main.clock
        self._client = main.client
        if settings.S3_PUBLIC_ENDPOINT_URL:
            public = replace(own_server(), endpoint_url=settings.S3_PUBLIC_ENDPOINT_URL)
            self._client = connect(public, clock=main.clock).client
        self._cloudfront = _cloudfront() if settings.CLOUDFRONT_DOMAIN else None

    def suits(self, *, size: int, headers: Mapping[str, str]) -> bool:
        """Whether a download is better sent by S3, with all that its headers say."""
        sent = [headers[name] for name in _PARAMETERS if name in headers]
        return (
            size >= max(1, settings.REDIRECT_MIN_BYTES)
            and _UNSETTABLE not in headers
            and sum(map(len, sent)) <= _MOST_HEADER_BYTES
            and all(map(_PLAIN.fullmatch, sent))
        )

    def sign(self, bucket: str, key: str, headers: Mapping[str, str]) -> str:
        """Return a URL of an object that answers with these headers."""
        seconds = settings.REDIRECT_URL_SECONDS
        if self._cloudfront is None:
            parameters: dict[str, Any] = {
                parameter: headers[name]
                for name, parameter in _PARAMETERS.items()
                if name in headers
            }
            return self._client.generate_presigned_url(
                "get_object",
                Params={"Bucket": bucket, "Key": key, **parameters},
                ExpiresIn=seconds,
            )
        query = {
            f"response-{name.lower()}": headers[name]
            for name in _PARAMETERS
            if name in headers
        }
        url = f"https://{settings.CLOUDFRONT_DOMAIN}/{quote(key)}"
        signed: str = self._cloudfront.cloudfront_signer.generate_presigned_url(
            f"{url}?{urlencode(query, quote_via=quote)}",
            date_less_than=self._clock.now() + timedelta(seconds=seconds),
        )
        return signed


def _cloudfront() -> S3Storage:
    return S3Storage(
        bucket_name=settings.S3_BUCKET_NAME,
        custom_domain=settings.CLOUDFRONT_DOMAIN,
        cloudfront_key_id=settings.CLOUDFRONT_KEY_ID,
        cloudfront_key=str(settings.CLOUDFRONT_KEY).replace("\\n", "\n").encode(),
    )
