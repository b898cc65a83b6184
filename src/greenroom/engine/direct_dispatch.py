"""A delivery that is taken over by the process that stores it costs no claim: it is stored as claimed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from greenroom.engine.slots import LEASE_MS, Slots
from greenroom.model.deliveries import Claimed
from greenroom.model.webhooks import Destination
from greenroom.security.vault import VaultError


class DirectDispatch:
    """What one unit of work hands to the engine of its process; a `context.Dispatch`."""

    def __init__(self, places: Slots, begin: Callable[[Claimed, Destination], None]) -> None:
        self.lease = places.new_lease()
        self.lease_ms = LEASE_MS
        self._slots = places
        self._begin = begin
        self._taken: list[tuple[Claimed, Destination]] = []
        self._left = False

    def accepts(self, claimed: Claimed, destination: Callable[[], Destination], *, clear: bool) -> bool:
        """Hold a place for it, if there is one and nothing is in its way."""
        with suppress(VaultError):  # whoever claims it says so
            if clear and self._slots.has_spare_slot(claimed):
                self._taken.append((claimed, destination()))
                self._slots.take(claimed)
                return True
        self._left = self._left or not self._slots.is_limited_by_destination(claimed.destination_id)
        return False

    def begin(self) -> bool:
        """Attempt what was accepted; whether something was not, and may be claimed."""
        for claimed, destination in self._taken:
            self._begin(claimed, destination)
        return self._left

    def drop(self) -> None:
        """Give the places back."""
        for claimed, _ in self._taken:
            self._slots.leave(claimed)
        self._taken, self._left = [], False
