"""What all shapes on the wire share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import overload

from pydantic import BaseModel, ConfigDict


class WireModel(BaseModel):
    """A frozen JSON object; times are ISO 8601 in UTC, ending in `Z`."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@overload
def instant(seconds: float) -> datetime: ...
@overload
def instant(seconds: None) -> None: ...
@overload
def instant(seconds: float | None) -> datetime | None: ...
def instant(seconds: float | None) -> datetime | None:
    """Gives the UTC time of seconds since the epoch, to the millisecond; None stays None."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(round(seconds, 3), UTC)
