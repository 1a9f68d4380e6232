"""Which model reads a page when the caller asks for `auto`: a pure rule over a table of data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ocr_api.errors import ModelUnavailableError
from ocr_api.pages import PageTraits, Script

_NOTHING_FITS = "no model made for such pages can run now"


@dataclass(frozen=True, slots=True)
class RouteRule:
    """One row of the routing table.

    Attributes:
        models: Catalog ids, the best first. Models in a list of their own are about equally good
            for such pages: `(("got", "deepseek"), "rapidocr")`.
        reason: Which pages the row is for, for people; told with the page.
        scripts: Scripts that the rule is for: a page fits when all its scripts are among them.
            Empty = any page, also one of unknown script.
        mixed: True = only pages of several scripts, False = only pages of one, None = both.
        min_letters: Only pages of about so many letters or more; see `PageTraits.letters`.
        languages: Where the caller named languages, only pages whose languages are all among these
            (ISO 639 codes, without regions and scripts); empty = any.
        without_gpu: Models that are made for a GPU are taken even where they run on the processor
            (`CPU_MODELS`), in minutes a page.
    """

    models: tuple[str | tuple[str, ...], ...]
    reason: str
    scripts: frozenset[Script] = frozenset()
    mixed: bool | None = None
    min_letters: int = 0
    languages: frozenset[str] = frozenset()
    without_gpu: bool = False

    @property
    def tiers(self) -> tuple[tuple[str, ...], ...]:
        """The models in groups of about equal quality, the best group first."""
        return tuple((tier,) if isinstance(tier, str) else tier for tier in self.models)

    def fits(self, traits: PageTraits, languages: Sequence[str] = ()) -> bool:
        """Tells whether the rule is for a page with these traits, in the languages named."""
        if self.mixed is not None and self.mixed != traits.is_mixed:
            return False
        if (traits.letters or 0) < self.min_letters:
            return False
        if self.languages and not self.languages.issuperset(map(_main_part, languages)):
            return False
        if not self.scripts:
            return True
        return bool(traits.scripts) and self.scripts.issuperset(traits.scripts)


@dataclass(frozen=True, slots=True)
class ModelsNow:
    """How the models stand at this moment, by id, in all live workers together.

    Attributes:
        is_available: It can run, its weights are there, and its loads do not keep failing.
        is_loaded: It is in memory.
        is_slow: A page would take minutes: it is made for a GPU and runs on the processor only, or
            its weights are still being fetched.
    """

    is_available: Callable[[str], bool]
    is_loaded: Callable[[str], bool] = lambda _model: False
    is_slow: Callable[[str], bool] = lambda _model: False


@dataclass(frozen=True, slots=True)
class RouteChoice:
    """The model for a page, and why."""

    model: str
    reason: str


def route(
    traits: PageTraits,
    rules: Sequence[RouteRule],
    models: ModelsNow,
    languages: Sequence[str] = (),
) -> RouteChoice:
    """Gives the model of the first rule that fits the page and has one that can be taken.

    Of its groups of equally good models the first that has one is taken, and in it a model that is
    loaded before one that is not. Where no fitting rule has one, any rule's model is better than
    none, and at last a slow one.

    Args:
        traits: What the inspector saw.
        rules: The table, in order.
        models: How the models stand.
        languages: That the caller named; empty = none.

    Raises:
        ModelUnavailableError: No model of the whole table can run.
    """
    for rule in rules:
        if rule.fits(traits, languages):
            choice = _choose(rule, models)
            if choice is not None:
                return choice
    for model in _least_bad(rules, models):
        return RouteChoice(model, f"{_NOTHING_FITS}; {model} reads what it can")
    raise ModelUnavailableError("No model of the routing table can run here; see GET /models.")


def _main_part(language: str) -> str:
    return language.replace("_", "-").partition("-")[0]


def _choose(rule: RouteRule, models: ModelsNow) -> RouteChoice | None:
    better: list[str] = []
    for tier in rule.tiers:
        able = [model for model in tier if _may_take(model, rule, models)]
        if able:
            model = next(filter(models.is_loaded, able), able[0])
            told = (rule.reason, _told_better(better), _told_equal(model, able, models))
            return RouteChoice(model, "; ".join(filter(None, told)))
        better += tier
    return None


def _may_take(model: str, rule: RouteRule, models: ModelsNow) -> bool:
    return models.is_available(model) and (rule.without_gpu or not models.is_slow(model))


def _least_bad(rules: Iterable[RouteRule], models: ModelsNow) -> Iterator[str]:
    routed = [model for rule in rules for tier in rule.tiers for model in tier]
    able = list(filter(models.is_available, routed))
    yield from (model for model in able if not models.is_slow(model))
    yield from able


def _told_better(better: Sequence[str]) -> str:
    """Says which models would have been better."""
    if not better:
        return ""
    verb = "is" if len(better) == 1 else "are"
    return f"{' and '.join(better)} {verb} better for such pages but cannot run now"


def _told_equal(model: str, able: Sequence[str], models: ModelsNow) -> str:
    """Says where memory decided between models that are equally good."""
    others = [other for other in able if other != model and not models.is_loaded(other)]
    if not others or not models.is_loaded(model):
        return ""
    verb = "is" if len(others) == 1 else "are"
    return f"{model} is loaded already, {' and '.join(others)}, as good for such pages, {verb} not"
