"""The routing table decides on a model from a page's traits and what the models do alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_api.catalog import ModelsNow, RouteChoice, RouteRule, load_catalog, route
from ocr_api.errors import ModelUnavailableError, SettingsError
from ocr_api.pages import PageTraits, Script

RULES = (
    RouteRule(("gpu", "arabic"), "both", frozenset({Script.ARABIC, Script.LATIN}), mixed=True),
    RouteRule(("arabic",), "arabic", frozenset({Script.ARABIC}), mixed=False),
    RouteRule((("gpu", "big"), "latin"), "full", frozenset({Script.LATIN}), min_letters=1000),
    RouteRule(("latin", "arabic"), "latin", frozenset({Script.LATIN, Script.HAN})),
    RouteRule(("any",), "rest"),
)
MODELS = ("gpu", "big", "arabic", "latin", "any")
BUILT_IN = load_catalog().routes
GPU_MODELS = frozenset({"qari", "got", "deepseek"})
CPU_MODELS = frozenset({"rapidocr", "tesseract"})
ALL_MODELS = GPU_MODELS | CPU_MODELS

pages = st.builds(
    PageTraits,
    scripts=st.lists(st.sampled_from(Script), unique=True, max_size=4).map(tuple),
    letters=st.one_of(st.none(), st.integers(0, 30_000)),
)
some_models = st.frozensets(st.sampled_from(MODELS))


def now(
    available: Collection[str], loaded: Collection[str] = (), slow: Collection[str] = ()
) -> ModelsNow:
    return ModelsNow(available.__contains__, loaded.__contains__, slow.__contains__)


def choose(
    scripts: Sequence[Script], models: ModelsNow, letters: int = 100, *languages: str
) -> RouteChoice:
    traits = PageTraits(scripts=tuple(scripts), letters=letters)
    return route(traits, BUILT_IN, models, languages)


@pytest.mark.parametrize(
    ("scripts", "model"),
    [
        ((Script.ARABIC, Script.LATIN), "arabic"),
        ((Script.LATIN, Script.ARABIC), "arabic"),
        ((Script.ARABIC,), "arabic"),
        ((Script.LATIN,), "latin"),
        ((Script.HAN, Script.LATIN), "latin"),
        ((Script.HANGUL,), "any"),
        ((Script.ARABIC, Script.HAN), "any"),
        ((), "any"),
    ],
)
def test_first_fitting_rule_wins(scripts: tuple[Script, ...], model: str) -> None:
    choice = route(PageTraits(scripts=scripts), RULES, now({"arabic", "latin", "any"}))

    assert choice.model == model


def test_first_available_model_of_a_rule_is_taken_and_the_better_one_is_told() -> None:
    page = PageTraits(scripts=(Script.ARABIC, Script.LATIN))

    assert route(page, RULES, now(MODELS)) == RouteChoice("gpu", "both")
    assert route(page, RULES, now({"arabic"})) == RouteChoice(
        "arabic", "both; gpu is better for such pages but cannot run now"
    )
    assert route(page, RULES, now({"latin"})) == RouteChoice(
        "latin", "no model made for such pages can run now; latin reads what it can"
    )


def test_of_equally_good_models_the_loaded_one_is_taken_and_that_is_told() -> None:
    page = PageTraits(scripts=(Script.LATIN,), letters=1000)

    assert route(page, RULES, now(MODELS)) == RouteChoice("gpu", "full")
    assert route(page, RULES, now(MODELS, loaded={"gpu", "big"})) == RouteChoice("gpu", "full")
    assert route(page, RULES, now(MODELS, loaded={"big", "latin"})) == RouteChoice(
        "big", "full; big is loaded already, gpu, as good for such pages, is not"
    )
    assert route(page, RULES, now(MODELS, loaded={"latin"})).model == "gpu"
    assert route(page, RULES, now({"latin", "any"})) == RouteChoice(
        "latin", "full; gpu and big are better for such pages but cannot run now"
    )


def test_page_of_fewer_letters_or_of_unknown_number_is_not_full() -> None:
    for letters in (999, None):
        page = PageTraits(scripts=(Script.LATIN,), letters=letters)
        assert route(page, RULES, now(MODELS)).reason == "latin"


def test_model_made_for_a_gpu_is_not_taken_on_the_processor_unless_the_rule_says_so() -> None:
    page, models = PageTraits(scripts=(Script.ARABIC,)), now({"a", "b"}, slow={"a"})

    assert route(page, [RouteRule(("a", "b"), "why")], models) == RouteChoice(
        "b", "why; a is better for such pages but cannot run now"
    )
    rule = RouteRule(("a", "b"), "why", without_gpu=True)
    assert route(page, [rule], models) == RouteChoice("a", "why")
    assert route(page, [RouteRule(("a",), "why")], models).model == "a"  # better than nobody


def test_no_model_at_all_is_an_error() -> None:
    with pytest.raises(ModelUnavailableError):
        route(PageTraits(), RULES, now(()))


@given(pages, some_models.filter(bool), some_models, some_models)
def test_any_page_gets_an_available_model_with_a_reason(
    page: PageTraits, available: frozenset[str], loaded: frozenset[str], slow: frozenset[str]
) -> None:
    choice = route(page, RULES, now(available, loaded, slow))

    assert choice.model in available
    assert choice.reason
    assert choice.model not in slow or not available - slow


@given(pages, some_models.filter(bool), some_models)
def test_memory_decides_within_a_group_only(
    page: PageTraits, available: frozenset[str], loaded: frozenset[str]
) -> None:
    cold, warm = (route(page, RULES, now(available, held)).model for held in ((), loaded))

    group = next(
        (tier for rule in RULES if rule.fits(page) for tier in rule.tiers if cold in tier), (cold,)
    )
    assert warm in group
    assert (warm in loaded) == bool(loaded & available & frozenset(group))
    assert warm == cold or cold not in loaded


@pytest.mark.parametrize(
    ("scripts", "letters", "languages", "model"),
    [
        ([Script.ARABIC], 300, (), "qari"),
        ([Script.ARABIC], 5000, ("ar",), "qari"),
        ([Script.ARABIC, Script.LATIN], 300, ("ar", "en"), "qari"),
        ([Script.ARABIC], 300, ("fa",), "deepseek"),
        ([Script.LATIN], 300, (), "rapidocr"),
        ([Script.LATIN], 1499, (), "rapidocr"),
        ([Script.LATIN], 1500, (), "got"),
        ([Script.HAN], 1500, (), "got"),
        ([Script.HAN], 1500, ("zh-Hant",), "got"),
        ([Script.LATIN], 1500, ("fr",), "deepseek"),
        ([Script.JAPANESE], 1500, (), "deepseek"),
        ([Script.JAPANESE], 300, (), "rapidocr"),
        ([Script.HAN, Script.LATIN], 300, (), "deepseek"),
        ([Script.JAPANESE, Script.LATIN], 300, (), "deepseek"),
        ([Script.CYRILLIC], 300, (), "deepseek"),
        ([Script.OTHER], 300, (), "deepseek"),
        ([Script.ARABIC, Script.HAN], 300, (), "deepseek"),
        ([], 300, (), "rapidocr"),
        ([], 9000, (), "rapidocr"),
    ],
)
def test_built_in_table_on_a_machine_with_a_gpu(
    scripts: list[Script], letters: int, languages: tuple[str, ...], model: str
) -> None:
    assert choose(scripts, now(ALL_MODELS), letters, *languages).model == model


def test_built_in_table_takes_the_loaded_one_of_got_and_deepseek_only() -> None:
    full = {"scripts": [Script.LATIN], "letters": 3000}
    assert choose(**full, models=now(ALL_MODELS, {"deepseek"})).model == "deepseek"  # type: ignore[arg-type]
    assert choose(**full, models=now(ALL_MODELS, {"rapidocr"})).model == "got"  # type: ignore[arg-type]
    mixed = choose([Script.LATIN, Script.HAN], now(ALL_MODELS, {"got"}))
    assert mixed.model == "got"
    assert "got is loaded already" in mixed.reason


@given(
    page=pages,
    engines=st.frozensets(st.sampled_from(sorted(CPU_MODELS)), min_size=1),
    cpu_models=st.booleans(),
)
def test_built_in_table_without_a_gpu_chooses_between_the_cpu_engines_by_script_alone(
    page: PageTraits, engines: frozenset[str], *, cpu_models: bool
) -> None:
    available = engines | GPU_MODELS if cpu_models else engines
    choice = route(page, BUILT_IN, now(available, slow=GPU_MODELS, loaded=available))

    others = frozenset(page.scripts) - {Script.LATIN, Script.HAN, Script.JAPANESE}
    east = frozenset(page.scripts) & {Script.HAN, Script.JAPANESE}
    first = "tesseract" if others and not east else "rapidocr"
    assert choice.model == (first if first in engines else min(engines))


@pytest.mark.parametrize("scripts", [[Script.ARABIC], [Script.LATIN, Script.HAN], [Script.GREEK]])
def test_built_in_table_tells_which_model_would_be_better(scripts: list[Script]) -> None:
    assert "better for such pages but cannot run now" in choose(scripts, now(CPU_MODELS)).reason


def test_operators_own_table_may_name_groups(tmp_path_factory: pytest.TempPathFactory) -> None:
    own = tmp_path_factory.mktemp("own") / "own.toml"
    own.write_text('[[routes]]\nmodels = [["got", "deepseek"], "rapidocr"]\nreason = "all"\n')

    catalog = load_catalog(own)

    assert catalog.routes[0].tiers == (("got", "deepseek"), ("rapidocr",))
    assert catalog.routed_models == ("got", "deepseek", "rapidocr")
    own.write_text('[[routes]]\nmodels = [["got", "nobody"]]\nreason = "all"\n')
    with pytest.raises(SettingsError, match="nobody"):
        load_catalog(own)
