"""Partners (vendors or gateways) and the customers' connections with them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from greenroom_sandbox.model.record import Record

Category = Literal["assessments", "background_checks"]
CallName = Literal["list_tests", "send_test", "test_status", "response_error"]


class Partner(Record):
    """An approved partner: four URLs and the credentials for the call-back."""

    name: str
    category: Category = "assessments"
    tagline: str | None = None
    overview: str | None = None
    support_contact: str | None = None
    list_tests_url: str
    send_test_url: str
    test_status_url: str
    response_error_url: str
    username: str
    password: str
    published: bool = False
    polling: bool = False


class Connection(Record):
    """A customer's key for a partner, and the names of the tests listed last."""

    organization_id: int
    partner_id: int
    key: str | None = None
    enabled: bool = False
    listed: dict[str, str] = Field(default_factory=dict)

    @property
    def usable(self) -> bool:
        """Whether the customer's recruiters may use the partner."""
        return self.enabled and self.key is not None
