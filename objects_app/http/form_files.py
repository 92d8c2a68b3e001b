"""Files within forms: thrown away as they come, unless a view takes them.

Django would put those of any form, the login's too, into the folder for temporary
files, whoever sends them.
"""

import tempfile
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.utils.translation import gettext_noop

from objects_app.errors import BodyTooLarge


class NoFiles(FileUploadHandler):
    """Keeps nothing."""

    def new_file(self, *_: Any, **__: Any) -> None:
        """Have the file passed over."""
        raise SkipFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Nothing comes here."""

    def file_complete(self, file_size: int) -> None:
        """Hand out no file."""


class SpooledFiles(FileUploadHandler):
    """Keeps each file without a name on the disk of DATA_DIR, until it is closed."""

    def new_file(self, *args: Any, **named: Any) -> None:
        """Begin a file."""
        super().new_file(*args, **named)
        self._spool = tempfile.TemporaryFile(dir=settings.DATA_DIR)  # noqa: SIM115 the request closes it

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write what has come. Raises BodyTooLarge beyond MAX_UPLOAD_BYTES."""
        if start + len(raw_data) > settings.MAX_UPLOAD_BYTES:
            self._spool.close()
            raise BodyTooLarge(
                gettext_noop(
                    "%(file)s is larger than a file may be here: %(most)s bytes "
                    "(MAX_UPLOAD_BYTES)."
                ),
                file=self.file_name,
                most=settings.MAX_UPLOAD_BYTES,
            )
        self._spool.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile:
        """Hand out the file, to be read from its beginning."""
        self._spool.seek(0)
        return UploadedFile(
            self._spool, self.file_name, self.content_type, file_size, self.charset
        )

    def upload_interrupted(self) -> None:
        """Give up a file that has no end."""
        self._spool.close()
