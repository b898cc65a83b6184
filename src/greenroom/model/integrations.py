"""A project's configuration of one provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from greenroom.model.orders import Category

AuthenticationType = Literal["public", "partner", "public_partner"]
CallbackAuth = Literal["partner", "account_key"]


@dataclass(frozen=True)
class Integration:
    """
    A project's configuration of one provider, with its secrets decrypted.

    `packages_url` takes precedence over stored packages, and these over the single `package_id` (labelled
    `package_name`, or the id). `callback_hosts` are host names, optionally with `*.` in front. `signing_secret` signs
    the package-list call.
    """

    id: str
    project_id: str
    provider: str
    created_at: datetime
    updated_at: datetime
    enabled: bool = True
    authentication_type: AuthenticationType = "partner"
    partner_category: Category = "assessments"
    tenant_id: str | None = None
    packages_url: str | None = None
    packages_api_key: str | None = field(default=None, repr=False)
    partner_username: str | None = None
    partner_password: str | None = field(default=None, repr=False)
    package_id: str | None = None
    package_name: str | None = None
    callback_auth: CallbackAuth = "partner"
    callback_hosts: tuple[str, ...] = ()
    harvest_client_id: str | None = None
    harvest_client_secret: str | None = field(default=None, repr=False)
    signing_secret: str = field(default="", repr=False)
