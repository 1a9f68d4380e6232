"""What is stored comes back the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocr_api.jobs import Job, JobOptions, JobStatus, MediaType, PageResult
from ocr_api.pages import Block, Box, Line, PageText, PageTraits, Script, Word
from ocr_api.store import ModelReport, WorkerReport, decode_result, encode_result
from ocr_api.store.records import (
    decode_fields,
    decode_job,
    decode_report,
    encode_job,
    encode_report,
)

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)


options = st.builds(
    JobOptions,
    languages=st.lists(st.sampled_from(("ar", "en")), max_size=2).map(tuple),
    dpi=st.none() | st.integers(72, 600),
    metadata=st.dictionaries(text, json, max_size=3),
)


@given(
    st.builds(
        Job,
        id=st.just("job-1"),
        model=text,
        requested_model=text,
        filename=st.none() | text,
        options=options,
        created_at=st.just(0.0),
        updated_at=st.just(0.0),
        started_at=st.none(),
        finished_at=st.none(),
        expires_at=st.none(),
        status=st.just(JobStatus.PENDING),
        pages_total=st.none(),
        pages_done=st.just(0),
        pages_failed=st.just(0),
        attempts=st.just(0),
        problem=st.none(),
        owner=text,
        warnings=st.lists(text, max_size=3).map(tuple),
    )
)
def test_new_job_comes_back_from_its_hash(job: Job) -> None:
    stored = {**encode_job(job), "created_at": "0", "updated_at": "0"}
    flat = [part.encode() for pair in stored.items() for part in pair]
    assert decode_job(decode_fields(flat)) == job


share = st.floats(0, 1)
box = st.builds(Box, *[st.integers(0, 9999)] * 4)
words = st.lists(st.builds(Word, text=text, box=box, confidence=st.none() | share), max_size=2)
lines = st.lists(
    st.builds(Line, text=text, box=box, words=words.map(tuple), confidence=st.none() | share),
    max_size=2,
)
blocks = st.lists(st.builds(Block, lines=lines.map(tuple), box=box), max_size=2)
page_texts = st.builds(
    PageText, width_px=st.just(9), height_px=st.just(9), blocks=blocks.map(tuple)
)
traits = st.builds(
    PageTraits,
    skew_deg=st.floats(-15, 15),
    scripts=st.lists(st.sampled_from(Script), max_size=2).map(tuple),
    rotation_deg=st.sampled_from((0, 90, 180, 270)),
    rotation_confidence=st.none() | share,
)


@given(
    st.builds(
        PageResult,
        model=text,
        text=page_texts,
        traits=st.none() | traits,
        duration_s=st.floats(0, 9),
    )
)
def test_page_result_comes_back_from_its_blob(result: PageResult) -> None:
    assert decode_result(encode_result(result)) == result


def test_report_of_another_version_is_read() -> None:
    report = WorkerReport("w", models={"m": ModelReport(loaded=1)})
    newer = encode_report(report)[:-1] + b',"from_the_future":[1]}'
    assert decode_report(newer) == report
    assert decode_report(b'{"id":"w"}') == WorkerReport("w")


def test_job_of_the_first_layout_has_its_one_page() -> None:
    job = Job("job-1", "auto", "auto", MediaType.PNG, 3, "uploads/job-1")
    stored = {**encode_job(job), "created_at": "0", "updated_at": "0"}
    assert decode_job(stored).pages is None
    assert list(decode_job({**stored, "tasks": "1"}).pages or ()) == [1]
