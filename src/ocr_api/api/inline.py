"""JSON bodies; among them a file: `{"base64": "…", …}`."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import NoReturn, TypeVar, cast

from pydantic import BaseModel, ValidationError

from ocr_api.api.receiving import too_large
from ocr_api.errors import InvalidOptionError, MalformedRequestError

FILE_MEMBER = "base64"
_DATA_URL = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
_WHITE_SPACE = re.compile(r"[ \t\r\n]+")


ModelT = TypeVar("ModelT", bound=BaseModel)


def parse_model(body: bytes, model: type[ModelT]) -> ModelT:
    """Gives a JSON body as a wire model.

    Raises:
        MalformedRequestError: No JSON object.
        InvalidOptionError: A member is missing, unknown or wrong.
    """
    members = _parse_object(body)
    try:
        return model.model_validate(members)
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        msg = f"`{name}`: {first['msg']}."
        raise InvalidOptionError(msg, option=name) from exc


def parse_inline(body: bytes, max_bytes: int) -> tuple[bytes, Mapping[str, object]]:
    """Gives the file and the other members of a JSON body. Pure, but takes a while for large ones.

    Args:
        body: JSON in UTF-8.
        max_bytes: Largest file.

    Raises:
        MalformedRequestError: No JSON object.
        InvalidOptionError: `base64` is missing or is not base64.
        UploadTooLargeError: The file is larger than allowed.
    """
    members = _parse_object(body)
    content = members.pop(FILE_MEMBER, None)
    if content is None:
        _refuse_missing(members)
    if not isinstance(content, str):
        raise InvalidOptionError("`base64` must be a string.", option=FILE_MEMBER)
    return _decode(content, max_bytes), members


def _parse_object(body: bytes) -> dict[str, object]:
    try:
        parsed: object = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as exc:
        raise MalformedRequestError("The body is not JSON in UTF-8.") from exc
    if not isinstance(parsed, dict):
        raise MalformedRequestError('The JSON body must be an object: {"base64": "…"}.')
    return cast("dict[str, object]", parsed)


def _refuse_constant(name: str) -> NoReturn:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def _refuse_missing(members: Mapping[str, object]) -> NoReturn:
    if "url" in members:
        msg = "This version does not fetch files by `url`; send the file itself."
        raise InvalidOptionError(msg, option="url")
    msg = "The JSON body has no `base64`, the file's bytes in base64."
    raise InvalidOptionError(msg, option=FILE_MEMBER)


def _decode(content: str, max_bytes: int) -> bytes:
    prefix = _DATA_URL.match(content)
    text = _WHITE_SPACE.sub("", content[prefix.end() :] if prefix else content)
    if len(text) > _encoded_size(max_bytes):
        raise too_large(max_bytes)
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        msg = "`base64` holds something else than base64 (RFC 4648, section 4, with padding)."
        raise InvalidOptionError(msg, option=FILE_MEMBER) from exc
    if len(decoded) > max_bytes:
        raise too_large(max_bytes)
    return decoded


def _encoded_size(size_bytes: int) -> int:
    return (size_bytes + 2) // 3 * 4
