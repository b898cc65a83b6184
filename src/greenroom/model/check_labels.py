"""Labels and helpers that the set-up checks share. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from greenroom.model.checks import Action, CheckResult, CheckState, OrderFacts
from greenroom.model.orders import Category

#: titles of the sections, in the guide's order
PROVIDER = "Provider setup"
CONFIGURATION = "Greenroom configuration"
ENABLEMENT = "ATS user enablement"
WEBHOOK = "Create a webhook"
EXPERIENCE = "ATS user experience"
RESULT = "Update result"
SECTIONS = (PROVIDER, CONFIGURATION, ENABLEMENT, WEBHOOK, EXPERIENCE, RESULT)

CATEGORIES: Mapping[Category, str] = {"assessments": "Assessments", "background_checks": "Background Checks"}
EVENTS: Mapping[Category, str] = {"assessments": "Assessments Order", "background_checks": "Background Check Order"}
AUTHENTICATION_TYPES = {"public": "Public API", "partner": "Partner API", "public_partner": "Public + Partner API"}
#: names of packages that the evidence repeats
SHOWN_PACKAGES = 5


def with_state(
    base: CheckResult, state: CheckState, evidence: str, *, at: datetime | None = None, action: Action | None = None
) -> CheckResult:
    """Returns a result with another state, evidence, time and next step."""
    return replace(base, state=state, evidence=evidence, at=at, action=action)


def count_of(count: int, noun: str) -> str:
    """Returns a count with its noun: `1 package`, `2 packages`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def first_sentence(text: str | None) -> str:
    """Returns the first sentence of a message, which says what happened; the check's help says what to do."""
    return re.split(r"(?<=\.) (?=[A-Z])", text or "", maxsplit=1)[0]


def tells_about_credentials(order: OrderFacts) -> bool:
    """Returns whether an order's push was accepted, or refused for its credentials."""
    return order.delivery != "refused" or any(word in (order.detail or "") for word in (" 401 ", "not configured"))
