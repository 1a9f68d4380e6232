"""Which layout the data has, and the steps that make older data data of this one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ocr_api.store import keys

MIGRATIONS: Mapping[int, str] = {}
"""Lua of the step that leads from each older layout to the next one; none was needed so far.

A step sees what every script sees (`lua/common.lua`), runs whole or not at all, and must not
return: the version is raised by the same call.
"""


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout that a process reads and writes.

    Attributes:
        version: Grows when the scripts of the release before would do harm on the data; what is
            only added leaves it as it is, so that both releases work side by side.
        steps: By the version that each starts from: all of `1..version - 1`.
    """

    version: int
    steps: Mapping[int, str]


CURRENT = Layout(keys.SCHEMA_VERSION, MIGRATIONS)
"""Of this release."""
