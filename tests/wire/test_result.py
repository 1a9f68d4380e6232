"""What callers see of jobs and results."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_api.jobs import Job, JobStatus, MediaType, PageRecord, PageStatus, Problem
from ocr_api.pages import PageText
from ocr_api.wire import instant, job_view, join_pages, problem_view, result_view
from tests.api.pages import page_result

JOB = Job("j1", "auto", "auto", MediaType.PDF, 10, "uploads/j1", created_at=1_700_000_000.1234)


def test_single_page_is_just_its_text() -> None:
    assert result_view([page_result(text="سطر")], 1).text == "سطر"


def test_pages_of_several_are_headed_and_failed_ones_left_out() -> None:
    found = result_view([page_result(1, "one"), page_result(3, "three")], 3)
    assert found.text == "=== Page 1 of 3 ===\none\n\n=== Page 3 of 3 ===\nthree"
    assert found.metadata.total_pages == 3


def test_formatted_text_is_the_markup_of_the_model_or_the_text() -> None:
    page = page_result(text="plain")
    marked = replace(page, text=replace(page.text, formatted_text="# plain"))
    assert result_view([page], 1).formatted_text == "plain"
    assert result_view([marked], 1).formatted_text == "# plain"


def test_confidence_is_never_invented() -> None:
    blank = replace(page_result(), text=PageText(10, 10))
    found = result_view([blank], 1)
    assert (found.confidence, found.metadata.pages[0].confidence, found.text) == (None, None, "")


def test_page_that_was_not_inspected_says_so() -> None:
    metadata = result_view([replace(page_result(), traits=None)], 1).metadata.pages[0]
    assert (metadata.rotation_deg, metadata.skew_deg, metadata.scripts) == (None, None, None)


def test_job_with_failed_pages_is_partial_and_names_them() -> None:
    job = replace(JOB, status=JobStatus.COMPLETED, pages_total=2, pages_done=1, pages_failed=1)
    problem = Problem("page_timeout", "Too slow.", retryable=True, page=2)
    records = [
        PageRecord(1, PageStatus.DONE, "tesseract", result_key="r"),
        PageRecord(2, PageStatus.FAILED, "tesseract", problem=problem),
    ]
    view = job_view(job, records, [page_result(1, "one")])
    assert view.partial
    assert [(page.page_number, page.error) for page in view.failed_pages] == [(2, "Too slow.")]
    assert view.result is not None
    assert view.result.text.startswith("=== Page 1 of 2 ===")


def test_problem_of_an_earlier_attempt_is_not_told_of_a_job_that_goes_on() -> None:
    job = replace(JOB, status=JobStatus.PROCESSING, problem=Problem("child_died", "Died."))
    assert (job_view(job).error, job_view(job).error_detail) == (None, None)


def test_times_are_utc_and_end_in_z() -> None:
    written = json.loads(job_view(JOB).model_dump_json())
    assert written["created_at"] == "2023-11-14T22:13:20.123000Z"
    assert written["finished_at"] is None


def test_facts_never_replace_members_of_the_problem() -> None:
    view = problem_view(Problem("too_many_pixels", "Big.", facts={"limit": 5, "code": "x"}))
    written = view.model_dump(exclude_none=True)
    assert (written["code"], written["limit"]) == ("too_many_pixels", 5)


@given(st.lists(st.text(), min_size=2, max_size=5))
def test_every_page_stands_under_its_head(texts: list[str]) -> None:
    numbers = range(1, len(texts) + 1)
    joined = join_pages(list(numbers), texts, len(texts))
    assert joined.count("=== Page ") >= len(texts)
    for number, text in zip(numbers, texts, strict=True):
        assert f"=== Page {number} of {len(texts)} ===\n{text}" in joined


@pytest.mark.parametrize("seconds", [0.0, 1.5, 4_000_000_000.0])
def test_instants_keep_their_seconds(seconds: float) -> None:
    assert instant(seconds).timestamp() == seconds
    assert instant(None) is None
