"""What lets a program read a customer's data: clients of the Harvest API, and what they were granted."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from greenroom_sandbox.model.record import Record

ClientKind = Literal["partner", "custom"]
GrantKind = Literal["code", "access", "refresh"]


class Client(Record):
    """Credentials. A partner's serve every customer that consents; a customer's own serve that customer."""

    name: str
    kind: ClientKind
    organization_id: int | None = None
    client_id: str
    client_secret: str
    redirect_uri: str | None = None
    scopes: list[str]


class Grant(Record):
    """A code or a token, by its digest. ``user_id`` is whom it acts for; None is the client's service account."""

    kind: GrantKind
    client: int
    organization_id: int
    user_id: int | None
    scopes: list[str]
    digest: str
    expires_at: datetime
    used: bool = False
    redirect_uri: str | None = None
