"""The secret key of a store that was not given one."""

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def read_or_create(data_dir: Path) -> str:
    """Return the key kept in `data_dir/secret_key` (0600), making it on first use.

    Raises ImproperlyConfigured when the folder cannot be written.
    """
    path = data_dir / "secret_key"
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _create(path)
        return path.read_text()
    except OSError as error:
        raise ImproperlyConfigured(
            f"Cannot use the data folder {data_dir} ({error.strerror}): make it "
            "writable for this user or set DATA_DIR to one that is."
        ) from error


def _create(path: Path) -> None:
    """Write under a random name, then link: of two starting nodes one key wins."""
    draft = path.with_name(f"secret_key.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return
    finally:
        draft.unlink()
