"""How a delivery stands and why it waits, as one sentence. No I/O."""

from __future__ import annotations

from datetime import datetime

from greenroom.model.breakers import Health
from greenroom.model.deliveries import Lane, State
from greenroom.model.order_sentences import Standing


def describe(
    *,
    lane: Lane,
    state: State,
    in_flight: bool,
    due_at: datetime | None,
    last_error: str | None,
    attempts_made: int,
    has_destination: bool,
    health: Health,
    erased_at: datetime | None,
) -> Standing:
    """Returns how a delivery stands; `has_destination` is false while no webhook takes its event."""
    whom = "the ATS" if lane == "ats" else "the webhook"
    tries = f"{attempts_made} attempt{'' if attempts_made == 1 else 's'}"
    if erased_at is not None:
        return Standing("info", "nobody", f"The content of this delivery was erased on {erased_at:%-d %B %Y}.",
                        "It cannot be sent again.")  # fmt: skip
    if state == "delivered":
        return Standing("ok", "nobody", f"Delivered to {whom} after {tries}.", "Nothing is left to do.")
    if state == "dead":
        return Standing("bad", "you", f"Given up after {tries}: {whom} did not take it.", "The content is stored.",
                        cause=last_error or "No reason was recorded.",
                        next_step="Correct the cause, then retry. The schedule starts anew.")  # fmt: skip
    if state == "cancelled":
        return Standing("info", "nobody", "Cancelled: nothing is sent any more.", "Retry sends it all the same.")
    if state == "held" and not has_destination:
        return Standing("wait", "you", "Held: no enabled webhook takes this event.",
                        "Create, enable or change a webhook that does, and it goes out by itself.")  # fmt: skip
    if state == "held":
        return Standing("wait", "you", "Held: its webhook is disabled.",
                        "Enable the webhook, and it goes out by itself.")  # fmt: skip
    if in_flight:
        return Standing("info", "greenroom", "An attempt is in flight.", "Its outcome is known within 15 seconds.")
    if health == "open":
        return Standing("wait", "vendor" if lane == "vendor" else "ats",
                        f"Waits because {whom} has failed several times in a row.",
                        "Greenroom tries a single delivery first. When it is taken, this one follows by itself.",
                        cause=last_error)  # fmt: skip
    if last_error:
        return Standing("wait", "greenroom", f"The last of {tries} failed, and the next one comes by itself.",
                        last_error, cause=last_error)  # fmt: skip
    if attempts_made and due_at is not None:
        return Standing("wait", "ats", "The ATS took the notification and has not read the result yet.",
                        "It is notified again unless it reads the result before.")  # fmt: skip
    return Standing("info", "greenroom", "It is about to be sent.", "Deliveries go out in the order of their queue.")
