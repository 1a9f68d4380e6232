"""The lines of the README do what it says."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service import Service, running

pytestmark = [pytest.mark.processes, pytest.mark.reading]

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(
    r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
)
CURL_BLOCKS = [block for block in BLOCKS if "curl" in block and "docker" not in block]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("readme") / "data") as started:
        yield started


def run(block: str, service: Service) -> str:
    """Runs a block in a shell that stops at the first error, against the test's own service."""
    script = block.replace("127.0.0.1:8000", f"127.0.0.1:{service.port}")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],  # noqa: S607 - what a reader types
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    return done.stdout


def test_there_are_lines_to_try() -> None:
    assert len(CURL_BLOCKS) >= 4


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = re.findall(r"^make ([a-z-]+)", "".join(BLOCKS), re.MULTILINE)
    assert named == ["run", "test"]
    assert set(named) <= set(targets)


@pytest.mark.parametrize("number", range(len(CURL_BLOCKS)))
def test_curl_lines_work_as_written(service: Service, number: int) -> None:
    block = CURL_BLOCKS[number]
    answer = run(block, service)
    if "result" in block:
        assert "تقنية" in answer
    elif "models/switch" in block:
        assert json.loads(answer)["current_model"] == "tesseract"
    else:
        jobs = re.findall(r'"job_id": ?"([^"]+)"', answer)
        assert len(jobs) == block.count("127.0.0.1")
        assert {service.ended(job_id)["status"] for job_id in jobs} == {"completed"}


def test_commands_named_in_the_readme_exist() -> None:
    text = (ROOT / "README.md").read_text()
    for command in set(re.findall(r"ocr-api ([a-z]+)", text)):
        done = subprocess.run(
            [ROOT / ".venv/bin/ocr-api", command, "--help"],
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, command


def test_links_of_the_docs_lead_somewhere() -> None:
    for document in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text()):
            if "://" not in link:
                assert (document.parent / link).exists(), f"{document.name}: {link}"
