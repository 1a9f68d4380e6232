"""The service itself, as callers see it."""

from __future__ import annotations

from typing import Literal

from ocr_api.wire.base import WireModel


class ServiceView(WireModel):
    """What answers here."""

    name: str
    version: str
    docs: str


class HealthView(WireModel):
    """How the service is."""

    status: Literal["healthy", "degraded", "unhealthy"]
    redis: Literal["connected", "disconnected"]
    workers: int
    current_model: str | None
    version: str


class ReadyView(WireModel):
    """Whether work would be done now."""

    ready: bool
    reasons: list[str]
