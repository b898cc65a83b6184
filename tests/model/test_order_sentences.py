"""Where orders and deliveries stand, as sentences."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from greenroom.model import delivery_sentences
from greenroom.model.order_sentences import Leg, describe
from greenroom.model.orders import Candidate, Order, OrderRequest
from greenroom.model.results import Result

NOW = datetime(2026, 11, 3, 9, 5, tzinfo=UTC)
ORDER = Order(
    id="ord_1", project_id="prj_1", account_id="acc_1", provider="greenhouse", category="assessments", source="ats",
    request=OrderRequest("pkg", Candidate("ada@example.test")), package_name=None, created_at=NOW, updated_at=NOW,
)  # fmt: skip
DONE = replace(ORDER, status="completed", result=Result(result_url="https://vendor.example/1"), result_at=NOW)


def leg(lane: Any, state: Any, attempts: int = 1, error: str | None = None) -> Leg:
    """Returns a delivery."""
    return Leg(lane, state, attempts, NOW if state == "pending" else None, error)


def waiting(lane: Any, why: Any) -> Leg:
    """Returns a delivery that was not attempted yet and waits."""
    return replace(leg(lane, "pending", 0), waits=why)


def test_the_time_of_the_next_attempt_is_said() -> None:
    """An order behind an open breaker says when it is tried."""
    for one in (waiting("vendor", "breaker"), replace(waiting("vendor", "breaker"), attempts_made=1, last_error="503")):
        said = describe(ORDER, [one], ats="Greenhouse", company="Northwind").more
        assert "The next attempt is at 09:05:00 UTC on 3 November at the earliest." in said


@pytest.mark.parametrize(
    ("order", "legs", "tone", "turn", "said"),
    [
        (ORDER, [], "wait", "vendor", "its result is awaited"),
        (ORDER, [leg("vendor", "pending", 0)], "info", "greenroom", "on its way to the vendor"),
        (ORDER, [leg("vendor", "pending", 1, "503")], "wait", "vendor", "did not take the order yet"),
        (ORDER, [leg("vendor", "dead", 9, "410")], "bad", "you", "was not notified"),
        (ORDER, [leg("vendor", "held", 0)], "wait", "you", "its webhook is disabled"),
        (ORDER, [leg("vendor", "dead", 9, "410"), leg("vendor", "delivered")], "wait", "vendor", "awaited"),
        (replace(ORDER, held_at=NOW), [leg("vendor", "held", 0)], "wait", "you", "no enabled webhook takes its event"),
        (replace(ORDER, status="invited"), [leg("vendor", "delivered")], "wait", "candidate", "was invited"),
        (replace(ORDER, status="in_progress"), [leg("vendor", "delivered")], "wait", "candidate", "is at work"),
        (replace(ORDER, status="rejected", status_message="no licence"), [], "bad", "nobody", "rejected the order"),
        (replace(ORDER, status="expired"), [], "info", "nobody", "has expired"),
        (replace(ORDER, status="cancelled"), [], "info", "nobody", "was cancelled"),
        (replace(ORDER, status="error"), [], "bad", "nobody", "failed"),
        (DONE, [leg("ats", "pending", 0)], "info", "greenroom", "on its way to Greenhouse"),
        (DONE, [leg("ats", "pending", 1, "502")], "wait", "greenroom", "failed and is tried again"),
        (DONE, [leg("ats", "cancelled")], "bad", "you", "was cancelled"),
        (DONE, [], "wait", "ats", "gets it when it asks"),
        (replace(DONE, source="api"), [], "ok", "nobody", "no ATS waits"),
        (replace(DONE, delivery="sent"), [leg("ats", "pending")], "wait", "ats", "has not read it yet"),
        (replace(DONE, delivery="sent"), [leg("ats", "delivered")], "bad", "you", "never read the result"),
        (replace(DONE, delivery="refused", delivery_detail="401"), [leg("ats", "dead", 1, "401")], "bad", "you", "still waits"),
        (replace(DONE, delivery="acknowledged"), [leg("ats", "delivered")], "ok", "nobody", "has read the result"),
        (replace(DONE, erased_at=NOW), [], "info", "nobody", "was erased on 3 November 2026"),
        (ORDER, [waiting("vendor", "breaker")], "wait", "vendor", "waits because the vendor's webhook has failed several"),
        (ORDER, [waiting("vendor", "slot")], "wait", "greenroom", "waits for its turn"),
        (DONE, [waiting("ats", "pause")], "wait", "ats", "waits because Greenhouse asked for a pause"),
    ],
)  # fmt: skip
def test_an_order_says_whose_turn_it_is(order: Order, legs: list[Leg], tone: str, turn: str, said: str) -> None:
    """One sentence; who must act on a failure also gets cause and next step."""
    standing = describe(order, legs, ats="Greenhouse", company="Northwind")

    assert (standing.tone, standing.turn) == (tone, turn)
    assert said in standing.sentence
    if standing.tone == "bad" and standing.turn == "you":
        assert standing.next_step
        assert standing.cause or order.delivery == "sent"


@pytest.mark.parametrize(
    ("changes", "tone", "said"),
    [
        ({"state": "delivered"}, "ok", "Delivered to the webhook after 1 attempt."),
        ({"state": "delivered", "lane": "ats", "attempts_made": 2}, "ok", "Delivered to the ATS after 2 attempts."),
        ({"state": "dead"}, "bad", "Given up"),
        ({"state": "cancelled"}, "info", "Cancelled"),
        ({"state": "held"}, "wait", "its webhook is disabled"),
        ({"state": "held", "has_destination": False}, "wait", "no enabled webhook"),
        ({"in_flight": True}, "info", "in flight"),
        ({"health": "open", "last_error": "refused"}, "wait", "several times in a row"),
        ({"last_error": "503"}, "wait", "failed, and the next one comes by itself"),
        ({"lane": "ats"}, "wait", "has not read the result yet"),
        ({"attempts_made": 0}, "info", "about to be sent"),
        ({"erased_at": NOW}, "info", "was erased on 3 November 2026"),
    ],
)
def test_a_delivery_says_why_it_waits(changes: dict[str, Any], tone: str, said: str) -> None:
    """One sentence per state."""
    given: dict[str, Any] = {
        "lane": "vendor", "state": "pending", "in_flight": False, "due_at": NOW, "last_error": None,
        "attempts_made": 1, "has_destination": True, "health": "closed", "erased_at": None, **changes,
    }  # fmt: skip
    standing = delivery_sentences.describe(delivery_sentences.Situation(**given))

    assert standing.tone == tone
    assert said in standing.sentence
