"""Clients of the Harvest API and the codes and tokens issued to them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from greenroom_sandbox.model.record import Record

ClientKind = Literal["partner", "custom"]
GrantKind = Literal["code", "access", "refresh"]


class Client(Record):
    """A client's credentials.

    A partner's client serves every customer that consents; a custom client serves its own customer.
    """

    name: str
    kind: ClientKind
    organization_id: int | None = None
    client_id: str
    client_secret: str
    redirect_uri: str | None = None
    scopes: list[str]


class Grant(Record):
    """A code or a token, stored as a digest.

    ``user_id`` is the user that it acts for; None means the client's service account.
    """

    kind: GrantKind
    client: int
    organization_id: int
    user_id: int | None
    scopes: list[str]
    digest: str
    expires_at: datetime
    used: bool = False
    redirect_uri: str | None = None
