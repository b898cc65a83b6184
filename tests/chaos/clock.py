"""A machine whose clock is off."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from greenroom import bootstrap


def put(file: Path, seconds: float) -> None:
    """Sets the clock of each process that follows the file."""
    new = file.with_suffix(".new")
    new.write_text(str(seconds))
    new.replace(file)


def follow(file: str) -> None:
    """Shifts this process's clock by the seconds in the file from now on; monotonic time is not changed."""
    ours, ours_ns = time.time, time.time_ns

    def off() -> float:
        return float(Path(file).read_text())

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + timedelta(seconds=off())

    time.time = lambda: ours() + off()
    time.time_ns = lambda: ours_ns() + int(off() * 1e9)
    bootstrap.datetime = Clock  # type: ignore[misc]
