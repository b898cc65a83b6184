"""The shape all stored things share."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Something with an integer id. Times are aware and in UTC."""

    model_config = ConfigDict(extra="forbid")

    id: int


class Stamped(Record):
    """A record that knows when it was made and last changed; the table it is in keeps that."""

    created_at: datetime = datetime.min.replace(tzinfo=UTC)
    updated_at: datetime = datetime.min.replace(tzinfo=UTC)
