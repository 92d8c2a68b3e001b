"""The command against a real S3 server: flat memory, a secret that stays one."""

import os
import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.servers.store import ROOT, Server, store

pytestmark = [pytest.mark.e2e, pytest.mark.once]

MIB = 1024 * 1024
PART = os.urandom(16 * MIB)
PARTS = 20

# ru_maxrss would be that of these tests, which forked.
_THEN_PEAK = """
import pathlib, runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print(pathlib.Path("/proc/self/status").read_text())
"""


class Imports:
    """A bucket on the server, and the command that imports from it."""

    def __init__(self, server: Server, variables: dict[str, str]) -> None:
        self._variables = variables
        self._store = server
        self.bucket = f"source-{secrets.token_hex(6)}"
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=variables["S3_ENDPOINT_URL"],
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
            region_name="us-east-1",
        )
        self.client.create_bucket(Bucket=self.bucket)

    def put_in_parts(self, key: str) -> None:
        place = {"Bucket": self.bucket, "Key": key}
        upload = self.client.create_multipart_upload(**place)["UploadId"]
        done = []
        for number in range(1, PARTS + 1):
            part = self.client.upload_part(
                **place, UploadId=upload, PartNumber=number, Body=PART
            )
            done.append({"PartNumber": number, "ETag": part["ETag"]})
        self.client.complete_multipart_upload(
            **place, UploadId=upload, MultipartUpload={"Parts": done}
        )

    def run(self, prefix: str) -> tuple[str, int]:
        """Import a folder; return what was said, and the most memory in bytes."""
        done = subprocess.run(
            [
                *(sys.executable, "-c", _THEN_PEAK, str(ROOT / "manage.py")),
                *("import_s3", f"s3://{self.bucket}/{prefix}", f"test/{prefix}"),
                *("--endpoint-url", self._variables["S3_ENDPOINT_URL"]),
                *("--access-key-id", self._variables["AWS_ACCESS_KEY_ID"]),
            ],
            env=self._store.variables
            | {"IMPORT_SECRET_ACCESS_KEY": self._variables["AWS_SECRET_ACCESS_KEY"]},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert self._variables["AWS_SECRET_ACCESS_KEY"] not in done.stdout + done.stderr
        found = re.search(r"VmHWM:\s+(\d+) kB", done.stdout)
        assert found is not None
        return done.stdout, int(found[1]) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="it asks /proc")
def test_a_large_object_comes_over_in_fixed_memory(
    fresh: Path, s3_server: dict[str, str]
) -> None:
    with store(fresh) as server:
        imports = Imports(server, s3_server)
        imports.client.put_object(Bucket=imports.bucket, Key="small/a", Body=b"x")
        imports.put_in_parts("large/a")

        _, small = imports.run("small")
        said, large = imports.run("large")
        again, _ = imports.run("large")

        assert said.startswith(f"Imported 1 objects ({PARTS * 16}.0 MB)")
        assert again.startswith("Imported 0 objects (0 bytes), 1 were there already")
        assert large - small < 24 * MIB
