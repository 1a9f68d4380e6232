"""JSON: after its schema, page by page."""

from __future__ import annotations

import json

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given

from ocr_api.jobs import PageResult
from ocr_api.renderers import FORMATS
from ocr_api.wire import result_schema
from tests.renderers.samples import ARABIC, ENGLISH, filenames, pages, rendered, three_pages

JSON = FORMATS["json"]
SCHEMA = jsonschema.Draft202012Validator(result_schema())


def test_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(result_schema())


@given(pages(), filenames)
def test_any_page_follows_the_schema_and_comes_back_word_by_word(
    page: PageResult, filename: str | None
) -> None:
    told = json.loads(rendered(JSON, page, filename=filename))
    SCHEMA.validate(told)
    assert told["filename"] == filename
    (found,) = told["pages"]
    assert found["text"] == page.text.text
    words = [
        (word["text"], tuple(word["box"].values()))
        for block in found["blocks"]
        for line in block["lines"]
        for word in line["words"]
    ]
    assert words == [
        (word.text, (word.box.left, word.box.top, word.box.right, word.box.bottom))
        for line in page.text.lines
        for word in line.words
    ]


def test_unread_page_is_there_and_says_why() -> None:
    told = json.loads(three_pages(JSON))
    SCHEMA.validate(told)
    assert told["total_pages"] == 3
    assert [page["page_number"] for page in told["pages"]] == [1, 2, 3]
    assert [page["status"] for page in told["pages"]] == ["completed", "failed", "completed"]
    assert told["pages"][1]["error_detail"]["code"] == "page_timeout"


def test_every_page_is_a_line() -> None:
    written = rendered(JSON, ARABIC, ENGLISH).splitlines()
    assert len(written) == 4
    assert json.loads(written[1].rstrip(","))["metadata"]["scripts"] == ["arabic"]


@pytest.mark.parametrize(
    "wrong",
    [('"schema_version": 1', '"schema_version": 2'), ('"status":"completed"', '"status":"x"')],
)
def test_schema_refuses_what_is_not_a_result(wrong: tuple[str, str]) -> None:
    document = rendered(JSON, ENGLISH)
    assert wrong[0] in document
    with pytest.raises(jsonschema.ValidationError):
        SCHEMA.validate(json.loads(document.replace(*wrong)))
