"""What a caller chose, checked: pure, and the one list of options."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn, cast

from ocr_api.api.filenames import clean_filename
from ocr_api.catalog import AUTO, Catalog
from ocr_api.errors import InvalidOptionError, TargetRefusedError, UnknownModelError
from ocr_api.jobs import JobOptions, PageRanges, Priority
from ocr_api.outbound import Network, check_target

KNOWN = (
    *("model", "engine", "language", "dpi", "pages", "password", "metadata", "priority"),
    *("filename", "webhook_url", "prompt_mode", "prompt"),
)
"""Options that callers may send; `engine` is another name of `model`."""

NOT_YET: Mapping[str, str] = {
    "url": "does not fetch files; send the file itself",
    "formats": "renders a result when it is asked for; see /ocr/{id}/result?format=",
}
"""Options of later versions, and what this version does instead."""

_DPI_RANGE = (72, 600)
_ANY_RESULT = ("text", "markdown")
"""What every model may be asked for, since every result can be had in these forms."""

_PROMPT_MODE = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_MAX_LANGUAGES = 16
_MAX_PASSWORD_CHARACTERS = 1024
_METADATA_DEPTH = 32
"""Far below where JSON libraries give up: those of callers, and the 255 of pydantic."""
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Choices:
    """What a caller chose for a submission.

    Attributes:
        model: None = the current one.
        filename: Cleaned; None = not given as an option.
        job: What goes with the job.
        password: Of an encrypted document; kept apart from the job.
        priority: The job's share of the readers.
    """

    model: str | None
    filename: str | None
    job: JobOptions
    priority: Priority = Priority.NORMAL
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class OptionLimits:
    """Bounds of options.

    Attributes:
        max_metadata_bytes: Largest `metadata`, as JSON.
        max_prompt_characters: Longest `prompt`.
        webhook_networks: That webhooks may reach although they are not public.
    """

    max_metadata_bytes: int
    max_prompt_characters: int = 2000
    webhook_networks: Sequence[Network] = ()


def read_options(
    given: Iterable[tuple[str, object]], catalog: Catalog, limits: OptionLimits
) -> Choices:
    """Checks the options of a submission; an empty string counts as not given.

    Args:
        given: Names and values from query, form (strings) or JSON (any JSON value).
        catalog: Tells which models there are.
        limits: Bounds of some options.

    Raises:
        InvalidOptionError: One is unknown, given twice, out of range or not offered.
    """
    options = _once_each(given)
    _check_names(options)
    choices = Choices(
        model=_model(options, catalog),
        filename=clean_filename(_text(options, "filename")),
        job=JobOptions(
            languages=_languages(options.get("language")),
            dpi=_dpi(options.get("dpi")),
            pages=_pages(options.get("pages")),
            metadata=_metadata(options.get("metadata"), limits.max_metadata_bytes),
            webhook_url=_webhook_url(_text(options, "webhook_url"), limits.webhook_networks),
            prompt_mode=_prompt_mode(_text(options, "prompt_mode")),
            prompt=_prompt(_text(options, "prompt"), limits.max_prompt_characters),
        ),
        priority=_priority(options.get("priority")),
        password=_password(options),
    )
    if choices.model is not None:
        check_prompt(choices.job, choices.model, catalog)
    return choices


def check_prompt(options: JobOptions, model: str, catalog: Catalog) -> None:
    """Checks what a model is to be asked for.

    `text` and `markdown` may be asked of every model, `auto` included: where it has no such mode,
    it is asked as usual, and its result can be had in these forms all the same.

    Args:
        options: Of the job.
        model: A known id, or `auto`.
        catalog: Tells what its models take.

    Raises:
        InvalidOptionError: The model takes no such mode, or no prompt of callers.
    """
    modes = () if model == AUTO else catalog.model(model).prompt_modes
    allowed = list(dict.fromkeys((*modes, *_ANY_RESULT)))
    if options.prompt_mode is not None and options.prompt_mode not in allowed:
        msg = (
            f"'{model}' has no `prompt_mode` '{_shown(options.prompt_mode)}'. "
            f"Allowed: {', '.join(allowed)}."
        )
        raise InvalidOptionError(msg, option="prompt_mode", allowed=allowed)
    if options.prompt is not None and (model == AUTO or not catalog.model(model).allows_prompt):
        able = [spec.id for spec in catalog.listed if spec.allows_prompt]
        msg = f"'{model}' takes no `prompt`. Models that do: {', '.join(able) or 'none here'}."
        raise InvalidOptionError(msg, option="prompt", allowed=able)


def _once_each(given: Iterable[tuple[str, object]]) -> dict[str, object]:
    options: dict[str, object] = {}
    for name, value in given:
        if value is None or value == "":
            continue
        if options.setdefault(name, value) != value:
            _refuse(name[:100], f"`{_shown(name)}` is given twice, with different values.")
    return options


def _check_names(options: Mapping[str, object]) -> None:
    for name in options:
        if name in NOT_YET:
            msg = f"`{name}` is not offered: this version {NOT_YET[name]}."
            raise InvalidOptionError(msg, option=name)
        if name not in KNOWN:
            msg = f"There is no option `{_shown(name)}`. Known: {', '.join(KNOWN)}."
            raise InvalidOptionError(msg, option=_shown(name), allowed=list(KNOWN))


def _model(options: Mapping[str, object], catalog: Catalog) -> str | None:
    model, engine = _text(options, "model"), _text(options, "engine")
    if model is not None and engine is not None and model != engine:
        _refuse("engine", "`model` and `engine` name the same thing; give one of them.")
    named = model or engine
    if named is None or named == AUTO:
        return named
    try:
        return catalog.model(named).id
    except UnknownModelError as exc:
        msg = f"There is no model '{_shown(named)}'. Known: {', '.join(catalog.known_ids)}."
        allowed = list(catalog.known_ids)
        raise InvalidOptionError(msg, option="model", allowed=allowed) from exc


def _languages(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list) or len(cast("list[object]", listed)) > _MAX_LANGUAGES:
        _refuse("language", f"`language` must be at most {_MAX_LANGUAGES} codes, such as ar,en.")
    codes = [str(code).strip() for code in cast("list[object]", listed)]
    for code in codes:
        if not _LANGUAGE.fullmatch(code):
            _refuse("language", f"'{_shown(code)}' is no language code such as ar or en (ISO 639).")
    return tuple(dict.fromkeys(codes))


def _priority(value: object) -> Priority:
    if value is None:
        return Priority.NORMAL
    allowed = [priority.value for priority in Priority]
    if value not in allowed:
        msg = f"`priority` must be one of {', '.join(allowed)}."
        raise InvalidOptionError(msg, option="priority", allowed=allowed)
    return Priority(str(value))


def _dpi(value: object) -> int | None:
    if value is None:
        return None
    low, high = _DPI_RANGE
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) < 6 and low <= int(text) <= high):
        msg = f"`dpi` must be a whole number from {low} to {high}."
        raise InvalidOptionError(msg, option="dpi", limit=[low, high])
    return int(text)


def _pages(value: object) -> PageRanges | None:
    if value is None:
        return None
    try:
        return PageRanges.parse(str(value))
    except ValueError:
        _refuse("pages", "`pages` must be page numbers and rising ranges, such as 1-3,7.")


def _prompt_mode(mode: str | None) -> str | None:
    if mode is not None and not _PROMPT_MODE.fullmatch(mode):
        _refuse("prompt_mode", "`prompt_mode` must be a name such as text or markdown.")
    return mode


def _prompt(prompt: str | None, max_characters: int) -> str | None:
    if prompt is None:
        return None
    if "\0" in prompt or _SURROGATE.search(prompt):
        _refuse("prompt", "`prompt` holds a character that no text can hold.")
    if len(prompt) > max_characters:
        msg = f"`prompt` may have at most {max_characters} characters."
        raise InvalidOptionError(msg, option="prompt", limit=max_characters)
    return prompt


def _password(options: Mapping[str, object]) -> str | None:
    password = _text(options, "password")
    if password is None:
        return None
    if "\0" in password or _SURROGATE.search(password):
        _refuse("password", "`password` holds a character that no password can hold.")
    if len(password) > _MAX_PASSWORD_CHARACTERS:
        msg = f"`password` may have at most {_MAX_PASSWORD_CHARACTERS} characters."
        raise InvalidOptionError(msg, option="password", limit=_MAX_PASSWORD_CHARACTERS)
    return password


def _webhook_url(url: str | None, networks: Sequence[Network]) -> str | None:
    if url is None:
        return None
    try:
        return str(check_target(url, networks))
    except TargetRefusedError as exc:
        msg = f"`webhook_url`: {exc.detail}"
        raise InvalidOptionError(msg, option="webhook_url") from exc


def _metadata(value: object, max_bytes: int) -> Mapping[str, object]:
    if value is None:
        return {}
    found = _json_object("metadata", value)
    if not _is_storable(found, _METADATA_DEPTH):
        msg = f"`metadata` may be nested {_METADATA_DEPTH} deep, with numbers that are finite."
        raise InvalidOptionError(msg, option="metadata", limit=_METADATA_DEPTH)
    encoded = json.dumps(found, ensure_ascii=False)
    if _SURROGATE.search(encoded):
        _refuse("metadata", "`metadata` holds half a character (a lone surrogate).")
    if len(encoded.encode()) > max_bytes:
        msg = f"`metadata` may take at most {max_bytes} bytes of JSON."
        raise InvalidOptionError(msg, option="metadata", limit=max_bytes)
    return found


def _is_storable(value: object, depth: int) -> bool:
    """Tells whether JSON is nested at most so deep and holds no number beyond a float (1e999)."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        parts = list(cast("dict[str, object]", value).values())
    elif isinstance(value, list):
        parts = cast("list[object]", value)
    else:
        return True
    return depth > 0 and all(_is_storable(part, depth - 1) for part in parts)


def _json_object(name: str, value: object) -> dict[str, object]:
    found = value
    if isinstance(value, str):
        try:
            found = json.loads(value, parse_constant=lambda _: _refuse_json(name))
        except (ValueError, RecursionError):
            _refuse_json(name)
    if not isinstance(found, dict):
        _refuse_json(name)
    return {str(key): item for key, item in cast("dict[object, object]", found).items()}


def _refuse_json(name: str) -> NoReturn:
    _refuse(name, f'`{name}` must be a JSON object, such as {{"order": 7}}.')


def _text(options: Mapping[str, object], name: str) -> str | None:
    value = options.get(name)
    if value is not None and not isinstance(value, str):
        _refuse(name, f"`{name}` must be a string.")
    return value


def _refuse(option: str, detail: str) -> NoReturn:
    raise InvalidOptionError(detail, option=_shown(option))


def _shown(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[:100])
