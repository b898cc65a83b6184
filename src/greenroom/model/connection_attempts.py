"""An attempt to link an account by consent at the ATS, in a window of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

AttemptStatus = Literal["pending", "authenticated", "error", "cancelled", "expired"]


@dataclass(frozen=True)
class ConnectionAttempt:
    """
    An attempt to link by consent at the ATS.

    `account_id` is set when `status` is `authenticated`; `error_code` and `error_description` when it is `error`.
    """

    id: str
    project_id: str
    session_id: int
    status: AttemptStatus
    created_at: datetime
    account_id: str | None = None
    error_code: str | None = None
    error_description: str | None = None
