"""What an answer means, and when a delivery is tried next."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_api.jobs import DeliveryState
from ocr_api.settings import Settings
from ocr_api.webhooks.schedule import (
    LONGEST_WAIT_S,
    Schedule,
    explain_status,
    retry_after_s,
    state_after,
)

NOW = 1_800_000_000.0
HOUR = 3600


def test_default_schedule_is_the_documented_one() -> None:
    settings = Settings()
    schedule = Schedule(settings.webhook_waits_s, settings.webhook_max_retries)
    waits = [schedule.wait_s(tried, None, 0) for tried in range(1, schedule.most_tries + 1)]
    hours = [2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR]
    assert waits == [5, 300, 1800, *hours, None]


@given(
    tried=st.integers(1, 50),
    max_retries=st.integers(0, 40),
    asked=st.none() | st.floats(0, 1e9),
    chance=st.floats(0, 1),
)
def test_wait_is_never_shorter_than_planned_or_asked(
    tried: int, max_retries: int, asked: float | None, chance: float
) -> None:
    schedule = Schedule((1.0, 10.0), max_retries)
    wait = schedule.wait_s(tried, asked, chance)
    if tried > max_retries:
        assert wait is None
    else:
        planned = 1.0 if tried == 1 else 10.0
        least = max(planned, min(asked or 0.0, LONGEST_WAIT_S))
        assert wait is not None
        assert least <= wait <= 1.2 * least + 1e-6


@given(st.integers(100, 599))
def test_only_2xx_counts_as_received_and_only_410_ends(status: int) -> None:
    state = state_after(status)
    assert (state is DeliveryState.DELIVERED) == (200 <= status < 300)
    assert (state is DeliveryState.GONE) == (status == 410)
    assert (explain_status(status) is None) == (state is DeliveryState.DELIVERED)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        (format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True), 90.0),
        (format_datetime(datetime.fromtimestamp(NOW - 90, UTC), usegmt=True), 0.0),
        ("soon", None),
        ("-5", None),
        ("1e3", None),
        ("٣", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str, seconds: float | None) -> None:
    assert retry_after_s({"retry-after": value}, NOW) == seconds
    assert retry_after_s({}, NOW) is None


@given(st.text(max_size=40))
def test_no_retry_after_breaks_the_notifier(value: str) -> None:
    found = retry_after_s({"retry-after": value}, NOW)
    assert found is None or found >= 0
