"""What the receiver got, held against the jobs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tests.chaos.callers import Accepted
from tests.chaos.plan import JobPlan
from tests.webhooks.receiving import Got, Receiving

_PATHS = ("/ok", "/flaky?{}", "/ok", "/slow")


def webhook_of(receiving: Receiving, plan: JobPlan) -> str:
    """Gives the address for a job: of four, one refuses the first try and one takes its time."""
    return receiving.url(_PATHS[plan.number % len(_PATHS)].format(plan.number))


def check_receipts(got: Sequence[Got], accepted: Sequence[Accepted]) -> Iterator[str]:
    """Yields what is wrong: an event missing, a second id, another body, a stranger."""
    by_job = defaultdict[str, list[Got]](list)
    for arrived in got:
        by_job[str(arrived.event["job_id"])].append(arrived)
    for job_id in by_job.keys() - {one.job_id for one in accepted}:
        yield f"the receiver was told of {job_id}, which was never accepted"
    for one in accepted:
        for what in _check(one, by_job[one.job_id]):
            yield f"job {one.plan.number} ({one.job_id}) {what}"


def _check(one: Accepted, got: Sequence[Got]) -> Iterator[str]:
    if not got:
        yield "was never told of"
        return
    ids = {arrived.headers["webhook-id"] for arrived in got}
    if ids != {f"msg_{one.job_id}"}:
        yield f"was told of as {sorted(ids)}"
    if len({arrived.body for arrived in got}) > 1:
        yield "was told of with different bodies"
    kinds = {str(arrived.event["type"]) for arrived in got}
    if one.job is not None and not one.is_removed and kinds != {f"job.{one.job['status']}"}:
        yield f"is {one.job['status']} and was told of as {sorted(kinds)}"
