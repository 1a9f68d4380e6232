"""A strict check of the part of ALTO 4.4 that is written, after the published schema's rules.

Elements, attributes and orders that are not named here are refused, so that nothing is written
that was not compared with the schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

NAMESPACE = "{http://www.loc.gov/standards/alto/ns-v4#}"
SCHEMA_LOCATION = "{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_LANGUAGE = re.compile(r"[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*")

Check = Callable[[str], object]


def _is_float(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", text) is not None


def _is_share(text: str) -> bool:
    return _is_float(text) and 0 <= float(text) <= 1


def _is_direction(text: str) -> bool:
    return text in {"ltr", "rtl", "ttb", "btt"}


def _is_any(_text: str) -> bool:
    return True


_PLACES: Mapping[str, Check] = dict.fromkeys(("HPOS", "VPOS", "WIDTH", "HEIGHT"), _is_float)


@dataclass(frozen=True, slots=True)
class Rule:
    """What an element may have: attributes, children (a regular expression), text."""

    children: str = ""
    attributes: Mapping[str, Check] = field(default_factory=dict[str, Check])
    required: frozenset[str] = frozenset()
    text: Check | None = None


RULES: Mapping[str, Rule] = {
    "alto": Rule("Description Layout ", {"SCHEMAVERSION": "4.4".__eq__, SCHEMA_LOCATION: _is_any}),
    "Description": Rule("MeasurementUnit (sourceImageInformation )?(Processing )*"),
    "MeasurementUnit": Rule(text={"pixel", "mm10", "inch1200"}.__contains__),
    "sourceImageInformation": Rule("(fileName )?"),
    "fileName": Rule(text=_is_any),
    "Processing": Rule(
        "(processingCategory )?(processingSoftware )?",
        {"ID": _NAME.fullmatch},
        frozenset({"ID"}),
    ),
    "processingCategory": Rule(text={"contentGeneration"}.__contains__),
    "processingSoftware": Rule("softwareName softwareVersion "),
    "softwareName": Rule(text=_is_any),
    "softwareVersion": Rule(text=_is_any),
    "Layout": Rule("(Page )+"),
    "Page": Rule(
        "(PrintSpace )?",
        {
            "ID": _NAME.fullmatch,
            "PHYSICAL_IMG_NR": _is_float,
            "WIDTH": _is_float,
            "HEIGHT": _is_float,
            "PC": _is_share,
            "LANG": _LANGUAGE.fullmatch,
            "QUALITY_DETAIL": _is_any,
            "PROCESSINGREFS": _NAME.fullmatch,
        },
        frozenset({"ID", "PHYSICAL_IMG_NR"}),
    ),
    "PrintSpace": Rule("(TextBlock )*", {"ID": _NAME.fullmatch, **_PLACES}),
    "TextBlock": Rule(
        "(TextLine )*",
        {"ID": _NAME.fullmatch, **_PLACES, "BASEDIRECTION": _is_direction},
        frozenset({"ID"}),
    ),
    "TextLine": Rule(
        "(String (SP )?)+", {"ID": _NAME.fullmatch, **_PLACES, "BASEDIRECTION": _is_direction}
    ),
    "String": Rule(
        "",
        {"ID": _NAME.fullmatch, **_PLACES, "WC": _is_share, "CONTENT": _is_any},
        frozenset({"CONTENT"}),
    ),
    "SP": Rule("", _PLACES),
}


def check_alto(root: ET.Element) -> None:
    """Fails where a document breaks a rule of the schema, or has an id twice."""
    assert root.tag == f"{NAMESPACE}alto"
    for element in root.iter():
        _check_element(element)
    ids = [element.attrib["ID"] for element in root.iter() if "ID" in element.attrib]
    assert len(set(ids)) == len(ids), "an ID is used twice"
    for element in root.iter():
        assert element.get("PROCESSINGREFS", ids[0]) in ids


def _check_element(element: ET.Element) -> None:
    name = _local(element)
    assert name in RULES, f"{name} is not known"
    rule = RULES[name]
    children = "".join(f"{_local(child)} " for child in element)
    assert re.fullmatch(rule.children, children), f"{name} has {children}"
    assert rule.required <= set(element.attrib), f"{name} lacks an attribute"
    for key, value in element.attrib.items():
        assert key in rule.attributes, f"{name} has {key}"
        assert rule.attributes[key](value), f"{name} has {key}={value!r}"
    text = "".join([element.text or "", *(child.tail or "" for child in element)])
    assert text.strip() == "" if rule.text is None else rule.text(element.text or "")


def _local(element: ET.Element) -> str:
    assert element.tag.startswith(NAMESPACE), element.tag
    return element.tag.removeprefix(NAMESPACE)
