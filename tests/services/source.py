"""Another S3 store, a bucket of it on the real server, and importing from it."""

import secrets
from typing import Any

import boto3
from botocore.config import Config

from objects_app.blobs.s3_source import S3Source
from objects_app.http.foreign import describe
from objects_app.services import import_s3
from objects_app.services.import_s3 import SourceAddress
from objects_app.services.transfer import Kind, Moved, Outcome, Place, Watch


class Source:
    """A bucket of its own on the real server, and how to import from it."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.endpoint_url = variables["S3_ENDPOINT_URL"]
        self.key = variables["AWS_ACCESS_KEY_ID"]
        self.secret = variables["AWS_SECRET_ACCESS_KEY"]
        self.bucket = f"source-{secrets.token_hex(6)}"
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name="us-east-1",
            config=Config(retries={"mode": "standard"}),
        )
        self.client.create_bucket(Bucket=self.bucket)

    def put(self, key: str, body: bytes = b"content", **options: Any) -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body, **options)

    def put_in_parts(self, key: str, parts: list[bytes]) -> str:
        place = {"Bucket": self.bucket, "Key": key}
        upload = self.client.create_multipart_upload(**place)["UploadId"]
        done = [
            {
                "PartNumber": number,
                "ETag": self.client.upload_part(
                    **place, UploadId=upload, PartNumber=number, Body=part
                )["ETag"],
            }
            for number, part in enumerate(parts, 1)
        ]
        made = self.client.complete_multipart_upload(
            **place, UploadId=upload, MultipartUpload={"Parts": done}
        )
        return str(made["ETag"])

    def address(self, prefix: str = "", **changed: str) -> SourceAddress:
        given = {
            "endpoint_url": self.endpoint_url,
            "access_key_id": self.key,
            "secret_access_key": self.secret,
        } | changed
        return SourceAddress.parse(f"s3://{self.bucket}/{prefix}", **given)

    def open(self) -> S3Source:
        return S3Source(self.address().server, self.bucket)


def run(
    address: SourceAddress, place: str = "test", **watch: Any
) -> tuple[Moved, dict[str, str]]:
    told: list[Outcome] = []
    moved = import_s3.import_s3(
        source=address,
        place=Place.parse(place),
        owner_id=None,
        describe=describe,
        threads=4,
        watch=Watch(done=told.append, **watch),
    )
    return moved, {o.name: o.reason for o in told if o.kind is Kind.FAILED}
