"""Settings of the tests: nothing of the developer's own store, environment or `.env`.

TEST_DATABASE_URL chooses PostgreSQL, TEST_DATABASE_PREPARE whether what leads there
keeps prepared statements, TEST_S3_BUCKET_NAME S3 (`python -m tests.with_servers` sets
them).
"""

import atexit
import os
import secrets
import shutil
import tempfile

from objectstore.config import Config
from tests.servers.s3 import given_variables

for name in Config.model_fields:
    os.environ.pop(name.upper(), None)

_data_dir = tempfile.mkdtemp(prefix="objectstore-tests-")
_maker = os.getpid()


@atexit.register
def _remove_data_dir() -> None:
    if os.getpid() == _maker:
        shutil.rmtree(_data_dir, ignore_errors=True)


os.environ |= {"ENV_FILE": os.devnull, "DATA_DIR": _data_dir, "NODE_ID": "test-node"}
os.environ["RATE_LIMIT_AUTH"] = "none"  # else one test would run into another's limit
if url := os.environ.get("TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = url
    os.environ["DATABASE_PREPARE"] = os.environ.get("TEST_DATABASE_PREPARE", "true")
if s3 := given_variables():
    os.environ |= {**s3, "S3_PREFIX": f"tests-{secrets.token_hex(4)}"}
if url or s3:
    os.environ |= {
        "SECRET_KEY": "only-for-tests-" + "0123456789abcdef" * 3,
        "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1,[::1]",
    }

from objectstore.settings import *

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# A file, as in a real store: the in-memory database of Django's tests has another
# locking and no write-ahead log, and threads would share one connection.
if not url:
    DATABASES["default"]["TEST"] = {"NAME": DATA_DIR / "test.sqlite3"}

# WhiteNoise warns about a folder that is not there; nobody collects into this one.
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(parents=True)
STORAGES["staticfiles"] = {
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
