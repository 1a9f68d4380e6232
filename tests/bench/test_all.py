"""All benchmarks of one run: each part runs, its figures are kept, drawn and put into tables."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree  # type: ignore[import-untyped]

from bench.all import FOLDER, PAGE, PARTS, measure, render
from bench.charts import Bar, Panel, draw
from bench.environments import is_installed
from bench.extent import QUICK
from bench.report import OURS, fill
from bench.services import CONTENDERS, Contender, compare

_PICTURES = ("service-overhead.svg", "cpu-reading.svg", "model-batches.svg")


@pytest.mark.processes
@pytest.mark.reading
@pytest.mark.timeout(300)
def test_every_part_runs_and_is_drawn(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text())

    measure(tuple(PARTS), replace(QUICK, environments=tmp_path), tmp_path, lambda _line: None)
    render(tmp_path, page)

    run = json.loads((tmp_path / "figures.json").read_text())
    assert list(run["parts"]) == list(PARTS)
    assert all(len(part["load_average"]) == 3 for part in run["parts"].values())
    assert run["parts"]["http"]["figures"]["skipped"]
    assert run["parts"]["reading"]["figures"]["skipped"]["OCRmyPDF"]
    assert all(etree.parse(tmp_path / name).getroot().tag.endswith("svg") for name in _PICTURES)
    assert "Left out: OCRmyPDF" in page.read_text()


@pytest.mark.anyio
@pytest.mark.processes
@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda one: one.label)
async def test_a_thin_service_answers_as_ours_does(contender: Contender) -> None:
    if not is_installed(contender.requirements, QUICK.environments):
        pytest.skip("`make benchmarks` installs it")

    found = await compare("everysec", [contender], QUICK)

    assert [len(took["jobs_per_s"]) for took in found.values()] == [1, 1]
    assert list(found) == [OURS, contender.label]


def test_the_page_shows_the_figures_that_lie_beside_it(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text())
    (tmp_path / "figures.json").write_bytes((FOLDER / "figures.json").read_bytes())

    render(tmp_path, page)

    assert page.read_text() == PAGE.read_text()
    for picture in tmp_path.glob("*.svg"):
        assert picture.read_text() == (FOLDER / picture.name).read_text()


def test_a_table_replaces_only_what_stands_in_its_place() -> None:
    page = "a\n<!-- figures:x -->\nold\n<!-- /figures:x -->\nb\n"
    assert fill(page, {"x": "new"}) == page.replace("old", "new")


def test_a_table_without_a_place_is_refused() -> None:
    with pytest.raises(KeyError):
        fill("a page", {"x": "new"})


def test_bars_are_as_long_as_their_values() -> None:
    bars = [Bar("<ours>", 50, "50 ms", is_ours=True), Bar("other", 100, "100 ms", is_ours=False)]

    root = etree.fromstring(draw("Title", [Panel("Time, ms", "lower is better", bars)]))

    places = [one for one in root.iter("{http://www.w3.org/2000/svg}rect") if "x" in one.attrib]
    assert [float(one.attrib["width"]) for one in places] == [135, 270]
