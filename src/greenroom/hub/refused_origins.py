"""Notes of pages that tried to show a project's hub and may not: its dashboard names their origins."""

from __future__ import annotations

import time
from contextlib import suppress

from greenroom.context import Context
from greenroom.errors import Unavailable
from greenroom.model.hub import check_origin
from greenroom.services import hub_settings

#: seconds between two notes of the same origin, and between two resets of the bound
PERIOD_S = 60.0
#: notes of a process in one period, since anybody can send requests with made-up origins
MOST_NOTES = 60


class RefusedOrigins:
    """Notes each refused origin of a project at most once in `PERIOD_S`."""

    def __init__(self) -> None:
        self._began = float("-inf")
        self._noted: set[tuple[str, str]] = set()

    async def note(self, ctx: Context, project_id: str, origin: str) -> None:
        """Notes an origin, unless no project can allow it; an unavailable database changes no answer."""
        try:
            found = (project_id, check_origin(origin))
        except ValueError:
            return
        if time.monotonic() - self._began > PERIOD_S:
            self._began = time.monotonic()
            self._noted.clear()
        if found in self._noted or len(self._noted) == MOST_NOTES:
            return
        self._noted.add(found)
        with suppress(Unavailable):
            await hub_settings.note_refused_origin(ctx, *found)
