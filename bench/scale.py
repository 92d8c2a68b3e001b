"""How much is measured, and where."""

from typing import NamedTuple

from bench.servers import Setup

MIB = 1024 * 1024


class Scale(NamedTuple):
    """Sizes, and `seconds` for each measurement of something small."""

    rounds: int
    seconds: float
    upload_bytes: int
    download_bytes: int
    memory_bytes: int
    keys: int


FULL = Scale(5, 4.0, 256 * MIB, 1024 * MIB, 2048 * MIB, 1_000_000)
QUICK = Scale(3, 0.5, 64 * MIB, 256 * MIB, 256 * MIB, 100_000)


class Bench(NamedTuple):
    """What a family of rows needs to know."""

    setup: Setup
    scale: Scale


def in_words(size: int) -> str:
    """Return a size in bytes as people say it."""
    mib = size // MIB
    return f"{mib // 1024} GiB" if mib >= 1024 and mib % 1024 == 0 else f"{mib} MiB"
