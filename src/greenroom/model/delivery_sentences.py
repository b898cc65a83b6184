"""How a delivery stands and why it waits, as one sentence. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from greenroom.model.breakers import Health
from greenroom.model.deliveries import Lane, State
from greenroom.model.order_sentences import Standing


@dataclass(frozen=True)
class Situation:
    """
    A delivery as far as its sentence needs it.

    `has_destination` is false while no webhook takes its event; `health` is that of the destination's breaker.
    """

    lane: Lane
    state: State
    in_flight: bool
    due_at: datetime | None
    last_error: str | None
    attempts_made: int
    has_destination: bool
    health: Health
    erased_at: datetime | None


def describe(one: Situation) -> Standing:
    """Returns how a delivery stands and why it waits."""
    whom = "the ATS" if one.lane == "ats" else "the webhook"
    tries = f"{one.attempts_made} attempt{'' if one.attempts_made == 1 else 's'}"
    if one.erased_at is not None:
        return Standing("info", "nobody", f"The content of this delivery was erased on {one.erased_at:%-d %B %Y}.",
                        "It cannot be sent again.")  # fmt: skip
    if one.state == "delivered":
        return Standing("ok", "nobody", f"Delivered to {whom} after {tries}.", "Nothing is left to do.")
    if one.state == "dead":
        return Standing("bad", "you", f"Given up after {tries}: {whom} did not take it.", "The content is stored.",
                        cause=one.last_error or "No reason was recorded.",
                        next_step="Correct the cause, then retry. The schedule starts anew.")  # fmt: skip
    if one.state == "cancelled":
        return Standing("info", "nobody", "Cancelled: nothing is sent any more.", "Retry sends it all the same.")
    if one.state == "held" and not one.has_destination:
        return Standing("wait", "you", "Held: no enabled webhook takes this event.",
                        "Create, enable or change a webhook that does, and it goes out by itself.")  # fmt: skip
    if one.state == "held":
        return Standing("wait", "you", "Held: its webhook is disabled.",
                        "Enable the webhook, and it goes out by itself.")  # fmt: skip
    return _pending(one, whom, tries)


def _pending(one: Situation, whom: str, tries: str) -> Standing:
    if one.in_flight:
        return Standing("info", "greenroom", "An attempt is in flight.", "Its outcome is known within 15 seconds.")
    if one.health == "open":
        return Standing("wait", "vendor" if one.lane == "vendor" else "ats",
                        f"Waits because {whom} has failed several times in a row.",
                        "Greenroom tries a single delivery first. When it is taken, this one follows by itself.",
                        cause=one.last_error)  # fmt: skip
    if one.last_error:
        return Standing("wait", "greenroom", f"The last of {tries} failed, and the next one comes by itself.",
                        one.last_error, cause=one.last_error)  # fmt: skip
    if one.attempts_made and one.due_at is not None:
        return Standing("wait", "ats", "The ATS took the notification and has not read the result yet.",
                        "It is notified again unless it reads the result before.")  # fmt: skip
    return Standing("info", "greenroom", "It is about to be sent.", "Deliveries go out in the order of their queue.")
