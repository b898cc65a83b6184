"""A delivery that is taken over by the process that stores it costs no claim: it is stored as claimed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from greenroom.engine.places import LEASE_MS, Places
from greenroom.model.deliveries import Claimed
from greenroom.model.webhooks import Destination
from greenroom.security.vault import VaultError


class Takeover:
    """What one unit of work hands to the engine of its process; a `context.Taker`."""

    def __init__(self, places: Places, begin: Callable[[Claimed, Destination], None]) -> None:
        self.lease = places.new_lease()
        self.lease_ms = LEASE_MS
        self._places = places
        self._begin = begin
        self._taken: list[tuple[Claimed, Destination]] = []
        self._left = False

    def accepts(self, claimed: Claimed, destination: Callable[[], Destination], *, clear: bool) -> bool:
        """Hold a place for it, if there is one and nothing is in its way."""
        with suppress(VaultError):  # whoever claims it says so
            if clear and self._places.has_room(claimed):
                self._taken.append((claimed, destination()))
                self._places.take(claimed)
                return True
        self._left = self._left or not self._places.is_behind(claimed.destination_id)
        return False

    def begin(self) -> bool:
        """Attempt what was accepted; whether something was not, and may be claimed."""
        for claimed, destination in self._taken:
            self._begin(claimed, destination)
        return self._left

    def drop(self) -> None:
        """Give the places back."""
        for claimed, _ in self._taken:
            self._places.leave(claimed)
        self._taken, self._left = [], False
