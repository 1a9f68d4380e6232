"""Switches, how they are taken back, and wishes that a model be loaded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ocr_api.jobs import Claim, Problem
from ocr_api.store import FailOutcome, JobStore, ModelAction, Serving
from tests.store.samples import PROBLEM, make_job, must_claim

pytestmark = pytest.mark.anyio

NOT_LOADED = Problem("model_load_failed", "No room.", retryable=True, page=1)


async def submit(store: JobStore, job_id: str, model: str, *, is_default: bool = True) -> None:
    job = replace(make_job(job_id, model), requested_model=model, model_is_default=is_default)
    await store.create(job)


async def claims_of(store: JobStore, model: str) -> list[Claim]:
    return await store.claim_some("worker", [model], 10)


async def test_failed_switch_goes_back_and_takes_default_jobs_along(store: JobStore) -> None:
    switch = await store.switch_model("got", "qari", serving=Serving("qari", "auto"))
    assert not switch.is_settled
    for number in range(3):
        await submit(store, f"by-default-{number}", "got")
    await submit(store, "named", "got", is_default=False)
    assert await store.fall_back(switch.number, "No room.")
    now = await store.current_model()
    assert now is not None
    assert (now.model, now.previous, now.is_settled) == ("qari", "got", True)
    assert now.failure is not None
    assert (now.failure.model, now.failure.number, now.failure.reason) == (
        "got",
        switch.number,
        "No room.",
    )
    assert await store.queue_lengths() == {"got": 1, "auto": 3}
    assert [claim.job.id for claim in await claims_of(store, "auto")] == [
        f"by-default-{number}" for number in range(3)
    ]
    moved = await store.get("by-default-0")
    assert (moved.model, moved.requested_model) == ("auto", "got")
    assert moved.warnings == ("'got' could not be loaded. 'auto' serves in its place.",)
    assert (await store.get("named")).model == "got"


async def test_many_waiting_pages_move_in_batches(store: JobStore) -> None:
    await submit(store, "named-first", "got", is_default=False)
    switch = await store.switch_model("got", "tesseract")
    for number in range(3):
        await submit(store, f"job-{number}", "got")
    await must_claim(store, "got")  # of the named one
    claim = await must_claim(store, "got", pages_total=1200)
    assert await store.release(claim, charge=False)
    assert await store.fall_back(switch.number, "No room.")
    lengths = await store.queue_lengths()
    assert lengths["got"] == 0
    assert lengths["tesseract"] == 1202


async def test_page_in_work_follows_when_it_comes_back(store: JobStore) -> None:
    switch = await store.switch_model("got", "tesseract")
    await submit(store, "job-1", "got")
    claim = await must_claim(store, "got")
    assert await store.fall_back(switch.number, "No room.")
    assert await store.fail(claim, NOT_LOADED, final=False) is FailOutcome.RETRY
    page = await store.page("job-1", 1)
    assert page is not None
    assert (page.model, page.charged, page.attempt) == ("tesseract", 0, 1)
    assert (await store.get("job-1")).model == "tesseract"
    assert await store.queue_lengths() == {"got": 0, "tesseract": 1}


async def test_load_failures_cost_no_attempt_while_the_switch_is_open(store: JobStore) -> None:
    await store.switch_model("got", "tesseract")
    await submit(store, "by-default", "got")
    await submit(store, "named", "got", is_default=False)
    by_default = await must_claim(store, "got")
    named = await must_claim(store, "got")
    assert by_default.job.id == "by-default"
    assert await store.fail(by_default, NOT_LOADED, final=True) is FailOutcome.RETRY
    assert await store.fail(named, NOT_LOADED, final=True) is FailOutcome.FAILED


async def test_other_failures_count_as_ever(store: JobStore) -> None:
    await store.switch_model("got", "tesseract")
    await submit(store, "job-1", "got")
    claim = await must_claim(store, "got")
    assert await store.fail(claim, PROBLEM, final=True) is FailOutcome.FAILED


async def test_job_that_is_created_a_moment_too_late_goes_back_too(store: JobStore) -> None:
    switch = await store.switch_model("got", "tesseract")
    await store.fall_back(switch.number, "No room.")
    await submit(store, "late", "got")
    await submit(store, "named", "got", is_default=False)
    assert await store.queue_lengths() == {"tesseract": 1, "got": 1}


async def test_late_failure_of_an_earlier_switch_changes_nothing(store: JobStore) -> None:
    first = await store.switch_model("got", "tesseract")
    second = await store.switch_model("qari", "tesseract")
    assert second.number > first.number
    assert not await store.fall_back(first.number, "No room.")
    assert not await store.settle_switch(first.number)
    assert await store.current_model() == second


async def test_switch_goes_back_to_the_last_model_that_was_loaded(store: JobStore) -> None:
    await store.switch_model("got", "tesseract")
    second = await store.switch_model("qari", "tesseract")
    assert second.previous == "got"
    assert await store.fall_back(second.number, "No room.")
    now = await store.current_model()
    assert now is not None
    assert now.model == "tesseract"


async def test_settled_switch_is_not_taken_back(store: JobStore) -> None:
    switch = await store.switch_model("got", "tesseract")
    assert await store.settle_switch(switch.number)
    assert not await store.settle_switch(switch.number)
    assert not await store.fall_back(switch.number, "No room.")
    again = await store.switch_model("qari", "tesseract")
    assert await store.fall_back(again.number, "No room.")
    now = await store.current_model()
    assert now is not None
    assert now.model == "got"


async def test_switch_to_the_failed_model_again_forgets_the_failure(store: JobStore) -> None:
    switch = await store.switch_model("got", "tesseract")
    await store.fall_back(switch.number, "No room.")
    again = await store.switch_model("got", "tesseract")
    assert (again.failure, again.previous) == (None, "tesseract")
    await submit(store, "job-1", "got")
    assert await store.queue_lengths() == {"got": 1}


async def test_model_with_none_before_it_stays_and_keeps_its_jobs(store: JobStore) -> None:
    switch = await store.switch_model("qari", "qari")
    await submit(store, "job-1", "qari")
    assert await store.fall_back(switch.number, "No room.")
    now = await store.current_model()
    assert now is not None
    assert (now.model, now.is_settled) == ("qari", True)
    assert now.failure is not None
    assert await store.queue_lengths() == {"qari": 1}


async def test_pages_that_auto_gave_to_the_model_stay_with_it(store: JobStore) -> None:
    switch = await store.switch_model("got", "auto", serving=Serving("auto", "auto"))
    await submit(store, "job-1", "auto")
    claim = await must_claim(store, "auto")
    assert await store.route(claim, model="got", keep=False)
    assert await store.fall_back(switch.number, "No room.")
    assert (await store.queue_lengths())["got"] == 1


async def test_latest_wish_about_a_model_counts(store: JobStore) -> None:
    first = await store.wish_model("got", ModelAction.LOAD)
    other = await store.wish_model("qari", ModelAction.LOAD)
    last = await store.wish_model("got", ModelAction.UNLOAD)
    assert first.number < other.number < last.number
    assert sorted(await store.model_wishes(), key=lambda wish: wish.model) == [last, other]
    switch = await store.switch_model("got", "tesseract")
    assert switch.number > last.number
