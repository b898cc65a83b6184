"""A project's configuration of one provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from greenroom.model.orders import Category


@dataclass(frozen=True)
class Integration:
    """
    A project's configuration of one provider, with its secrets decrypted.

    `packages_url` takes precedence over stored packages, and these over the single `package_id` (labelled
    `package_name`, or the id). `order_check_url` is asked before an order is placed. `signing_secret` signs both calls.
    `settings` are the values of the fields that the provider's connector declares.
    """

    id: str
    project_id: str
    provider: str
    created_at: datetime
    updated_at: datetime
    enabled: bool = True
    partner_category: Category = "assessments"
    tenant_id: str | None = None
    packages_url: str | None = None
    packages_api_key: str | None = field(default=None, repr=False)
    package_id: str | None = None
    package_name: str | None = None
    order_check_url: str | None = None
    signing_secret: str = field(default="", repr=False)
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
