"""Charts of figures per day: the geometry of their SVG, and the same numbers for a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from greenroom.model.funnel import FunnelDay
from greenroom.services.statistics import DeliveryDay
from greenroom.web import formats

#: height of the tallest bar, and the space above it for the scale's label, in pixels
HEIGHT = 120
ABOVE = 18
#: height of a bar that would be hard to see
SMALLEST = 1.5


@dataclass(frozen=True)
class Part:
    """One piece of a bar: its place in percent of the width, and in pixels from the top."""

    tone: str
    x: float
    width: float
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    """A day: its middle in percent of the width, its pieces, and its numbers as text."""

    middle: float
    label: str
    title: str
    parts: tuple[Part, ...]
    cells: tuple[str, ...]

    @property
    def short(self) -> str:
        """Returns the label without the month."""
        return self.label.rpartition(" ")[0]


@dataclass(frozen=True)
class Chart:
    """A chart: `series` are tones and labels in the order of the cells; `top` and `half` label the scale."""

    id: str
    title: str
    series: tuple[tuple[str, str], ...]
    bars: tuple[Bar, ...]
    top: str
    half: str
    is_empty: bool

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Returns the columns of the table that has the same numbers."""
        return [("Day", "col-main"), *((label, "col-num") for _, label in self.series)]


def deliveries_chart(days: Sequence[DeliveryDay], id_: str = "chart-deliveries") -> Chart:
    """Returns the deliveries per day: delivered, waiting and failed."""
    series = (("ok", "Delivered"), ("wait", "Waiting"), ("bad", "Gave up"))
    rows = [(formats.weekday(one.start), (one.delivered, one.waiting, one.failed)) for one in days]
    return _stacked(id_, "Deliveries per day", series, rows, formats.number)


def latency_chart(days: Sequence[DeliveryDay], id_: str = "chart-latency") -> Chart:
    """Returns the response times per day: the median, and on top of it what the slowest twentieth takes longer."""
    series = (("info", "Median"), ("mute", "95 of 100 within"))
    rows = [(formats.weekday(one.start), (one.p50_ms or 0, one.p95_ms or 0)) for one in days]
    return _stacked(id_, "Response time per day", series, rows, formats.duration, are_nested=True)


def orders_chart(days: Sequence[FunnelDay], id_: str = "chart-orders") -> Chart:
    """Returns how far orders came per day: ordered, result recorded, result read by the ATS."""
    series = (("mute", "Ordered"), ("info", "Result recorded"), ("ok", "Read by the ATS"))
    rows = [(formats.weekday(one.start), (one.ordered, one.done, one.acknowledged)) for one in days]
    return _stacked(id_, "Orders per day", series, rows, formats.number, are_beside=True)


@dataclass(frozen=True)
class Spark:
    """A small chart: the paths of its bars by tone, in 96 by 24 pixels, and its numbers in words."""

    label: str
    paths: tuple[tuple[str, str], ...]


def spark(hours: Sequence[tuple[int, int]]) -> Spark:
    """Returns a bar for each hour: what was delivered, and on top of it what was given up."""
    tallest = max((sum(hour) for hour in hours), default=0) or 1
    paths = {"ok": "", "bad": "", "mute": ""}
    for number, hour in enumerate(hours):
        base = 24.0
        for tone, value in zip(("ok", "bad"), hour, strict=True):
            height = max(value / tallest * 22, SMALLEST) if value else 0
            base -= height
            paths[tone] += f"M{4 * number} {base:.1f}h3v{height:.1f}h-3z" if value else ""
        if not any(hour):
            paths["mute"] += f"M{4 * number} 22h3v2h-3z"
    delivered, failed = (sum(hour[place] for hour in hours) for place in (0, 1))
    label = f"{formats.number(delivered)} delivered, {formats.number(failed) if failed else 'none'} given up"
    return Spark(label if delivered or failed else "Nothing sent", tuple((tone, d) for tone, d in paths.items() if d))


def _stacked(
    id_: str,
    title: str,
    series: tuple[tuple[str, str], ...],
    rows: Sequence[tuple[str, tuple[int, ...]]],
    write: Callable[[float], str],
    *,
    are_nested: bool = False,
    are_beside: bool = False,
) -> Chart:
    """
    Returns a chart of bars; the values of a day are stacked.

    `are_nested`: each value includes the one before it. `are_beside`: each value has a bar of its own.
    """
    tallest = max((max(values) if are_nested or are_beside else sum(values) for _, values in rows), default=0)
    scale = _round_up(tallest)
    slot = 100 / max(1, len(rows))
    width = slot * 0.56
    bars = []
    for number, (label, values) in enumerate(rows):
        x, parts, base = slot * (number + 0.22), [], float(ABOVE + HEIGHT)
        for place, ((tone, _), value) in enumerate(zip(series, values, strict=True)):
            before = values[place - 1] if are_nested and place else 0
            height = max((value - before) / scale * HEIGHT, SMALLEST) if value > before else 0
            if are_beside:
                third = width / len(series)
                parts.append(_part(tone, x + third * place, third * 0.86, base, height))
            else:
                parts.append(_part(tone, x, width, base, height))
                base -= height
        said = ", ".join(f"{write(value)} {name.lower()}" for (_, name), value in zip(series, values, strict=True))
        cells = tuple(write(value) for value in values)
        bars.append(Bar(round(x + width / 2, 2), label, f"{label}: {said}", tuple(parts), cells))
    return Chart(id_, title, series, tuple(bars), write(scale), "" if scale % 2 else write(scale // 2), tallest == 0)


def _part(tone: str, x: float, width: float, base: float, height: float) -> Part:
    return Part(tone, round(x, 2), round(width, 2), round(base - height, 1), round(height, 1))


def _round_up(value: int) -> int:
    """Returns the next number that is 1, 2 or 5 times a power of ten."""
    if value <= 2:
        return 2
    power = int(10 ** int(math.log10(value)))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)
