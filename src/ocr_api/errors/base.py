"""The base of all errors."""

from __future__ import annotations

from typing import ClassVar


class OcrApiError(Exception):
    """Base of all errors of this package.

    Attributes:
        code: Stable identifier of the class, `snake_case`.
        retryable: Whether the same request may succeed later without a change.
        detail: The sentence for people.
        facts: Values that help to mend the request, e.g. `{"limit": 52428800}`.
    """

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts


class SettingsError(OcrApiError):
    """A setting is missing, misspelt or out of range."""

    code = "invalid_settings"
