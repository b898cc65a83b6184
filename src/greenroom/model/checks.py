"""
Results of the set-up checklist, and the facts that its checks read. No I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from greenroom.model.orders import AtsDelivery, Category

CheckState = Literal["done", "action_needed", "waiting", "cannot_check"]


@dataclass(frozen=True)
class Action:
    """The next step: a label and a page, relative to the project's pages unless it begins with `/`."""

    label: str
    page: str

    def path(self, project_id: str) -> str:
        """Returns the path of the page in the dashboard."""
        return self.page if self.page.startswith("/") else f"/projects/{project_id}/{self.page}"


@dataclass(frozen=True)
class CheckResult:
    """
    The result of one check.

    `evidence` is a sentence about what was observed, `at` the time of the observation. `help` says what the check means
    and how to repair it. `by_hand` says that a person may confirm the check, since Greenroom cannot observe it. `codes`
    are the codes of the findings that stand against it.
    """

    code: str
    section: str
    title: str
    state: CheckState
    evidence: str
    at: datetime | None = None
    action: Action | None = None
    help: tuple[str, ...] = ()
    by_hand: bool = False
    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ListAnswer:
    """
    The latest answer of the vendor's list endpoint.

    `path` is the JSON path of an unexpected value, `status` when the status is at fault, None when there was no answer.
    `account` is the customer for whose recruiter the list was fetched, None for a test.
    """

    at: datetime
    problem: str | None = None
    path: str | None = None
    status: int | None = None
    ms: int | None = None
    packages: tuple[str, ...] = ()
    count: int = 0
    account: str | None = None


@dataclass(frozen=True)
class Confirmation:
    """A person's confirmation of a check that Greenroom cannot observe."""

    by: str
    at: datetime


@dataclass(frozen=True)
class Call:
    """The latest request of one kind from the ATS."""

    at: datetime
    status: int
    account_id: str
    account: str


@dataclass(frozen=True)
class Accounts:
    """The number of linked accounts and of those whose token the ATS has used, and the newest account."""

    count: int = 0
    seen: int = 0
    newest_id: str | None = None
    newest: str | None = None
    newest_at: datetime | None = None


@dataclass(frozen=True)
class WebhookFacts:
    """A webhook with its latest success and failure; test events count."""

    id: str
    name: str
    events: tuple[str, ...]
    enabled: bool
    disabled_reason: str | None = None
    delivered_at: datetime | None = None
    failed_at: datetime | None = None
    error: str | None = None


@dataclass(frozen=True)
class OrderFacts:
    """An order from the ATS; `notified_at` is when the vendor's endpoint took its event."""

    id: str
    delivery: AtsDelivery
    detail: str | None
    at: datetime
    updated_at: datetime
    notified_at: datetime | None = None
    result_at: datetime | None = None
    acknowledged_at: datetime | None = None


@dataclass(frozen=True)
class Configuration:
    """The fields of an integration that the checks need; secrets are left out."""

    enabled: bool = True
    authentication_type: str = "partner"
    category: Category = "assessments"
    packages_url: str | None = None
    package_id: str | None = None
    package_name: str | None = None
    has_username: bool = False
    has_password: bool = False
    callback_auth: str = "partner"
    updated_at: datetime | None = None


@dataclass(frozen=True)
class Facts:
    """
    The facts about one integration of a project, as the checks read them.

    `configuration` is None before the integration was configured. `called` has the latest accepted request of each of
    the ATS's `calls`, `refused` the latest refused one. `orders` are the latest ones, newest first.
    """

    provider: str
    ats: str
    calls: tuple[str, ...]
    configuration: Configuration | None = None
    published: int = 0
    answer: ListAnswer | None = None
    confirmed: Mapping[str, Confirmation] = field(default_factory=dict)
    accounts: Accounts = Accounts()
    called: Mapping[str, Call] = field(default_factory=dict)
    refused: Mapping[str, Call] = field(default_factory=dict)
    webhooks: Sequence[WebhookFacts] = ()
    orders: Sequence[OrderFacts] = ()

    @property
    def form(self) -> str:
        """Returns the page of the configuration."""
        return f"integrations/{self.provider}/configuration"
