"""What a worker reports of a model, its weights taken into account. Pure."""

from __future__ import annotations

from dataclasses import replace

from ocr_api.store import ModelReport
from ocr_api.worker.weights_keeper import WeightsState


def with_weights(report: ModelReport, state: WeightsState) -> ModelReport:
    """Gives the report of a model.

    Args:
        report: What device and packages allow; a reason there goes before.
        state: How things stand with its weights.
    """
    if report.reason:
        return replace(report, status="not_found")
    if state.status == "ready":
        return replace(report, verified=state.is_verified)
    return replace(
        report,
        reason=state.reason,
        status=state.status,
        message=state.message,
        done_bytes=state.done_bytes,
        total_bytes=state.total_bytes,
    )
