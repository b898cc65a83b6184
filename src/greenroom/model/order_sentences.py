"""Where an order stands, as one sentence that says whose turn it is. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from greenroom.model.deliveries import Lane, State
from greenroom.model.orders import Order

Tone = Literal["ok", "wait", "bad", "info"]
Turn = Literal["nobody", "you", "vendor", "ats", "candidate", "greenroom"]


#: why a pending delivery is not attempted although nothing is wrong with it: its destination's breaker is open, the
#: destination asked for a pause, or all its slots are in use
Waiting = Literal["breaker", "pause", "slot"]


@dataclass(frozen=True)
class Leg:
    """
    A delivery of an order, as far as the sentence needs it.

    `due_at` is when the next attempt is due, or at the earliest if the delivery `waits`. `status` is the answer to the
    latest attempt.
    """

    lane: Lane
    state: State
    attempts_made: int
    due_at: datetime | None
    last_error: str | None
    waits: Waiting | None = None
    status: int | None = None


@dataclass(frozen=True)
class Standing:
    """
    Where an order stands.

    `sentence` is one sentence for a person, `more` what happens next, `turn` who acts next. `cause` and `next_step` are
    set when somebody must act on a failure.
    """

    tone: Tone
    turn: Turn
    sentence: str
    more: str
    cause: str | None = None
    next_step: str | None = None


def describe(order: Order, legs: Sequence[Leg], *, ats: str, company: str) -> Standing:
    """Returns where an order stands; `ats` is the ATS's name, `company` the name of the account's owner."""
    if order.erased_at is not None:
        return Standing(
            "info", "nobody", f"The content of this order was erased on {order.erased_at:%-d %B %Y}.",
            "Ids, status, outcome and times are kept. Nothing more is sent, and no result is taken.",
        )  # fmt: skip
    notified = [leg for leg in legs if leg.lane == "vendor"]
    if order.result is not None:
        return _with_result(order, [leg for leg in legs if leg.lane == "ats"], ats, company)
    if order.is_final:
        return _ended(order, ats)
    if order.held_at is not None:
        return Standing(
            "wait", "you", "The order is held: no enabled webhook takes its event.",
            "Nothing is lost. The event goes out by itself as soon as a webhook subscribes to it.",
            cause="No enabled webhook subscribes to this order's event.",
            next_step="Create, enable or change a webhook that subscribes to it.",
        )  # fmt: skip
    return _not_notified(notified) or _awaited(order)


def _with_result(order: Order, pushes: Sequence[Leg], ats: str, company: str) -> Standing:
    push = pushes[-1] if pushes else None
    if order.delivery == "acknowledged":
        return Standing("ok", "nobody", f"{ats} has read the result, and the recruiter at {company} sees it.",
                        "Nothing is left to do.")  # fmt: skip
    if order.delivery == "refused":
        return _refused(order, push, ats, company)
    if order.source == "api":
        return Standing("ok", "nobody", "The result is recorded, and no ATS waits for it.",
                        "The order was placed through the API. Nothing is left to do.")  # fmt: skip
    if order.delivery == "sent" and push is not None and push.state == "delivered":
        return Standing(
            "bad", "you", f"{ats} was notified but never read the result, so the recruiter sees none.",
            "The result is stored and nothing is lost.", cause=order.delivery_detail,
            next_step="Compare the test_status URL at the ATS with the integration's endpoints, then push again.",
        )  # fmt: skip
    if order.delivery == "sent":
        return Standing("wait", "ats", f"{ats} knows that the result is ready and has not read it yet.",
                        "It usually reads it within a minute, and is notified again if it does not.")  # fmt: skip
    if push is None:
        return Standing("wait", "ats", f"The result is recorded; {ats} gets it when it asks.",
                        order.delivery_detail or "The ATS gave no URL to notify.")  # fmt: skip
    if push.attempts_made and push.last_error:
        return Standing(
            "wait", "greenroom", f"The push of the result to {ats} failed and is tried again by itself.",
            f"The result is stored and nothing is lost. {_describe_next(push)}".strip(), cause=push.last_error,
            next_step="Wait for the next attempt, or correct the cause and retry now.",
        )  # fmt: skip
    if push.state == "cancelled":
        return Standing("bad", "you", f"The push of the result to {ats} was cancelled.", "The result is stored.",
                        cause="The delivery was cancelled.", next_step="Push the result again.")  # fmt: skip
    if push.waits is not None and push.state == "pending":
        return _waiting(push, "The result", ats)
    return Standing("info", "greenroom", f"The result is on its way to {ats}.", "This takes a few seconds.")


def _refused(order: Order, push: Leg | None, ats: str, company: str) -> Standing:
    if push is not None and push.status == 404:
        return Standing(
            "info", "nobody", f"{ats} has no place for the result any more: the candidate left the stage.",
            "The result is stored. The recruiter can open the report by its link.", cause=order.delivery_detail,
            next_step="Nothing needs to be done.",
        )  # fmt: skip
    return Standing(
        "bad", "you", f"{ats} refused the result, so the recruiter at {company} still waits.",
        "The result is stored and nothing is lost.",
        cause=order.delivery_detail or f"{ats} did not accept the notification.",
        next_step="Correct the cause, then push the result again.",
    )  # fmt: skip


def _ended(order: Order, ats: str) -> Standing:
    if order.status == "rejected":
        said = order.status_message or "no reason was given"
        return Standing(
            "bad", "nobody", "The vendor rejected the order, so there will be no result.",
            f"{ats} shows no result for it. The recruiter may send the test again.", cause=f"The vendor says: {said}",
            next_step="Remove the cause at the vendor, then ask the recruiter to send the test again.",
        )  # fmt: skip
    word = {"cancelled": "was cancelled", "expired": "has expired", "error": "failed"}.get(order.status, "has ended")
    tone: Tone = "bad" if order.status == "error" else "info"
    return Standing(tone, "nobody", f"The order {word} without a result.", order.status_message or "Nothing is sent.")


def _not_notified(legs: Sequence[Leg]) -> Standing | None:
    """Returns the standing while the vendor was not notified by any delivery, else None."""
    if not legs or any(leg.state == "delivered" for leg in legs):
        return None
    if all(leg.state in ("dead", "cancelled") for leg in legs):
        return Standing(
            "bad", "you", "The vendor was not notified of this order, so the candidate was not invited.",
            "The order is stored and nothing is lost.",
            cause=next((leg.last_error for leg in legs if leg.last_error), "The delivery was cancelled."),
            next_step="Correct the cause, then resend the notification.",
        )  # fmt: skip
    failing = next((leg for leg in legs if leg.state == "pending" and leg.last_error), None)
    if failing is not None:
        return Standing(
            "wait", "vendor", "The vendor's webhook did not take the order yet; it is tried again by itself.",
            f"The order is stored and nothing is lost. {_describe_next(failing)}".strip(), cause=failing.last_error,
            next_step="Wait for the next attempt, or correct the cause and retry now.",
        )  # fmt: skip
    if all(leg.state == "held" for leg in legs if leg.state not in ("dead", "cancelled")):
        return Standing(
            "wait", "you", "The notification is held because its webhook is disabled.",
            "Nothing is lost. It goes out by itself when the webhook is enabled.", cause="The webhook is disabled.",
            next_step="Enable the webhook.",
        )  # fmt: skip
    waiting = next((leg for leg in legs if leg.state == "pending" and leg.waits), None)
    if waiting is not None:
        return _waiting(waiting, "The order", "the vendor's webhook")
    return Standing("info", "greenroom", "The order is on its way to the vendor.", "This takes a few seconds.")


def _waiting(leg: Leg, what: str, whom: str) -> Standing:
    """Returns the standing of a delivery that was not attempted yet, because its destination takes nothing now."""
    why = {
        "breaker": f"waits because {whom} has failed several times in a row",
        "pause": f"waits because {whom} asked for a pause",
        "slot": f"waits for its turn: {whom} has as many requests in flight as it may, or as its rate limit allows",
    }[leg.waits or "slot"]
    turn: Turn = "greenroom" if leg.waits == "slot" else "vendor" if leg.lane == "vendor" else "ats"
    return Standing("wait", turn, f"{what} {why}.", f"Nothing is lost. {_describe_next(leg)}".strip())


def _describe_next(leg: Leg) -> str:
    if leg.waits == "slot":
        return "The next attempt starts as soon as a slot is free."
    reason = " at the earliest" if leg.waits else ""
    return f"The next attempt is at {leg.due_at:%H:%M:%S} UTC on {leg.due_at:%-d %B}{reason}." if leg.due_at else ""


def _awaited(order: Order) -> Standing:
    said = f"The vendor says: {order.status_message}" if order.status_message else ""
    if order.status == "in_progress":
        return Standing("wait", "candidate", "The candidate is at work; the vendor sends the result afterwards.", said)
    if order.status == "invited":
        return Standing("wait", "candidate", "The candidate was invited; the vendor waits for them to begin.", said)
    return Standing(
        "wait", "vendor", "The vendor has the order, and its result is awaited.",
        said or "Nothing is left to do here until the vendor sends the result.",
    )  # fmt: skip
