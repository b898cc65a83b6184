"""Direct dispatch: the process that stores a delivery attempts it without a claim query."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from greenroom.engine.slots import LEASE_MS, Slots
from greenroom.model.deliveries import Claimed
from greenroom.model.webhooks import Destination
from greenroom.security.vault import VaultError


class DirectDispatch:
    """Deliveries of one unit of work that this process's engine attempts directly; a `context.Dispatch`."""

    def __init__(self, slots: Slots, begin: Callable[[Claimed, Destination], None]) -> None:
        self.lease = slots.new_lease()
        self.lease_ms = LEASE_MS
        self._slots = slots
        self._begin = begin
        self._accepted: list[tuple[Claimed, Destination]] = []
        self._left = False

    def accepts(self, claimed: Claimed, destination: Callable[[], Destination], *, clear: bool) -> bool:
        """Reserves a concurrency slot for the delivery if a slot is spare and the delivery is `clear`."""
        with suppress(VaultError):  # the worker that claims the delivery reports the unreadable secret
            if clear and self._slots.has_spare_slot(claimed):
                self._accepted.append((claimed, destination()))
                self._slots.take(claimed)
                return True
        self._left = self._left or not self._slots.is_limited_by_destination(claimed.destination_id)
        return False

    def begin(self) -> bool:
        """Starts the accepted attempts; returns whether other deliveries are left that a claim may take."""
        for claimed, destination in self._accepted:
            self._begin(claimed, destination)
        return self._left

    def drop(self) -> None:
        """Releases the reserved concurrency slots."""
        for claimed, _ in self._accepted:
            self._slots.leave(claimed)
        self._accepted, self._left = [], False
