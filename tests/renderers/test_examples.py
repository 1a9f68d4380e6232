"""The examples in docs/examples are what the renderers write (UPDATE_SNAPSHOTS=1 renews them)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ocr_api.renderers import FORMATS
from ocr_api.wire import result_schema
from tests.renderers.samples import SAMPLES, rendered

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def compared(path: Path, text: str) -> None:
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())
    assert path.read_bytes().decode() == text


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("form", FORMATS.values(), ids=list(FORMATS))
def test_example_is_what_is_written(name: str, form: object) -> None:
    chosen = next(found for found in FORMATS.values() if found is form)
    written = rendered(chosen, SAMPLES[name], filename=f"{name}.png")
    compared(EXAMPLES / f"{name}.{chosen.suffix}", written)


def test_schema_in_the_docs_is_the_one_that_is_served() -> None:
    text = json.dumps(result_schema(), ensure_ascii=False, indent=2) + "\n"
    compared(EXAMPLES.parent / "schemas" / "result.json", text)


def test_page_about_formats_shows_what_is_written() -> None:
    page = (EXAMPLES.parent / "formats.md").read_text()
    for form in FORMATS.values():
        assert f"`{form.name}`" in page
        assert f"| `{form.content_type}` | `.{form.suffix}` |" in page
    for name in ("english.txt", "english.md"):
        assert f"```text\n{(EXAMPLES / name).read_text()}```" in page
    for name in ("arabic.hocr", "arabic.alto.xml"):
        (line,) = [line for line in page.splitlines() if line.startswith(_FIRST_LINE[name])]
        assert line.partition("…")[0].rstrip() in (EXAMPLES / name).read_text()


_FIRST_LINE = {"arabic.hocr": '<span class="ocr_line"', "arabic.alto.xml": "<TextLine "}
