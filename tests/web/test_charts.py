"""The geometry of charts."""

from __future__ import annotations

from datetime import UTC, datetime

from greenroom.model.funnel import FunnelDay
from greenroom.services.statistics import DeliveryDay
from greenroom.web import charts

DAY = datetime(2026, 11, 3, tzinfo=UTC)


def test_bars_are_stacked_from_the_ground_up_and_fit_the_scale() -> None:
    """The table has the same numbers; a small number is still seen."""
    chart = charts.deliveries_chart([DeliveryDay(DAY, delivered=80, failed=1, waiting=20)])
    delivered, waiting, failed = chart.bars[0].parts

    assert chart.top == "200"
    assert delivered.y + delivered.height == charts.ABOVE + charts.HEIGHT
    assert waiting.y + waiting.height == delivered.y
    assert failed.height >= charts.SMALLEST
    assert chart.bars[0].cells == ("80", "20", "1")
    assert chart.bars[0].title == "Tue 3 Nov: 80 delivered, 20 waiting, 1 gave up"


def test_a_spark_has_a_bar_for_each_hour_and_its_numbers_in_words() -> None:
    """Failures stand on top; an hour without deliveries has a low bar."""
    some = charts.spark([(0, 0), (10, 0), (5, 5)])

    assert some.label == "15 delivered, 5 given up"
    assert dict(some.paths) == {
        "ok": "M4 2.0h3v22.0h-3zM8 13.0h3v11.0h-3z",
        "bad": "M8 2.0h3v11.0h-3z",
        "mute": "M0 22h3v2h-3z",
    }
    assert charts.spark([(0, 0)] * 24).label == "Nothing sent"


def test_response_times_are_nested_and_orders_stand_beside_each_other() -> None:
    """The slowest twentieth reaches to its own value."""
    latency = charts.latency_chart([DeliveryDay(DAY, 9, 0, 0, p50_ms=50, p95_ms=100)])
    orders = charts.orders_chart([FunnelDay(DAY, ordered=10, done=5)])

    assert [round(part.height) for part in latency.bars[0].parts] == [60, 60]
    assert [part.height for part in orders.bars[0].parts] == [120, 60, 0]
    assert len({part.x for part in orders.bars[0].parts}) == 3
    assert charts.orders_chart([FunnelDay(DAY)]).is_empty
