"""Store a body where the system lets no file grow beyond 100 bytes or 32 MiB.

    python -m tests.blobs.limited_writer ROOT SIZE

prints the error's name. The small limit meets small bodies in `write` and larger ones
when the spool moves to a file; a long body meets 32 MiB in its middle.
"""

import resource
import sys
from pathlib import Path

from objects_app.blobs.filesystem import FilesystemBackend
from objects_app.errors import StoreError
from tests.blobs.bodies import MIB, Generated, received


def main() -> None:
    root, size = Path(sys.argv[1]), int(sys.argv[2])
    limit = 100 if size < 32 * MIB else 32 * MIB
    backend = FilesystemBackend(root)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        with received(Generated(size), backend.spool_dir) as whole:
            backend.write(whole.sha256, whole.spool)
    except StoreError as error:
        sys.stdout.write(f"{type(error).__name__}\n")


if __name__ == "__main__":
    main()
