"""
Makes the dashboard's font files from those of the npm packages @fontsource-variable/inter and geist-mono.

    pip install fonttools brotli
    python tools/subset_fonts.py node_modules/@fontsource-variable

Only the weights and features that the style sheet uses are kept, and the letters of Europe's languages are a file of
their own, so that a first visit stays small for their names, too.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset as tool
from fontTools.ttLib import TTFont
from fontTools.varLib import instancer

TARGET = Path(__file__).parent.parent / "src/greenroom/web/static/fonts"
EUROPEAN = ((0x100, 0x17F), (0x218, 0x21B), (0x1E80, 0x1E85), (0x1E9E, 0x1E9E))
#: the name of a file, its source, its characters (all of the source if empty), and its lightest and boldest weight
FILES = (
    ("inter-latin", "inter/files/inter-latin-wght-normal.woff2", (), (400, 700)),
    ("inter-european", "inter/files/inter-latin-ext-wght-normal.woff2", EUROPEAN, (400, 700)),
    ("inter-latin-ext", "inter/files/inter-latin-ext-wght-normal.woff2", (), (400, 700)),
    ("inter-vietnamese", "inter/files/inter-vietnamese-wght-normal.woff2", (), (400, 700)),
    ("geist-mono-latin", "geist-mono/files/geist-mono-latin-wght-normal.woff2", (), (400, 600)),
)
FEATURES = ["kern", "liga", "calt", "ccmp", "locl", "mark", "mkmk", "tnum"]


def subset(source: Path, target: Path, ranges: tuple[tuple[int, int], ...], weights: tuple[int, int]) -> None:
    """Writes the characters of a font in these ranges, at these weights."""
    font = TTFont(source)
    kept = [code for code in font.getBestCmap() if not ranges or any(first <= code <= last for first, last in ranges)]
    subsetter = tool.Subsetter(tool.Options(layout_features=FEATURES, hinting=False))
    subsetter.populate(unicodes=kept)
    subsetter.subset(font)
    font = instancer.instantiateVariableFont(font, {"wght": weights})
    font.flavor = "woff2"
    font.save(target)
    print(f"{target.name}: {len(kept)} characters, {target.stat().st_size / 1000:.1f} kB")


if __name__ == "__main__":
    for name, file, characters, weights in FILES:
        subset(Path(sys.argv[1]) / file, TARGET / f"{name}.woff2", characters, weights)
