"""Updates of an order for its ATS. No I/O."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from greenroom.model.orders import FINAL, Status


@dataclass(frozen=True)
class Update:
    """
    One update of an order for its ATS: the status that it had, the vendor's message, and the time in ms since 1970.

    The times of an order's updates rise. A final status comes with the order's result, or with the message of a vendor
    that rejected the order.
    """

    status: Status = "completed"
    message: str | None = None
    at_ms: int = 0

    @property
    def is_final(self) -> bool:
        """Returns whether the update ends the order."""
        return self.status in FINAL

    def content(self, order_id: str) -> dict[str, Any]:
        """Returns the content of the update's event."""
        return {"order_id": order_id, **asdict(self)}

    @classmethod
    def read(cls, payload: str) -> Update:
        """Returns the update of an event; one that an earlier version stored has the order's id alone."""
        content = json.loads(payload)
        return cls(**{name: content[name] for name in ("status", "message", "at_ms") if name in content})
