"""Files as people keep them, made from seeds: the same in every run."""

import io
import json
import math
import random
import struct
import wave
from collections.abc import Callable, Iterator
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

_WORDS = (
    *("harbour", "north", "light", "survey", "valley", "morning"),
    *("archive", "ridge", "signal", "coast", "winter", "field"),
)


class File(NamedTuple):
    """Where a file lies, and what is in it."""

    bucket: str
    key: str
    body: bytes


def files() -> Iterator[File]:
    """Yield what the store is filled with, the oldest first."""
    for folder, day in (("2025/iceland", 1), ("2025/lofoten", 40), ("2026/alps", 80)):
        for number in range(1, 9):
            seed = day + number
            name = f"{folder}/IMG_{2000 + seed * 7}.png"
            yield File("photos", name, landscape(seed, 480, 300))
    yield File("photos", "2025/iceland/panorama.png", landscape(7, 1600, 900))
    yield File("photos", "portfolio/cover.png", landscape(3, 480, 300))
    yield File("photos", "portfolio/IMG_2014.png", landscape(2, 480, 300))
    yield File("documents", "handbook.pdf", document("Field handbook", 5))
    yield File("documents", "contracts/2026-lease.pdf", document("Lease", 11))
    yield File("documents", "contracts/2026-insurance.pdf", document("Insurance", 12))
    yield File("documents", "notes/expedition.md", NOTES.encode())
    yield File("documents", "notes/packing-list.md", b"# Packing list\n\n- rope\n")
    yield File("datasets", "stations.csv", table(1, 400))
    for month in range(1, 7):
        name = f"readings/2026-{month:02}.csv"
        yield File("datasets", name, table(month, 3000))
    yield File("datasets", "schema.json", SCHEMA.encode())
    yield File("datasets", "pipeline/clean.py", CODE.encode())
    yield File("music", "sketches/dawn.wav", chord(220.0))
    yield File("music", "sketches/dusk.wav", chord(174.6))
    yield File("website", "index.html", b"<!doctype html><title>Fjord</title>")
    yield File("website", "assets/site.css", b"body { margin: 2rem }\n" * 40)
    yield File("website", "assets/hero.png", landscape(7, 1600, 900))
    for night in range(1, 6):
        body = random.Random(night // 2).randbytes(6 * 1024 * 1024)
        yield File("backups", f"nightly/2026-06-{night:02}.tar.zst", body)


def landscape(seed: int, width: int, height: int) -> bytes:
    """Return a picture of hills before an evening sky, as PNG."""
    chance = random.Random(seed)
    sky, ground = chance.choice(_PALETTES)
    image = Image.new("RGB", (1, height))
    for y in range(height):
        image.putpixel((0, y), _between(sky[0], sky[1], y / height))
    image = image.resize((width, height))
    draw = ImageDraw.Draw(image)
    sun = chance.uniform(0.2, 0.8) * width
    radius = height * 0.07
    top = height * chance.uniform(0.2, 0.35)
    draw.ellipse(
        (sun - radius, top - radius, sun + radius, top + radius), (255, 236, 200)
    )
    for layer in range(4):
        shade = _between(sky[1], ground, (layer + 1) / 4)
        draw.polygon(
            [*_ridge(chance, width, height, layer), (width, height), (0, height)], shade
        )
    return _bytes(lambda target: image.save(target, "PNG"))


def document(title: str, seed: int) -> bytes:
    """Return a page of text, as PDF."""
    chance = random.Random(seed)
    page = Image.new("RGB", (827, 1169), "white")
    draw = ImageDraw.Draw(page)
    draw.text((90, 100), title, "black", ImageFont.load_default(40))
    body = ImageFont.load_default(18)
    for line in range(28):
        words = " ".join(chance.choice(_WORDS) for _ in range(9))
        draw.text((90, 190 + line * 30), words, (60, 60, 60), body)
    return _bytes(lambda target: page.save(target, "PDF"))


def chord(frequency: float) -> bytes:
    """Return two seconds of a chord that dies away, as WAV."""
    rate = 8000
    frames = b"".join(
        struct.pack(
            "<h",
            int(
                6000
                * math.exp(-moment / rate)
                * sum(
                    math.sin(math.tau * frequency * ratio * moment / rate)
                    for ratio in (1, 1.25, 1.5)
                )
            ),
        )
        for moment in range(2 * rate)
    )

    def write(target: io.BytesIO) -> None:
        with wave.open(target, "wb") as sound:
            sound.setparams((1, 2, rate, 0, "NONE", ""))
            sound.writeframes(frames)

    return _bytes(write)


def table(seed: int, rows: int) -> bytes:
    """Return readings of weather stations, as CSV."""
    chance = random.Random(seed)
    lines = ["station,day,temperature,wind,note"]
    lines += [
        f"ST-{chance.randint(1, 40):03},2026-{seed:02}-{row % 28 + 1:02},"
        f"{chance.gauss(4, 6):.1f},{chance.uniform(0, 22):.1f},{chance.choice(_WORDS)}"
        for row in range(rows)
    ]
    return "\n".join(lines).encode()


def _ridge(
    chance: random.Random, width: int, height: int, layer: int
) -> list[tuple[float, float]]:
    base = height * (0.5 + 0.13 * layer)
    waves = [(chance.uniform(1, 6), chance.uniform(0, math.tau)) for _ in range(4)]
    return [
        (
            x,
            base
            + height
            * 0.05
            * sum(math.sin(x / width * math.tau * f + p) / f for f, p in waves),
        )
        for x in range(0, width + 8, 8)
    ]


Colour = tuple[int, int, int]
_PALETTES: tuple[tuple[tuple[Colour, Colour], Colour], ...] = (
    (((38, 60, 110), (244, 178, 132)), (20, 34, 48)),
    (((96, 160, 196), (226, 236, 226)), (30, 72, 60)),
    (((70, 44, 96), (240, 140, 120)), (28, 22, 44)),
    (((20, 80, 100), (180, 214, 190)), (10, 40, 46)),
)


def _between(first: Colour, last: Colour, share: float) -> Colour:
    red, green, blue = (
        round(a + (b - a) * share) for a, b in zip(first, last, strict=True)
    )
    return red, green, blue


def _bytes(write: Callable[[io.BytesIO], object]) -> bytes:
    target = io.BytesIO()
    write(target)
    return target.getvalue()


NOTES = """# Expedition notes

We left the harbour at **06:40**, wind from the north-west.

| Camp | Height | Nights |
|------|-------:|-------:|
| Base | 410 m  | 3 |
| Ridge | 1 280 m | 1 |

1. Check the radios every evening.
2. Copy the day's readings:

```python
store.put("datasets/readings/today.csv", readings)
```

> The weather decides. Everything else is planning.
"""

SCHEMA = json.dumps(
    {
        "station": {"type": "string", "pattern": "ST-[0-9]{3}"},
        "day": {"type": "string", "format": "date"},
        "temperature": {"type": "number", "unit": "celsius"},
        "wind": {"type": "number", "unit": "m/s"},
    },
    indent=2,
)

CODE = '''"""Clean a month of readings."""

import csv
from pathlib import Path


def clean(path: Path) -> list[dict[str, str]]:
    """Return the rows whose temperature can be true."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if -60 < float(row["temperature"]) < 60]


if __name__ == "__main__":
    for name in sorted(Path("readings").glob("*.csv")):
        print(name, len(clean(name)))
'''
