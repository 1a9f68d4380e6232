"""Which form of an answer a caller wants: by `format`, else by `Accept` (RFC 9110, 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ocr_api.errors import InvalidOptionError, NotAcceptableError
from ocr_api.renderers import FORMATS, NOT_OFFERED

_QUALITY = re.compile(r"\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*", re.IGNORECASE)
_MAX_RANGES = 64


def choose_format(asked: str | None, accept: str, default: str) -> str:
    """Gives the name of the format of an answer.

    Args:
        asked: The option `format`, which wins; None or empty = not given.
        accept: The header; empty = not given.
        default: Wins where the header leaves the choice.

    Raises:
        InvalidOptionError: `format` names nothing that is offered.
        NotAcceptableError: The header names nothing that is offered.
    """
    if asked:
        return _checked(asked)
    offers = {name: form.media_type for name, form in FORMATS.items()}
    ordered = [default, *(name for name in offers if name != default)]
    found = best_offer(accept, [(name, offers[name]) for name in ordered])
    if found is None:
        allowed = list(offers.values())
        msg = f"None of the types in Accept is offered. Offered: {', '.join(allowed)}."
        raise NotAcceptableError(msg, allowed=allowed)
    return found


def best_offer(accept: str, offers: Sequence[tuple[str, str]]) -> str | None:
    """Gives the name of the offer that a header prefers; None where it refuses all.

    The most specific range that fits a type tells its quality. Of equal ones the first offer
    wins. Parts that are no media range are left out; a header without any leaves the choice.

    Args:
        accept: The header's value.
        offers: Names and media types, the preferred one first.
    """
    ranges = dict(_ranges(accept.split(",")[:_MAX_RANGES]))
    if not ranges:
        return offers[0][0]
    qualities = {name: _quality(ranges, media_type) for name, media_type in offers}
    best = max(qualities.values())
    return next(name for name in qualities if qualities[name] == best) if best > 0 else None


def _checked(asked: str) -> str:
    if asked in FORMATS:
        return asked
    allowed = list(FORMATS)
    if asked in NOT_OFFERED:
        msg = f"`format={asked}` is not offered: {NOT_OFFERED[asked]}."
    else:
        msg = f"There is no such `format`. Known: {', '.join(allowed)}."
    raise InvalidOptionError(msg, option="format", allowed=allowed)


def _ranges(parts: Iterable[str]) -> Iterator[tuple[str, float]]:
    for part in parts:
        media_range, *parameters = part.split(";")
        name = media_range.strip().lower()
        if name.count("/") == 1:
            yield name, _quality_of(parameters)


def _quality_of(parameters: Sequence[str]) -> float:
    found = [match for match in map(_QUALITY.fullmatch, parameters) if match is not None]
    return float(found[0].group(1)) if found else 1.0


def _quality(ranges: Mapping[str, float], media_type: str) -> float:
    kind = media_type.partition("/")[0]
    fitting = (name for name in (media_type, f"{kind}/*", "*/*") if name in ranges)
    return next((ranges[name] for name in fitting), 0.0)
