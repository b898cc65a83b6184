"""The base classes of stored records."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A record with an integer id. Times are aware and in UTC."""

    model_config = ConfigDict(extra="forbid")

    id: int


class Stamped(Record):
    """A record with timestamps, which its table updates."""

    created_at: datetime = datetime.min.replace(tzinfo=UTC)
    updated_at: datetime = datetime.min.replace(tzinfo=UTC)
