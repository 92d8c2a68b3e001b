"""S3: the contract, on a real server."""

import pytest
from pytest_django import Settings

from objects_app.blobs.backend import BlobBackend
from objects_app.blobs.s3 import S3Backend
from tests.blobs.backend_contract import BackendContract


class TestS3Backend(BackendContract):
    """The contract, in a bucket."""

    @pytest.fixture
    def backend(self, on_s3: Settings) -> BlobBackend:
        return S3Backend()
