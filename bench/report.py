"""Tables of a run, and their places on a page: between `<!-- figures:NAME -->` and its end."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Figures = Mapping[str, Any]
"""What a part measured, as it stands in the JSON."""

OURS = "ours"
_PLACE = r"(<!-- figures:{name} -->\n).*?(<!-- /figures:{name} -->)"


def fill(page: str, tables: Mapping[str, str]) -> str:
    """Gives a page with tables put into their places.

    Raises:
        KeyError: The page has no place for one of them.
    """
    for name, table in tables.items():
        place = re.compile(_PLACE.format(name=re.escape(name)), re.DOTALL)
        found = place.search(page)
        if found is None:
            raise KeyError(name)
        page = f"{page[: found.end(1)]}{table}\n{page[found.start(2) :]}"
    return page


def tables_of(run: Figures) -> Mapping[str, str]:
    """Gives the table of the run itself and of each part that was measured."""
    tables = {"run": "\n".join(_run(run))}
    for name, part in run["parts"].items():
        for place, make in _TABLES[name].items():
            tables[place] = "\n".join(make(part["figures"]))
    return tables


def _run(run: Figures) -> Iterator[str]:
    machine = run["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    yield "| | |\n|---|---|"
    yield f"| date | {run['date']} |"
    yield (
        f"| machine | {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB |"
    )
    yield f"| system | {machine['system']}, Linux {machine['kernel']}, Python {machine['python']} |"
    yield f"| packages | {packages} |"
    yield f"| others | {', '.join(run['others'])} |"
    yield ""
    yield "| part | command | turns, pages | load average before (1, 5, 15 min) | took |"
    yield "|---|---|---|---|---|"
    for part in run["parts"].values():
        load = ", ".join(f"{value:.1f}" for value in part["load_average"])
        extent = part["extent"]
        turns = f"{extent['rounds']} or {extent['readings']}, {extent['pages']}"
        row = f"| {part['title']} | `{part['command']}` | {turns} "
        yield f"{row}| {load} | {part['took_s']} s |"


def _service(figures: Figures) -> Iterator[str]:
    idle, memory = figures["one idle job"], figures["memory, idle"]
    start, rates = figures["from start to ready"], figures["throughput"]
    yield "| figure | value |\n|---|---|"
    served, bare = _list(rates["service_pages_per_s"]), _list(rates["bare_pages_per_s"])
    yield f"| pages/s through the service, {rates['pages']} pages | {served} |"
    yield f"| pages/s of the same steps called bare | {bare} |"
    yield f"| median ratio | **{rates['median_ratio']:.2f}** |"
    yield (
        "| one idle job, `scripted` engine, small PNG: HTTP submit to result in hand | "
        f"p50 **{idle['p50_ms']} ms**, p90 {idle['p90_ms']} ms, p99 {idle['p99_ms']} ms |"
    )
    sizes = ", ".join(f"{memory[f'{role}_pss_mb']:.0f} MB" for role in ("api", "worker", "valkey"))
    yield f"| memory (PSS), idle: API, worker's parent, Valkey | {sizes} |"
    yield (
        "| from `ocr-api serve` to `/readyz` 200, on new data | "
        f"median {start['median_s']} s, longest {start['longest_s']} s |"
    )


def _services(figures: Figures) -> Iterator[str]:
    yield (
        "| fsync | service | one job, answer held: median, p90 ms | to ours "
        "| looked for every 5 ms: median | to ours | jobs/s, 16 callers, each turn | to ours |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for fsync in (name for name in figures if name != "skipped"):
        ours = summary(figures[fsync][OURS])
        for name, took in figures[fsync].items():
            own = summary(took)
            ratios = [own[member] / ours[member] for member in ("held", "polled", "rate")]
            yield (
                f"| {fsync} | {name} | {own['held']:.1f}, {own['held_p90']:.1f} | {ratios[0]:.2f} "
                f"| {own['polled']:.1f} | {ratios[1]:.2f} "
                f"| {_list(took['jobs_per_s'])} | {ratios[2]:.2f} |"
            )
    yield from _skipped(figures)


def summary(took: Figures) -> Mapping[str, float]:
    """Gives medians of one service's turns: `held`, `held_p90` and `polled` (ms), `rate`."""
    held = [ms for turn in took["held_ms"] for ms in turn]
    polled = [ms for turn in took["polled_ms"] for ms in turn]
    return {
        "held": statistics.median(held),
        "held_p90": statistics.quantiles(held, n=10)[8],
        "polled": statistics.median(polled),
        "rate": statistics.median(took["jobs_per_s"]),
    }


def _reading(figures: Figures) -> Iterator[str]:
    groups = list(dict.fromkeys(figures["groups"].values()))
    yield f"| told | reader | pages/s, each turn | to the first | {' | '.join(groups)} |"
    yield "|---|---|---|---|" + "---|" * len(groups)
    for setting, readers in figures["settings"].items():
        first = next(iter(readers.values()))
        for name, read in readers.items():
            ratio = rate_of(read) / rate_of(first)
            errors = " | ".join(_error(error_of(figures, read, group)) for group in groups)
            yield f"| {setting} | {name} | {_list(read['pages_per_s'])} | {ratio:.2f} | {errors} |"
    yield from _skipped(figures)


def rate_of(read: Figures) -> float:
    """Gives the median of a reader's pages/s."""
    return float(statistics.median(read["pages_per_s"]))


def error_of(figures: Figures, read: Figures, group: str) -> float | None:
    """Gives a reader's mean error rate of a group of pages; None = it read none of them."""
    found = [rate for page, rate in read["error_rates"].items() if figures["groups"][page] == group]
    return statistics.mean(found) if found else None


def _error_rates(figures: Figures) -> Iterator[str]:
    readers = figures["settings"]["own languages"]
    yield f"| page | {' | '.join(readers)} |"
    yield "|---|" + "---|" * len(readers)
    for page in figures["groups"]:
        rates = (_error(read["error_rates"][page]) for read in readers.values())
        yield f"| {page.partition('.')[0]} | {' | '.join(rates)} |"


def _batches(figures: Figures) -> Iterator[str]:
    yield "| model | s a page, alone, each round | s a page, 4 together | median ratio |"
    yield "|---|---|---|---|"
    for name, took in figures["models"].items():
        alone, together = _list(took["alone_s"]), _list(took["together_s"])
        yield f"| {name} | {alone} | {together} | **{gain_of(took):.2f}** |"


def gain_of(took: Figures) -> float:
    """Gives how many times as many pages are read in a time, together as alone."""
    pairs = zip(took["alone_s"], took["together_s"], strict=True)
    return float(statistics.median(alone / together for alone, together in pairs))


def _skipped(figures: Figures) -> Iterator[str]:
    for name, reason in figures["skipped"].items():
        yield f"\nLeft out: {name} ({reason})."


def _error(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.3f}"


def _list(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


_TABLES = {
    "service": {"service": _service},
    "http": {"http": _services},
    "reading": {"reading": _reading, "error-rates": _error_rates},
    "batches": {"batches": _batches},
}
