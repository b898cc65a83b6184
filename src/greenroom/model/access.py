"""A customer's access to their ATS's API, and the tokens that carry it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Tokens:
    """
    The tokens in an answer of an authorization server.

    `lives_s` are the seconds for which the access token is valid. `scopes` is None when the answer does not say.
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    lives_s: int = 3600
    scopes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Problem:
    """
    Why an account's access cannot be used, as a code of the causes and a sentence.

    `scope` is that of the call that the ATS refused; None when it refused the tokens.
    """

    code: str
    reason: str
    at: datetime
    scope: str | None = None


@dataclass(frozen=True)
class Access:
    """
    A customer's access to the ATS's API.

    `version` rises with each stored pair of tokens. `is_valid` says that the access token has not expired,
    `is_refresh_due` that the tokens are old enough to be refreshed, `is_ended` that the refresh token was refused;
    `retry_s` are the seconds until the authorization server may be asked again, 0 if now. `client` is the client
    id to which the tokens belong, `client_hash` the hash of the client's credentials in the last request for tokens.
    """

    account_id: str
    version: int = 0
    access_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    client: str | None = None
    client_hash: str | None = field(default=None, repr=False)
    scopes: tuple[str, ...] = ()
    connected_by: str | None = None
    connected_at: datetime | None = None
    refreshed_at: datetime | None = None
    is_valid: bool = False
    is_refresh_due: bool = False
    is_ended: bool = False
    retry_s: float = 0.0
    problem: Problem | None = None
