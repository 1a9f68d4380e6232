"""The pure parts of the Tesseract engine, and its language data."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from ocr_api.engines.base import ReadOptions
from ocr_api.engines.tessdata_index import SHIPPED_DIR, find_languages
from ocr_api.engines.tesseract import TesseractEngine
from ocr_api.engines.tesseract.bilingual import join_readings
from ocr_api.engines.tesseract.languages import ReadingPlan, plan_reading
from ocr_api.engines.tesseract.tsv import PlacedWord, build_blocks, parse_tsv
from ocr_api.errors import LanguageUnavailableError
from ocr_api.pages import Box, Direction, PageTraits, Script, Word
from tests.engines.pages import page_of, written

SHIPPED = {"ara", "deu", "eng", "fra", "spa"}
GREETING = "\u0645\u0631\u062d\u0628\u0627"
WORLD = "\u0627\u0644\u0639\u0627\u0644\u0645"


def word(text: str, left: int, confidence: float, width: int = 50) -> PlacedWord:
    return PlacedWord((1, 1, 1), Word(text, Box(left, 0, left + width, 20), confidence))


def texts(words: tuple[PlacedWord, ...]) -> list[str]:
    return [item.word.text for item in words]


def test_shipped_files_are_those_of_the_manifest() -> None:
    manifest = json.loads((SHIPPED_DIR / "manifest.json").read_text("utf-8"))["files"]

    assert {path.name for path in SHIPPED_DIR.glob("*.traineddata")} == set(manifest)
    for name, entry in manifest.items():
        content = (SHIPPED_DIR / name).read_bytes()
        assert len(content) == entry["bytes"]
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
        assert entry["license"] == "Apache-2.0"


def test_languages_are_found_shipped_and_in_the_environment(tmp_path: Path) -> None:
    for name in ("ita", "ara", "osd"):
        (tmp_path / f"{name}.traineddata").touch()

    found = find_languages(environ={"TESSDATA_PREFIX": str(tmp_path)}, with_system=False)

    assert set(found) == SHIPPED | {"ita"}
    assert (found["ara"].origin, found["ita"].origin) == ("shipped", "environment")
    configured = find_languages([tmp_path], environ={}, with_system=False)
    assert configured["ara"].origin == "configured"


def test_languages_of_two_folders_read_one_page(tmp_path: Path) -> None:
    (tmp_path / "ita.traineddata").write_bytes((SHIPPED_DIR / "spa.traineddata").read_bytes())
    engine = TesseractEngine({"data_dirs": [str(tmp_path)], "with_system": False})
    engine.load()
    try:
        (text,) = engine.read(
            [page_of(written("Two folders are read"))],
            options=ReadOptions(languages=("en", "it")),
            on_text=lambda _index, _text: None,
            should_stop=lambda _index: False,
        )
    finally:
        engine.close()

    assert text.text == "Two folders are read"


@pytest.mark.parametrize(
    ("asked", "scripts", "plan"),
    [
        ((), (), ReadingPlan("eng+fra+deu+spa")),
        ((), (Script.LATIN,), ReadingPlan("eng+fra+deu+spa")),
        ((), (Script.ARABIC,), ReadingPlan("ara")),
        ((), (Script.ARABIC, Script.LATIN), ReadingPlan("ara", "eng")),
        (("ar", "fr"), (Script.ARABIC, Script.LATIN), ReadingPlan("ara", "fra")),
        (("ar", "en"), (Script.ARABIC,), ReadingPlan("ara")),
        (("fr",), (Script.ARABIC,), ReadingPlan("fra")),
        (("de", "deu", "EN-us"), (), ReadingPlan("deu+eng")),
    ],
)
def test_languages_follow_the_caller_and_then_the_script(
    asked: tuple[str, ...], scripts: tuple[Script, ...], plan: ReadingPlan
) -> None:
    assert plan_reading(asked, PageTraits(scripts=scripts), SHIPPED) == plan


def test_script_without_data_is_told() -> None:
    plan = plan_reading((), PageTraits(scripts=(Script.CYRILLIC,)), SHIPPED)

    assert plan.languages == "eng+fra+deu+spa"
    assert "cyrillic" in plan.warnings[0]


def test_language_without_data_names_those_that_have() -> None:
    with pytest.raises(LanguageUnavailableError, match=r"'tlh'.*ara, deu, eng"):
        plan_reading(("tlh",), PageTraits(), SHIPPED)


def test_sure_latin_word_replaces_what_arabic_made_of_it() -> None:
    arabic = (word(GREETING, 200, 0.9), word("6060816", 100, 0.65), word(WORLD, 0, 0.9))
    latin = (word("Google", 100, 0.92), word("El", 0, 0.4), word("psd)", 200, 0.5))

    assert texts(join_readings(arabic, latin)) == [GREETING, "Google", WORLD]


def test_unsure_latin_word_leaves_an_arabic_word() -> None:
    arabic = (word(WORLD, 0, 0.35),)

    assert texts(join_readings(arabic, (word("ef", 0, 0.67),))) == [WORLD]


def test_latin_words_in_a_row_keep_their_order() -> None:
    arabic = (word(GREETING, 300, 0.9), word("01", 100, 0.5), word("008", 200, 0.6))
    latin = (word("OCR", 100, 0.95), word("API", 200, 0.88))

    assert texts(join_readings(arabic, latin)) == [GREETING, "OCR", "API"]


def test_latin_line_is_taken_whole() -> None:
    arabic = (word("10", 0, 0.4, 90), word("008", 100, 0.4, 190))
    latin = (word("Optical", 0, 0.95, 90), word("character", 100, 0.95, 90), word("3", 200, 0.9))

    assert texts(join_readings(arabic, latin)) == ["Optical", "character", "3"]


def test_tsv_gives_lines_in_blocks_with_clean_words() -> None:
    rows = (
        "5\t1\t1\t1\t1\t1\t100\t10\t40\t20\t95.5\t\u200f\u0643\u062a\u0628,",
        "5\t1\t1\t1\t1\t2\t50\t10\t40\t20\t80\t\u0648\u0644\u062f",
        "5\t1\t2\t1\t1\t1\t0\t50\t40\t20\t-1\t ",
        "4\t1\t2\t1\t1\t0\t0\t50\t40\t20\t-1\t",
        "5\t1\t2\t1\t2\t1\t0\t80\t40\t20\t70\tabc",
    )

    first, second = build_blocks(parse_tsv("\n".join(rows)))

    assert first.lines[0].text == "\u0643\u062a\u0628\u060c \u0648\u0644\u062f"
    assert first.lines[0].direction is Direction.RTL
    assert first.lines[0].box == Box(50, 10, 140, 30)
    assert first.lines[0].words[0].confidence == pytest.approx(0.955)
    assert (second.text, second.lines[0].direction) == ("abc", Direction.LTR)
