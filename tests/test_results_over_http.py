"""Results of the running service, in every form, by the checks of the formats."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema  # type: ignore[import-untyped]
import pytest

from ocr_api.renderers import FORMATS
from tests.renderers.alto_structure import check_alto
from tests.renderers.test_hocr import check_hocr
from tests.service import Service, running

pytestmark = [pytest.mark.processes, pytest.mark.reading]

PAGE = Path(__file__).parents[1] / "eval" / "pages" / "14_ar_naskh_96dpi.jpg"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("results") / "data") as started:
        yield started


def test_arabic_page_comes_in_every_form(service: Service) -> None:
    job_id = service.submit(PAGE.read_bytes(), filename="صفحة.jpg", model="auto")
    address = f"/ocr/{job_id}/result"
    answers = {
        name: service.client.get(address, params={"format": name, "wait": "25"}) for name in FORMATS
    }
    for name, answer in answers.items():
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == FORMATS[name].content_type
        assert "بغداد" in answer.text
    schema = service.client.get("/schemas/result.json").json()
    jsonschema.Draft202012Validator(schema).validate(answers["json"].json())
    alto = ET.fromstring(answers["alto"].content)  # noqa: S314 - our own output
    hocr = ET.fromstring(answers["hocr"].content)  # noqa: S314 - our own output
    check_alto(alto)
    check_hocr(hocr)
    lines = [found for found in alto.iter() if found.tag.endswith("TextLine")]
    assert lines[0].get("BASEDIRECTION") == "rtl"
    tag = answers["alto"].headers["etag"]
    again = service.client.get(
        address, headers={"Accept": "application/alto+xml", "If-None-Match": tag}
    )
    assert again.status_code == 304
