"""What an answer means, and when a delivery is tried next: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from ocr_api.jobs import DeliveryState

LONGEST_WAIT_S = 24 * 3600.0
"""The last wait of the schedule that Standard Webhooks 1.0.0 proposes; no `Retry-After` is
followed beyond it."""

_JITTER = 0.2
_REDIRECTED = "The receiver redirects; redirects are not followed."


@dataclass(frozen=True, slots=True)
class Schedule:
    """When to try again.

    Attributes:
        waits_s: After the first, second, ... failure; the last one repeats. Not empty.
        max_retries: Tries after the first one, at least 0.
    """

    waits_s: Sequence[float]
    max_retries: int

    @property
    def most_tries(self) -> int:
        """Tries before a delivery fails."""
        return self.max_retries + 1

    def wait_s(self, tried: int, retry_after_s: float | None, chance: float) -> float | None:
        """Gives how long to wait after a failure; None = this was the last try.

        Args:
            tried: Tries so far, from 1.
            retry_after_s: What the receiver asked for; it is never tried sooner.
            chance: 0..1, drawn by the caller: up to a fifth is added, so that what failed
                together does not come back together.
        """
        if tried >= self.most_tries:
            return None
        planned = self.waits_s[min(tried, len(self.waits_s)) - 1]
        asked = min(retry_after_s or 0.0, LONGEST_WAIT_S)
        return max(planned, asked) * (1 + _JITTER * chance)


def state_after(status: int) -> DeliveryState:
    """Says what an HTTP status makes of a delivery; PENDING = it has to be tried again."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return DeliveryState.DELIVERED
    return DeliveryState.GONE if status == HTTPStatus.GONE else DeliveryState.PENDING


def explain_status(status: int) -> str | None:
    """Says for people why a status is no success; None where it is one."""
    match state_after(status):
        case DeliveryState.DELIVERED:
            return None
        case DeliveryState.GONE:
            return "The receiver wants no more of these (410)."
        case DeliveryState.PENDING | DeliveryState.FAILED:
            is_redirect = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
            return _REDIRECTED if is_redirect else f"The receiver answered {status}."


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Gives the seconds that `Retry-After` asks for (RFC 9110, 10.2.3); None = nothing sensible.

    Args:
        headers: Of the answer, names in lower case.
        now: Seconds since the epoch.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        asked = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, asked.replace(tzinfo=asked.tzinfo or UTC).timestamp() - now)
