"""What is printed of a model that was tried. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from eval.scoring import Normalisation
from eval.verify.run import Trial
from eval.verify.verdict import Reading

_RULES: tuple[Normalisation, ...] = ("std", "ar-bare")
_HEAD = "page                              counts  CER std  ar-bare  WER std  ar-bare   seconds"


def lines_of(trial: Trial) -> Iterator[str]:
    """Gives the report of a model, line by line."""
    loaded, found = trial.loaded, trial.found
    share = loaded.quantized_share
    quantized = "" if share is None else f", {share:.0%} of its parameters quantized"
    yield f"{trial.spec.id}: {trial.spec.name}, from {found.folder}"
    yield f"  revision {found.revision or 'not told by the folder'}"
    yield (
        f"  loaded in {trial.load_s:.1f} s on {loaded.device}, {loaded.quantization or 'none'}"
        f"{quantized}, {loaded.memory_mib} MiB"
    )
    yield "  " + ", ".join(f"{name} {version}" for name, version in trial.versions.items())
    yield f"  {_HEAD}"
    for reading in trial.readings:
        yield f"  {_row(reading)}"
    yield f"  {trial.page_s:.1f} s a page (median)"
    yield f"  {_verdict(trial)}"


def _row(reading: Reading) -> str:
    rates = [
        *(reading.character_errors(rules) for rules in _RULES),
        *(reading.word_errors(rules) for rules in _RULES),
    ]
    figures = "".join(f"{rate:9.3f}" for rate in rates)
    counts = "yes" if reading.counts else "no"
    remarks = f"  {'; '.join(reading.remarks)}" if reading.remarks else ""
    return f"{reading.page.file:33} {counts:5}{figures} {reading.seconds:9.1f}{remarks}"


def _verdict(trial: Trial) -> str:
    verdict = trial.verdict
    if not verdict.is_verified:
        return f"NOT verified: {verdict.reason}"
    return f"verified: median error rate {verdict.median_cer or 0.0:.3f}"
