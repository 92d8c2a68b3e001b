"""What docs/operations.md tells operators is held against the code."""

import json
import re

from django.core.management import get_commands

from objects_app.blobs.layout import FOLDER
from objects_app.rest import problems
from objectstore.config import BASE_DIR, Config

PAGE = (BASE_DIR / "docs" / "operations.md").read_text()
NAMED = re.findall(r"`([^`]+)`", re.sub(r"```.+?```", "", PAGE, flags=re.DOTALL))
POLICY, LIFECYCLE = map(json.loads, re.findall(r"```json\n(.+?)```", PAGE, re.DOTALL))

# Which permission a call of boto3 needs (the service authorization reference of S3).
PERMISSIONS = {
    "abort_multipart_upload": "s3:AbortMultipartUpload",
    "complete_multipart_upload": "s3:PutObject",
    "create_multipart_upload": "s3:PutObject",
    "delete_object": "s3:DeleteObject",
    "generate_presigned_url": "s3:GetObject",  # whoever follows it acts as we do
    "get_object": "s3:GetObject",
    "head_bucket": "s3:ListBucket",
    "head_object": "s3:GetObject",
    "list_multipart_uploads": "s3:ListBucketMultipartUploads",
    "list_objects_v2": "s3:ListBucket",
    "put_object": "s3:PutObject",
    "upload_part": "s3:PutObject",
}


def test_the_policy_allows_what_the_store_calls_and_nothing_else() -> None:
    paths = (BASE_DIR / "objects_app" / "blobs").glob("s3*.py")
    source = "\n".join(path.read_text() for path in paths)
    calls = set(re.findall(r"client\.([a-z]\w*_\w+)\(", source)) - {"get_paginator"}
    allowed = [a for part in POLICY["Statement"] for a in part["Action"]]

    assert sorted(allowed) == sorted({PERMISSIONS[call] for call in calls})


def test_what_concerns_the_bucket_is_allowed_on_the_bucket() -> None:
    objects, bucket = POLICY["Statement"]

    assert all(action.startswith("s3:ListBucket") for action in bucket["Action"])
    assert objects["Resource"] == f"{bucket['Resource']}/store/{FOLDER}/*"


def test_the_lifecycle_rule_waits_longer_than_the_sweep_and_expires_nothing() -> None:
    [rule] = LIFECYCLE["Rules"]

    assert rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] > 1
    assert not [name for name in rule if "Expiration" in name or "Transition" in name]


def test_every_setting_it_names_is_one() -> None:
    named = {
        name for text in NAMED for name in re.findall(r"^([A-Z]+_[A-Z0-9_]+)", text)
    }

    assert named
    assert named <= {name.upper() for name in Config.model_fields} | {"S3_", "AWS_"}


def test_every_command_it_names_is_one() -> None:
    named = re.findall(r"manage\.py ([a-z_0-9]+)", PAGE)

    assert named
    assert set(named) <= set(get_commands())


def test_every_code_it_explains_is_one() -> None:
    table = PAGE.partition("## When something is wrong")[2]
    named = re.findall(r"^\| `([a-z]+_[a-z_]+)`", table, re.MULTILINE)
    constants = [v for v in vars(problems).values() if isinstance(v, problems.Problem)]
    codes = {problem.code for problem in (*problems.TABLE.values(), *constants)}

    assert named
    assert set(named) <= codes
