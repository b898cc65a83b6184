"""Accounts as the callers that their ATSs are, refused calls, and which good call ends a finding about them. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from greenroom.model.refused_calls import Kind


@dataclass(frozen=True)
class TokenUse:
    """When a live token was made, expires, and was used for the first and the last time."""

    created_at: datetime
    expires_at: datetime | None
    first_used_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True)
class Caller:
    """An account, when its ATS called last with success, and its live tokens, oldest first."""

    id: str
    provider: str
    owner_id: str
    name: str
    is_linked: bool
    is_deleted: bool
    is_paused: bool
    created_at: datetime
    called_at: datetime | None
    tokens: tuple[TokenUse, ...] = ()


@dataclass(frozen=True)
class Refused:
    """Stored refused calls of one kind; `subject` is an account's id if the kind concerns one account."""

    provider: str
    kind: Kind
    subject: str
    count: int
    first_at: datetime
    last_at: datetime
    detail: Mapping[str, Any] = field(default_factory=dict)


class Ended(Enum):
    """Whether good calls after the last refused one show that its cause is gone."""

    NO = "no"
    #: some account called well, and nothing tells whether it is the one whose key was refused
    PERHAPS = "perhaps"
    YES = "yes"


def how_ended(refused: Refused, callers: Sequence[Caller]) -> Ended:
    """Returns whether later good calls of the provider's accounts end the finding about refused calls."""
    live = [one for one in callers if one.provider == refused.provider and not one.is_deleted]
    good = [one for one in live if one.called_at and one.called_at >= refused.last_at]
    fresh = any(use.first_used_at and use.first_used_at >= refused.last_at for one in good for use in one.tokens)
    if refused.kind in ("token_unknown", "no_credentials"):
        return _how_unknown_ended(refused, [one for one in live if one.is_linked or one in good], good, fresh=fresh)
    if refused.kind == "integration_disabled":
        return Ended.YES if good else Ended.NO
    subject = next((one for one in callers if one.id == refused.subject), None)
    if refused.kind == "account_disconnected":
        ended = fresh or any(subject is not None and one.owner_id == subject.owner_id for one in good)
    elif refused.kind == "account_paused":
        ended = subject is None or not subject.is_paused or subject.is_deleted
    else:
        ended = subject is None or subject.is_deleted or subject in good
    return Ended.YES if ended else Ended.NO


def _how_unknown_ended(refused: Refused, live: Sequence[Caller], good: Sequence[Caller], *, fresh: bool) -> Ended:
    """
    Returns whether the unknown key is replaced.

    It is when a token is used for the first time, or when every account called well. While an account was never called,
    the key is probably meant for it, so calls of other accounts end nothing.
    """
    if not good:
        return Ended.NO
    if fresh or len(good) == len(live):
        return Ended.YES
    waits = any(one.called_at is None and one.created_at <= refused.last_at for one in live)
    return Ended.NO if waits else Ended.PERHAPS
