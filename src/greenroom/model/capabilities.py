"""The capabilities of an ATS, as data: the core reads these facts and knows no ATS by name. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from greenroom.model.orders import Status

#: how a result reaches the ATS: it is notified and reads the result, or the push carries the result
ResultDelivery = Literal["notify_then_read", "push"]
#: where the hiring team of an order comes from
HiringTeam = Literal["inline", "enrichment", "none"]


@dataclass(frozen=True)
class Source:
    """Where a fact about an ATS was read, and when (ISO date)."""

    text: str
    date: str


@dataclass(frozen=True)
class Capabilities:
    """
    The facts about an ATS that the core acts on, each with its source.

    `progress` are the order statuses without a result that can be sent to the ATS. `repeated_results` says that a later
    result replaces an earlier one. `cancel` says that the ATS can cancel an order, `refusal_message` that it shows a
    recruiter why an order was refused, `questions` that it asks the recruiter a vendor's questions with an order.
    `callback_url` says that results go to a URL that came with the order. `result_without_order` says that a vendor can
    give the ATS a result for which there is no order.
    """

    result_delivery: ResultDelivery
    progress: tuple[Status, ...]
    repeated_results: bool
    cancel: bool
    refusal_message: bool
    hiring_team: HiringTeam
    questions: bool
    callback_url: bool
    result_without_order: bool
    sources: Mapping[str, Source] = field(default_factory=dict)
