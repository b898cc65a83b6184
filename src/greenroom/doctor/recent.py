"""The findings of each project as this process last read them, for pages that are opened often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from greenroom.context import Context
from greenroom.doctor.diagnosis import diagnose
from greenroom.model.findings import Finding

#: projects whose findings are kept; the one that was read first makes way
MOST = 1000


@dataclass
class _Known:
    """The findings of a project, when they were read, and the lock of those who want to read them."""

    found: Sequence[Finding] = ()
    read_at: float = float("-inf")
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class RecentFindings:
    """Keeps each project's findings for some seconds; requests that arrive together wait for one diagnosis."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    async def get(self, ctx: Context, project_id: str, *, max_age_s: float) -> Sequence[Finding]:
        """Returns the findings of a project, at most `max_age_s` old."""
        known = self._known.get(project_id)
        if known is None:
            if len(self._known) >= MOST:
                del self._known[next(iter(self._known))]
            known = self._known[project_id] = _Known()
        async with known.reading:
            began = time.monotonic()
            if began - known.read_at > max_age_s:
                known.found = await diagnose(ctx, project_id)
                known.read_at = began
        return known.found

    def drop(self, project_id: str) -> None:
        """Forgets the findings of a project, since something was changed; a diagnosis in progress counts for nobody."""
        self._known.pop(project_id, None)
