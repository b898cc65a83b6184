"""A project's configuration of one provider."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from greenroom.model.orders import Category, Storage

_HOST = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|(\*\.)?\[?[0-9a-f:]+\]?")
_TENANT = re.compile(r"[A-Za-z0-9._~-]{1,100}")


def check_tenant_id(value: str) -> str:
    """
    Returns a tenant id that may be part of the endpoint URLs.

    Raises:
        ValueError: says what is expected.
    """
    if not _TENANT.fullmatch(value):
        raise ValueError("expected 1 to 100 letters, digits, dots, dashes, underscores or tildes")
    return value


def check_host(value: str) -> str:
    """
    Returns a bare host name in lower case, `*.` allowed in front.

    Raises:
        ValueError: names the value.
    """
    if not _HOST.fullmatch(value.lower()):
        raise ValueError(f"{value[:60]!r} is not a bare host name such as ats.example.com or *.example.com")
    return value.lower()


@dataclass(frozen=True)
class Integration:
    """
    A project's configuration of one provider, with its secrets decrypted.

    `packages_url` takes precedence over stored packages, and these over the single `package_id` (labelled
    `package_name`, or the id). `order_check_url` is asked before an order is placed. `store` is the
    extent of stored orders, `resume` says whether only the ATS's link to a resume is passed on, or the file is fetched
    and stored as well. `signing_secret` signs both calls; after a rotation `previous_secret` also signs until it
    expires. `settings` are the values of the fields that the provider's connector declares.
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
    store: Storage = "full"
    resume: Literal["link", "store"] = "link"
    signing_secret: str = field(default="", repr=False)
    previous_secret: str | None = field(default=None, repr=False)
    previous_secret_expires_at: datetime | None = None
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def signing_secrets(self, now: datetime) -> list[str]:
        """Returns the secrets that sign a call now, newest first."""
        expires = self.previous_secret_expires_at
        is_live = self.previous_secret is not None and expires is not None and expires > now
        return [self.signing_secret, *([self.previous_secret] if is_live and self.previous_secret else [])]
