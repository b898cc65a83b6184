"""The shape all stored things share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Something with an integer id. Times are aware and in UTC."""

    model_config = ConfigDict(extra="forbid")

    id: int
