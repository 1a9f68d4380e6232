"""The example of docs/webhooks.md verifies what the service signs, and nothing else."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ocr_api.settings import Settings
from ocr_api.webhooks.signing import read_secrets
from tests.webhooks.conftest import SECRET

DOCUMENT = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
BODY = '{"text": "نص"}'.encode()


def example() -> Callable[[str, dict[str, str], bytes], bool]:
    (code,) = re.findall(r"^```python\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert len([line for line in code.splitlines() if line]) <= 10
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - what a reader copies
    found: Callable[[str, dict[str, str], bytes], bool] = names["verify"]
    return found


def test_example_verifies_what_is_signed() -> None:
    verify = example()
    other = "whsec_" + "C" * 43 + "="
    headers = read_secrets(f"{other} {SECRET}").headers("msg_1", time.time(), BODY)
    assert verify(SECRET, headers, BODY)
    assert verify(other, headers, BODY)


def test_example_refuses_everything_else() -> None:
    verify = example()
    headers = read_secrets(SECRET).headers("msg_1", time.time(), BODY)
    assert not verify("whsec_" + "C" * 43 + "=", headers, BODY)
    assert not verify(SECRET, headers, BODY + b" ")
    assert not verify(SECRET, {**headers, "webhook-id": "msg_2"}, BODY)
    old = read_secrets(SECRET).headers("msg_1", time.time() - 600, BODY)
    assert not verify(SECRET, old, BODY)


def test_numbers_of_the_document_are_those_of_the_code() -> None:
    assert f"({Settings().webhook_timeout:g} s)" in DOCUMENT
    units = {"s": 1, "m": 60, "h": 3600}
    (told,) = re.findall(r"tried again after\s+(.*?), each up to", DOCUMENT, re.DOTALL)
    waits = [int(number) * units[unit] for number, unit in re.findall(r"(\d+) ([smh])", told)]
    assert tuple(waits) == Settings().webhook_waits_s
    assert len(waits) == Settings().webhook_max_retries
