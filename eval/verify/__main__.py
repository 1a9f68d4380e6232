"""`python -m eval.verify`: see the package, and docs/models.md."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import anyio

from eval.verify.pages import OWN, Manifest, read_manifest
from eval.verify.report import lines_of
from eval.verify.run import Bound, models_with_weights, try_model
from eval.verify.verdict import BOUND
from ocr_api.catalog import load_catalog
from ocr_api.cli import weights
from ocr_api.errors import OcrApiError
from ocr_api.observability import configure_logging
from ocr_api.settings import Settings, load_settings


def main() -> int:
    """Tries the models one after the other; 0 = all are verified."""
    arguments = _arguments()
    try:
        settings = load_settings()
        configure_logging(settings.log_level, settings.log_format)
        manifest = read_manifest(arguments.pages)
        catalog = load_catalog(settings.catalog_file)
        models = arguments.models or models_with_weights(settings, catalog)
    except OcrApiError as exc:
        return _told(exc)
    if not models:
        _say("There are no weights on this machine; name a model and give --pull.")
        return 1
    bound = Bound(arguments.max_cer, arguments.each)
    tried = [_tried(settings, model, manifest, bound, pull=arguments.pull) for model in models]
    return 0 if all(tried) else 1


def _tried(settings: Settings, model: str, manifest: Manifest, bound: Bound, *, pull: bool) -> bool:
    try:
        if pull:
            anyio.run(lambda: weights.pull(settings, model, update=False))
        trial = anyio.run(try_model, settings, model, manifest, bound)
    except OcrApiError as exc:
        _say(f"{model}: NOT verified: {exc.detail} [{exc.code}]")
        return False
    for line in lines_of(trial):
        _say(line)
    return trial.verdict.is_verified


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m eval.verify", description=__doc__)
    parser.add_argument("models", nargs="*", help="ids; default: all whose weights are here")
    parser.add_argument("--pull", action="store_true", help="fetch weights that are not here")
    parser.add_argument(
        "--pages", type=Path, default=OWN, help="a manifest of pages, or its folder"
    )
    parser.add_argument(
        "--max-cer", type=_bound, default=BOUND, help=f"at most {BOUND}, the default"
    )
    parser.add_argument("--each", action="store_true", help="every page must keep the bound")
    return parser.parse_args()


def _bound(text: str) -> float:
    value = float(text)
    if not 0 <= value <= BOUND:  # a looser one would call weights verified that do not read
        msg = f"must be between 0 and {BOUND}"
        raise argparse.ArgumentTypeError(msg)
    return value


def _told(error: OcrApiError) -> int:
    sys.stderr.write(f"verify-weights: {error.detail} [{error.code}]\n")
    return 2


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
