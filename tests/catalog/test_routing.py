"""The routing table decides on a model from a page's traits alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_api.catalog.routing import RouteRule, route
from ocr_api.errors import ModelUnavailableError
from ocr_api.pages import PageTraits, Script

RULES = (
    RouteRule(("gpu", "arabic"), "both", frozenset({Script.ARABIC, Script.LATIN}), mixed=True),
    RouteRule(("arabic",), "arabic", frozenset({Script.ARABIC}), mixed=False),
    RouteRule(("latin", "arabic"), "latin", frozenset({Script.LATIN, Script.HAN})),
    RouteRule(("any",), "rest"),
)


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
    choice = route(PageTraits(scripts=scripts), RULES, {"arabic", "latin", "any"}.__contains__)

    assert choice.model == model


def test_first_available_model_of_a_rule_is_taken() -> None:
    page = PageTraits(scripts=(Script.ARABIC, Script.LATIN))

    assert route(page, RULES, lambda _model: True).model == "gpu"
    assert route(page, RULES, {"latin"}.__contains__).model == "latin"


def test_no_model_at_all_is_an_error() -> None:
    with pytest.raises(ModelUnavailableError):
        route(PageTraits(), RULES, lambda _model: False)


@given(
    st.lists(st.sampled_from(Script), unique=True, max_size=4),
    st.sets(st.sampled_from(["gpu", "arabic", "latin", "any"]), min_size=1),
)
def test_any_page_gets_an_available_model(scripts: list[Script], available: set[str]) -> None:
    choice = route(PageTraits(scripts=tuple(scripts)), RULES, available.__contains__)

    assert choice.model in available
    assert choice.reason
