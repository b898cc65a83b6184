"""The fields of an Ashby integration, and of an account's credentials."""

from __future__ import annotations

from greenroom.connectors.contract import Field

FIELDS = (
    Field("partner_id", "Partner id", "Ashby's id of you as a partner, for results without an order; else tenant_id."),
    Field(
        "questions",
        "Questions for the recruiter",
        "Ashby shows them as custom fields when a recruiter starts an assessment, and the order has the answers.",
        type="questions",
        default=(),
    ),
)

CREDENTIALS = (
    Field(
        "api_key",
        "Ashby API key",
        "The customer makes it in Ashby with the permission candidatesWrite; it carries every update.",
        secret=True,
        required_if={},
    ),
)
