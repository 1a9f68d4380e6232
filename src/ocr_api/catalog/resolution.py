"""Which model a new job gets: the one named, the current one, or the fallback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ocr_api.catalog.availability import Availability
from ocr_api.errors import ModelUnavailableError


@dataclass(frozen=True, slots=True)
class Resolution:
    """The model that serves, and what the caller is told about it.

    Attributes:
        model: The id that serves.
        requested_model: What was asked for, or the current model where nothing was.
        is_default: The caller named no model.
        warning: Why another model serves; None = the requested one does.
    """

    model: str
    requested_model: str
    is_default: bool
    warning: str | None = None


def resolve_model(
    named: str | None,
    current: str,
    fallback: str,
    check: Callable[[str], Availability],
) -> Resolution:
    """Decides which model a new job gets.

    A model that the caller names is never replaced; only the default is.

    Args:
        named: The caller's choice; None = the current model.
        current: The model that is current for jobs that name none.
        fallback: Serves where the current model is impossible; empty = never.
        check: Tells of a known model whether it can run.

    Raises:
        ModelUnavailableError: The model cannot run here and nothing may serve in its place.
        UnknownModelError: From `check`, where no model has the id.
    """
    requested = named or current
    found = check(requested)
    if found.is_available:
        return Resolution(requested, requested, named is None)
    if named is None and fallback and check(fallback).is_available:
        warning = f"{found.reason} '{fallback}' serves in place of '{requested}'."
        return Resolution(fallback, requested, is_default=True, warning=warning)
    msg = f"Model '{requested}' cannot run here: {found.reason} See GET /models for what can."
    raise ModelUnavailableError(msg, model=requested)
