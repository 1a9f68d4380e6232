"""docs/models.md tells what the catalog says, and its examples can be used as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ocr_api.catalog import load_catalog
from ocr_api.catalog.catalog import Catalog

DOCUMENT = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```toml\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
TABLE = re.findall(
    r"^\| `([\w.-]+)` \| \[([^\]]+)\].*?((?: \| [^|]*){5}) \|$", DOCUMENT, re.MULTILINE
)


def test_table_tells_what_the_catalog_says() -> None:
    told = {model: (repo, *rest.removeprefix(" | ").split(" | ")) for model, repo, rest in TABLE}
    assert told == {
        spec.id: (
            spec.weights.adapter_repo or spec.weights.repo,
            spec.license or "not known here: read its card",
            spec.quantization,
            ", ".join(spec.prompt_modes),
            "yes" if spec.allows_prompt else "no",
            str(spec.batch_pages),
        )
        for spec in load_catalog().listed
        if spec.weights is not None
    }


def test_table_of_routes_tells_what_the_catalog_says() -> None:
    section = DOCUMENT.partition("## What `auto` chooses")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]*)\| (`[^|]+) \|$", section, re.MULTILINE)
    for rule, (scripts, more, models) in zip(load_catalog().routes, rows, strict=True):
        groups = (" or ".join(f"`{model}`" for model in tier) for tier in rule.tiers)
        assert models == ", then ".join(groups)
        assert set(scripts.split(", ")) == (rule.scripts or {"any"})
        languages = set(re.findall(r"\b\w\w\b", more.partition("`language`")[2])) - {"or"}
        assert languages == {code for code in rule.languages if len(code) == 2}
        assert ("several of them" in more) == bool(rule.mixed)
        assert (f"{rule.min_letters} letters or more" in more) == bool(rule.min_letters)


@pytest.fixture(params=range(len(EXAMPLES)))
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Catalog:
    path = tmp_path / "own.toml"
    path.write_text(EXAMPLES[request.param], encoding="utf-8")
    return load_catalog(path)


def test_examples_are_catalog_files(catalog: Catalog) -> None:
    if catalog.routes != load_catalog().routes:
        return  # a table of its own is all there is to it
    repos = {spec.weights.repo for spec in catalog.listed if spec.weights is not None}
    assert repos & {"our-organisation/receipts", "our-organisation/qari-tuned"}
    for spec in catalog.listed:
        assert "prompts" not in spec.settings or set(spec.prompt_modes) <= set(
            spec.settings["prompts"]  # type: ignore[call-overload]
        )
