"""Decides which Tesseract languages read a page: pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ocr_api.errors import LanguageUnavailableError
from ocr_api.pages import PageTraits, Script

# ISO 639-1 -> Tesseract's names (ISO 639-2/T, with a script where one language has several).
_ISO_639_1_PAIRS = (
    "af:afr am:amh ar:ara as:asm az:aze be:bel bg:bul bn:ben bo:bod br:bre bs:bos ca:cat "
    "cs:ces cy:cym da:dan de:deu dv:div dz:dzo el:ell en:eng eo:epo es:spa et:est eu:eus "
    "fa:fas fi:fin fo:fao fr:fra fy:fry ga:gle gd:gla gl:glg gu:guj he:heb hi:hin hr:hrv "
    "ht:hat hu:hun hy:hye id:ind is:isl it:ita iu:iku ja:jpn jv:jav ka:kat kk:kaz km:khm "
    "kn:kan ko:kor ku:kmr ky:kir la:lat lb:ltz lo:lao lt:lit lv:lav mi:mri mk:mkd ml:mal "
    "mn:mon mr:mar ms:msa mt:mlt my:mya ne:nep nl:nld no:nor oc:oci or:ori pa:pan pl:pol "
    "ps:pus pt:por qu:que ro:ron ru:rus sa:san sd:snd si:sin sk:slk sl:slv sq:sqi sr:srp "
    "su:sun sv:swe sw:swa ta:tam te:tel tg:tgk th:tha ti:tir to:ton tr:tur tt:tat ug:uig "
    "uk:ukr ur:urd uz:uzb vi:vie yi:yid yo:yor zh:chi_sim"
)
_BY_ISO_639_1 = {pair[:2]: pair[3:] for pair in _ISO_639_1_PAIRS.split(" ")}
# ISO 639-2/B and 639-3 names that Tesseract spells otherwise.
_BY_OTHER_NAME = {"zho": "chi_sim", "chi": "chi_sim", "fre": "fra", "ger": "deu", "per": "fas"}
_SCRIPT_LANGUAGES: dict[Script, tuple[str, ...]] = {
    Script.ARABIC: ("ara", "fas", "urd", "pus", "snd", "uig"),
    Script.HAN: ("chi_sim", "chi_tra"),
    Script.JAPANESE: ("jpn",),
    Script.HANGUL: ("kor",),
    Script.CYRILLIC: ("rus", "ukr", "bul", "bel", "srp", "mkd", "kaz", "kir", "mon", "tgk", "tat"),
    Script.GREEK: ("ell", "grc"),
    Script.HEBREW: ("heb", "yid"),
    Script.OTHER: (
        *("amh", "tir", "hin", "mar", "nep", "san", "ben", "asm", "guj", "kan", "mal", "ori"),
        *("pan", "sin", "tam", "tel", "tha", "lao", "khm", "mya", "kat", "hye", "bod", "dzo"),
        *("div", "iku"),
    ),
}
_SCRIPT_OF = {code: script for script, codes in _SCRIPT_LANGUAGES.items() for code in codes}
_LATIN_DEFAULT = ("eng", "fra", "deu", "spa")
_MOST_LANGUAGES = 6


@dataclass(frozen=True, slots=True)
class ReadingPlan:
    """How to read one page.

    Attributes:
        languages: Tesseract's language string of the main reading.
        latin: Language string of a second reading whose Latin words are put into the first; None
            = one reading is enough.
        warnings: Sentences for people.
    """

    languages: str
    latin: str | None = None
    warnings: tuple[str, ...] = ()


def plan_reading(
    asked: Sequence[str], traits: PageTraits, available: Collection[str]
) -> ReadingPlan:
    """Gives the languages for a page, from what the caller asked for or else from its scripts.

    Languages asked for whose script is not on the page are left out, unless none would be left.

    Args:
        asked: ISO 639-1 or -3 codes, or Tesseract's own names; empty = decide by script.
        traits: What the inspector saw.
        available: Tesseract's names of languages that have data here.

    Raises:
        LanguageUnavailableError: A language asked for has no data here.
    """
    if not asked:
        return _plan_by_script(traits, available)
    codes = [_resolve(language, available) for language in asked[:_MOST_LANGUAGES]]
    fitting = [code for code in codes if _script_of(code) in traits.scripts]
    return _split(tuple(dict.fromkeys(fitting or codes)))


def _plan_by_script(traits: PageTraits, available: Collection[str]) -> ReadingPlan:
    codes: list[str] = []
    warnings: list[str] = []
    for script in traits.scripts[:2]:
        found = _defaults(script, available, alone=len(traits.scripts) == 1)
        codes.extend(found)
        if not found:
            warnings.append(
                f"Tesseract has no language data for {script} script here; "
                f"{script} words may be wrong. Install the data to read them."
            )
    if not codes:
        codes.extend(_defaults(Script.LATIN, available, alone=True))
    plan = _split(tuple(codes))
    return ReadingPlan(plan.languages, plan.latin, tuple(warnings))


def _defaults(script: Script, available: Collection[str], *, alone: bool) -> tuple[str, ...]:
    if script is Script.LATIN:
        wished = _LATIN_DEFAULT if alone else _LATIN_DEFAULT[:1]
        return tuple(code for code in wished if code in available)
    codes = _SCRIPT_LANGUAGES[script]
    if script is Script.OTHER:
        return ()
    return tuple(code for code in codes[:1] if code in available)


def _split(codes: tuple[str, ...]) -> ReadingPlan:
    """Reads Arabic and Latin apart (see `bilingual`), all else together."""
    latin = [code for code in codes if _script_of(code) is Script.LATIN]
    arabic = [code for code in codes if _script_of(code) is Script.ARABIC]
    if latin and arabic and len(latin) + len(arabic) == len(codes):
        return ReadingPlan("+".join(arabic), "+".join(latin))
    return ReadingPlan("+".join(codes))


def _resolve(language: str, available: Collection[str]) -> str:
    name = language.strip().split("-")[0]
    lower = name.lower()
    code = name if name in available else _BY_ISO_639_1.get(lower, _BY_OTHER_NAME.get(lower, lower))
    if code not in available:
        known = ", ".join(sorted(available))
        msg = f"Tesseract has no data for language {language!r} here; available: {known}."
        raise LanguageUnavailableError(
            msg,
            language=language,
            available=sorted(available),
        )
    return code


def _script_of(code: str) -> Script:
    return _SCRIPT_OF.get(code.removesuffix("_vert"), Script.LATIN)
