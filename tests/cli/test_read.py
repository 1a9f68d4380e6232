"""`ocr-api read`: files, folders and standard input, without a server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.pdfs import scanned_pdf
from tests.service import generating_catalog, scripted_catalog, small_png

pytestmark = pytest.mark.processes
PAGES = Path(__file__).parents[2] / "eval" / "pages"


def read(
    *arguments: str | Path, data: bytes | None = None, catalog: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs the command; `model` is the scripted engine unless the arguments name another."""
    command = [sys.executable, "-m", "ocr_api.cli.main", "read", *map(str, arguments)]
    if "--model" not in arguments:
        command += ["--model", "scripted" if catalog is None else "slow"]
    own = {} if catalog is None else {"CATALOG_FILE": str(catalog)}
    finished = subprocess.run(
        command, input=data, capture_output=True, timeout=60, env={**os.environ, **own}, check=False
    )
    return subprocess.CompletedProcess(
        command, finished.returncode, finished.stdout.decode(), finished.stderr.decode()
    )


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.png"
    path.write_bytes(small_png())
    return path


def test_one_file_is_printed_as_text(page: Path) -> None:
    done = read(page)
    assert (done.returncode, done.stdout, done.stderr) == (0, "scripted page\n", "")


def test_log_is_written_where_it_is_asked_for(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "info")
    assert "model_loaded" in read(page).stderr


def test_standard_input_is_read() -> None:
    done = read("-", data=small_png())
    assert (done.returncode, done.stdout) == (0, "scripted page\n"), done.stderr


def test_pages_of_a_document_stand_under_their_heads(tmp_path: Path) -> None:
    path = tmp_path / "long.pdf"
    path.write_bytes(scanned_pdf(3, small=True, damaged=2))
    done = read(path)
    heads = ["=== Page 1 of 3 ===", "scripted page", "", "=== Page 3 of 3 ===", "scripted page"]
    assert done.stdout.splitlines() == heads
    assert "document_damaged" in done.stderr
    assert done.returncode == 1
    told = json.loads(read(path, "--format", "json").stdout)
    assert (told["pages_total"], [page["page_number"] for page in told["pages"]]) == (3, [1, 3])


def test_json_names_file_words_and_boxes(page: Path) -> None:
    done = read(page, "--format", "json")
    told = json.loads(done.stdout)
    assert told["file"] == str(page)
    assert told["page"]["blocks"][0]["lines"][0]["words"][0]["text"] == "scripted"
    assert told["metadata"]["model"] == "scripted"


@pytest.mark.parametrize(
    ("form", "suffix", "sign"),
    [
        ("markdown", "md", "scripted page"),
        ("hocr", "hocr", "ocrx_word"),
        ("alto", "alto.xml", "WC"),
    ],
)
def test_other_forms_are_those_of_the_service(
    page: Path, form: str, suffix: str, sign: str
) -> None:
    done = read(page, "--format", form, "--out")
    assert done.returncode == 0, done.stderr
    written = page.with_name(f"page.png.{suffix}").read_text()
    assert sign in written
    assert read(page, "--format", form).stdout == written


def test_folder_is_read_in_order_and_foreign_files_are_left_out(page: Path) -> None:
    page.with_name("a.png").write_bytes(small_png())
    page.with_name("notes.txt").write_text("no picture")
    done = read(page.parent)
    assert done.returncode == 0
    assert [line for line in done.stdout.splitlines() if line.startswith("==>")] == [
        f"==> {page.with_name('a.png')} <==",
        f"==> {page} <==",
    ]


def test_results_go_beside_the_inputs_and_are_not_made_twice(page: Path) -> None:
    assert read(page.parent, "--out").returncode == 0
    result = page.with_name("page.png.txt")
    assert result.read_text() == "scripted page\n"
    result.write_text("kept")
    assert read(page.parent, "--out").returncode == 0
    assert result.read_text() == "kept"
    os.utime(result, (0, 0))
    assert read(page.parent, "--out").returncode == 0
    assert result.read_text() == "scripted page\n"


def test_exit_code_tells_the_outcome(page: Path) -> None:
    wrong = page.with_name("wrong.png")
    wrong.write_text("<html>")
    some = read(page, wrong)
    assert some.returncode == 1
    assert "unsupported_type" in some.stderr
    assert "scripted page" in some.stdout
    assert read(wrong).returncode == 3
    assert read(page, "--format", "nonsense").returncode == 2
    assert read(page.with_name("missing.png")).returncode == 3
    assert read(page, "--model", "nonsense").returncode == 2
    assert read(page, "--model", "qari").returncode == 1


def test_crash_of_a_child_is_an_error_of_that_file_alone(page: Path, tmp_path: Path) -> None:
    other = page.with_name("z.png")
    other.write_bytes(page.read_bytes()[:40])
    done = read(page, other)
    assert done.returncode == 1
    assert "document_damaged" in done.stderr
    catalog = scripted_catalog(tmp_path / "own.toml", fail="crash")
    crashed = read(page, catalog=catalog)
    assert crashed.returncode == 3
    assert "child_died" in crashed.stderr


def test_result_that_cannot_be_written_fails_that_file_alone(page: Path) -> None:
    page.with_name("page.png.txt").mkdir()
    page.with_name("z.png").write_bytes(page.read_bytes())
    done = read("--out", page.parent)
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert page.with_name("z.png.txt").read_text() == "scripted page\n"
    assert not list(page.parent.glob(".*.part"))


def test_empty_folder_is_told(tmp_path: Path) -> None:
    done = read(tmp_path)
    assert done.returncode == 2
    assert "nothing to read" in done.stderr


@pytest.mark.reading
def test_real_page_is_read_by_the_model_that_suits_it() -> None:
    done = read(PAGES / "14_ar_naskh_96dpi.jpg", "--model", "auto", "--format", "json")
    told = json.loads(done.stdout)
    assert told["metadata"]["model"] == "tesseract"
    assert "بغداد" in told["page"]["text"]


def test_prompt_and_its_mode_reach_the_model(page: Path, tmp_path: Path) -> None:
    catalog = generating_catalog(tmp_path / "catalog.toml", slow={"text": "{prompt_mode} {prompt}"})
    asked = ("--prompt-mode", "layout", "--prompt", "Only the heading.")
    done = read(page, *asked, catalog=catalog)
    assert (done.returncode, done.stdout) == (0, "layout Only the heading.\n"), done.stderr
    refused = read(page, "--prompt-mode", "nonsense", catalog=catalog)
    assert refused.returncode == 2
    assert "Allowed: text, layout, markdown" in refused.stderr
    assert "takes no `prompt`" in read(page, "--prompt", "Please.", "--model", "auto").stderr
