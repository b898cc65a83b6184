"""A chart of the figures that have a bar; all bars are at the same place."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from greenroom.bench.figures import Figure

WIDTH, ROW, TOP = 860, 46, 52
#: pixels from the left to a row, its length when the bar is just met, and the longest row as a multiple of that length
LEFT, MET, MOST = 24, 420, 1.6
STYLE = (
    "text{font:14px system-ui,sans-serif;fill:#222}.small{font-size:12px;fill:#555}.met{fill:#2f7d4f}"
    ".missed{fill:#b3541e}.bar{stroke:#222;stroke-width:2}rect.paper{fill:#fff}"
)


def chart(figures: Sequence[Figure], title: str) -> str:
    """
    Returns an SVG document with a row for each figure that has a bar.

    The length of a row is the share of the bar that is reached.
    """
    judged = [figure for figure in figures if figure.bar is not None and figure.ratio]
    height = TOP + ROW * len(judged) + 12
    rows = "".join(_row(figure, TOP + ROW * number) for number, figure in enumerate(judged))
    line = LEFT + MET
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">'
        f'<title>{escape(title)}</title><style>{STYLE}</style><rect class="paper" width="{WIDTH}" height="{height}"/>'
        f'<text x="{LEFT}" y="24">{escape(title)}</text><text class="small" x="{line + 6}" y="44">the bar</text>{rows}'
        f'<line class="bar" x1="{line}" x2="{line}" y1="34" y2="{height - 8}"/></svg>\n'
    )


def _row(figure: Figure, y: int) -> str:
    ratio, bar = figure.ratio or 0.0, figure.bar or 1.0
    reached = bar / ratio if figure.at_most else ratio / bar
    sign = "≤" if figure.at_most else "≥"
    label = f"{ratio:.2f} × {figure.against}, bar {sign} {bar:g}"
    return (
        f'<rect class="{"met" if figure.met else "missed"}" x="{LEFT}" y="{y + 22}" height="14" '
        f'width="{MET * min(reached, MOST):.0f}"/>'
        f'<text x="{LEFT}" y="{y + 15}">{escape(figure.name)} <tspan class="small">{escape(label)}</tspan></text>'
    )
