"""What the commands that move objects share: two bars, and one summary."""

import os
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management.base import CommandError
from django.db import Error
from django.template.defaultfilters import filesizeformat
from tqdm import tqdm

from objects_app.blobs.s3_source import SourceError, SourceFailed
from objects_app.errors import (
    StorageBusy,
    StorageUnavailable,
    StoreError,
    first_line,
)
from objects_app.services.transfer import Kind, Moved, Outcome, Watch

AGAIN = "Run it again: it goes on where it stopped."


def add_threads(parser: ArgumentParser, default: int) -> None:
    """Let the operator choose how many objects move at once."""
    parser.add_argument(
        "--threads",
        type=int,
        choices=range(1, 65),
        default=default,
        metavar="N",
        help=f"how many objects to move at once, 1 to 64 ({default})",
    )


@contextmanager
def watched() -> Iterator[Watch]:
    """Show bytes and objects go by, and each failure; end in one sentence of errors.

    It says to run again where that may do; not where something has to be changed.
    """
    lock = threading.Lock()
    with (
        tqdm(unit="B", unit_scale=True, desc="Bytes", disable=None, position=0) as size,
        tqdm(unit="", unit_scale=True, desc="Objects", disable=None, position=1) as bar,
    ):

        def tell(count: int) -> None:
            with lock:
                size.update(count)

        def done(outcome: Outcome) -> None:
            bar.update(1)
            if outcome.kind is Kind.FAILED:
                tqdm.write(f"failed {outcome.name}: {outcome.reason}")

        try:
            yield Watch(done=done, bytes=tell)
        except (StorageUnavailable, StorageBusy, SourceFailed) as error:
            raise CommandError(f"{error} {AGAIN}") from error
        except Error as error:
            raise CommandError(f"{first_line(error).strip(' .')}. {AGAIN}") from error
        except (StoreError, SourceError) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            named = error.filename
            told = unusable(named, error) if named else str(error)
            raise CommandError(told) from error
        except KeyboardInterrupt:
            raise CommandError(f"Stopped. {AGAIN}", returncode=130) from None


def unusable(path: str | bytes | Path, error: OSError) -> str:
    """Return what is wrong with a file or folder that was named."""
    return f"Cannot use {os.fsdecode(path)}: {error.strerror or error}."


def summary(verb: str, moved: Moved, passed_by: str) -> str:
    """Return what was done in one line. Raises CommandError when anything failed."""
    line = (
        f"{verb} {moved.objects:,} objects ({_size(moved.bytes)}), "
        f"{moved.skipped:,} were there already, {moved.failed:,} failed, "
        f"{moved.passed_by:,} {passed_by}."
    )
    if moved.saved:
        line += f" Deduplication saved {_size(moved.saved)}."
    if moved.failed:
        raise CommandError(f"{line} Failures are listed above; run again to retry.")
    return line


def _size(count: int) -> str:
    return filesizeformat(count).replace("\xa0", " ")
