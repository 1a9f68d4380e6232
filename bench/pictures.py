"""The pictures of a run: which figures they show, and their names."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from bench.charts import Bar, Panel, draw
from bench.report import OURS, Figures, error_of, gain_of, rate_of, summary

_LOWER, _HIGHER = "lower is better", "higher is better"


def pictures_of(run: Figures) -> Mapping[str, str]:
    """Gives the SVG of each part that was measured and has one, by file name."""
    parts = run["parts"]
    return {
        file: make(parts[name]["figures"])
        for name, (file, make) in _PICTURES.items()
        if name in parts
    }


def _services(figures: Figures) -> str:
    fsync = next(name for name in figures if name != "skipped")
    found = {name: summary(took) for name, took in figures[fsync].items()}
    panels = [
        Panel(
            "One job on an idle machine, ms",
            f"submission to result in hand; {_LOWER}",
            _bars({name: took["held"] for name, took in found.items()}, "ms"),
        ),
        Panel(
            "16 callers, jobs a second",
            f"no-op jobs over HTTP; {_HIGHER}",
            _bars({name: took["rate"] for name, took in found.items()}, "/s"),
        ),
    ]
    return draw(f"A no-op job through the service, fsync {fsync}", panels)


def _reading(figures: Figures) -> str:
    readers = figures["settings"]["own languages"]
    rates = {name: rate_of(read) for name, read in readers.items()}
    panels = [Panel("Pages a second", _HIGHER, _bars(rates, "/s", "auto"))]
    for group in dict.fromkeys(figures["groups"].values()):
        errors = {name: error_of(figures, read, group) for name, read in readers.items()}
        bars = [_percent(name, error) for name, error in errors.items() if error is not None]
        panels.append(Panel(f"Characters wrong, {group}, %", _LOWER, bars))
    return draw("Reading on a CPU, each page's languages told", panels)


def _batches(figures: Figures) -> str:
    panels = []
    for name, took in figures["models"].items():
        alone = statistics.median(took["alone_s"])
        together = statistics.median(took["together_s"])
        bars = [
            Bar("one at a time", alone, f"{alone:.3g} s", is_ours=False),
            Bar(
                "four together",
                together,
                f"{together:.3g} s, {gain_of(took):.2f} x the speed",
                is_ours=True,
            ),
        ]
        panels.append(Panel(f"{name}, s a page", _LOWER, bars))
    return draw("Pages of a model together, and one at a time", panels)


def _bars(values: Mapping[str, float], unit: str, whose: str = OURS) -> Sequence[Bar]:
    """Gives bars with their ratios to the first of ours."""
    ours = next(value for name, value in values.items() if name.startswith(OURS))
    return [
        Bar(
            name,
            value,
            f"{value:.3g} {unit}" + ("" if value == ours else f", {value / ours:.2f} of {whose}"),
            is_ours=name.startswith(OURS),
        )
        for name, value in values.items()
    ]


def _percent(name: str, rate: float) -> Bar:
    return Bar(name, 100 * rate, f"{100 * rate:.2f} %", is_ours=name.startswith(OURS))


_PICTURES: Mapping[str, tuple[str, Callable[[Figures], str]]] = {
    "http": ("service-overhead.svg", _services),
    "reading": ("cpu-reading.svg", _reading),
    "batches": ("model-batches.svg", _batches),
}
