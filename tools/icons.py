"""Put the icons that the console uses into one file: static/vendor/lucide/icons.svg.

    npm pack lucide-static && tar xzf lucide-static-*.tgz
    python tools/icons.py package/icons

A name is added to icons.txt, the program run again, and the icon is there for
`{% icon "name" %}`.
"""

import re
import sys
from pathlib import Path

NAMES = Path(__file__).with_suffix(".txt").read_text().split()
SPRITE = Path(__file__).resolve().parents[1] / "static/vendor/lucide/icons.svg"
_SVG = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)


def symbol(icons: Path, name: str) -> str:
    """Return one icon as a symbol of that name."""
    found = _SVG.search((icons / f"{name}.svg").read_text())
    if found is None:
        raise SystemExit(f"{name}.svg is no picture: give the folder of the icons.")
    shapes = "".join(line.strip() for line in found[1].splitlines())
    return f'<symbol id="{name}" viewBox="0 0 24 24">{shapes}</symbol>'


if __name__ == "__main__":
    symbols = "\n".join(symbol(Path(sys.argv[1]), name) for name in NAMES)
    SPRITE.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" fill="none" stroke="currentColor"'
        ' stroke-width="2" stroke-linecap="round" stroke-linejoin="round">\n'
        f"{symbols}\n</svg>\n"
    )
