"""Which model reads a page when the caller asks for `auto`: a pure rule over a table of data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ocr_api.errors import ModelUnavailableError
from ocr_api.pages import PageTraits, Script


@dataclass(frozen=True, slots=True)
class RouteRule:
    """One row of the routing table.

    Attributes:
        models: Catalog ids, the best first; the first that can run here is taken.
        reason: Why, for people; told with the job.
        scripts: Scripts that the rule is for: a page fits when all its scripts are among them.
            Empty = any page, also one of unknown script.
        mixed: True = only pages of several scripts, False = only pages of one, None = both.
    """

    models: tuple[str, ...]
    reason: str
    scripts: frozenset[Script] = frozenset()
    mixed: bool | None = None

    def fits(self, traits: PageTraits) -> bool:
        """Tells whether the rule is for a page with these traits."""
        if self.mixed is not None and self.mixed != traits.is_mixed:
            return False
        if not self.scripts:
            return True
        return bool(traits.scripts) and self.scripts.issuperset(traits.scripts)


@dataclass(frozen=True, slots=True)
class RouteChoice:
    """The model for a page, and why."""

    model: str
    reason: str


def route(
    traits: PageTraits, rules: Sequence[RouteRule], is_available: Callable[[str], bool]
) -> RouteChoice:
    """Gives the first available model of the first rule that fits the page and has one.

    Where no fitting rule has one, any rule's available model is better than none.

    Args:
        traits: What the inspector saw.
        rules: The table, in order.
        is_available: Whether the model with this id can run here.

    Raises:
        ModelUnavailableError: No model of the whole table can run here.
    """
    for rule in rules:
        if rule.fits(traits):
            for model in filter(is_available, rule.models):
                return RouteChoice(model, rule.reason)
    for rule in rules:
        for model in filter(is_available, rule.models):
            return RouteChoice(model, "the model made for such pages cannot run here")
    raise ModelUnavailableError("No model of the routing table can run here; see GET /models.")
