"""Parsers and decisions, for any input."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_api.api.filenames import clean_filename
from ocr_api.api.host_check import find_foreign
from ocr_api.api.inline import parse_inline
from ocr_api.api.multipart import Event, FormEvents, PartBegan, PartEnded
from ocr_api.api.options import OptionLimits, read_options
from ocr_api.api.upload import find_media_type
from ocr_api.catalog import Catalog, load_catalog
from ocr_api.errors import RequestError
from ocr_api.jobs import MediaType

LIMITS = OptionLimits(100)
CATALOG = Catalog({}, ())
FORM = (
    b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\nauto\r\n'
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="\xd8\xb5.png"\r\n'
    b"Content-Type: image/png\r\n\r\n\x89PNG\r\n--\r\n-\r\n--Bx\r\n--B--\r\nepilogue"
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def joined(events: list[Event]) -> list[Event]:
    """Puts neighbouring bytes together."""
    found: list[Event] = []
    for event in events:
        if isinstance(event, bytes) and found and isinstance(found[-1], bytes):
            found[-1] += event
        else:
            found.append(event)
    return found


@given(st.lists(st.integers(1, len(FORM) - 1)))
def test_form_means_the_same_however_it_is_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(FORM)]
    form = FormEvents("multipart/form-data; boundary=B")
    events: list[Event] = []
    for start, end in itertools.pairwise(edges):
        events += list(form.feed(FORM[start:end])) if end > start else []
    form.finish()
    assert joined(events) == [
        PartBegan("model", None),
        b"auto",
        PartEnded(),
        PartBegan("file", "ص.png"),
        b"\x89PNG\r\n--\r\n-\r\n--Bx",
        PartEnded(),
    ]


@given(st.lists(st.binary(max_size=50) | st.sampled_from([b"--B\r\n", b"\r\n\r\n", b"\r\n--B--"])))
def test_nonsense_forms_are_refused_and_nothing_else(pieces: list[bytes]) -> None:
    form = FormEvents("multipart/form-data; boundary=B")
    with contextlib.suppress(RequestError):
        for piece in pieces:
            form.feed(piece)
        form.finish()


@given(
    st.binary() | st.text().map(lambda text: f'{{"base64": "{text}"}}'.encode("utf-8", "replace"))
)
def test_nonsense_json_is_refused_and_nothing_else(body: bytes) -> None:
    with contextlib.suppress(RequestError):
        content, _ = parse_inline(body, 100)
        assert len(content) <= 100


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["model", "dpi", "language", "metadata", "filename"]) | st.text(),
            VALUES,
        )
    )
)
def test_nonsense_options_are_refused_and_nothing_else(given_: list[tuple[str, object]]) -> None:
    with contextlib.suppress(RequestError):
        choices = read_options(given_, CATALOG, LIMITS)
        assert choices.model in {None, "auto"}
        assert choices.job.dpi is None or 72 <= choices.job.dpi <= 600


@given(st.text(max_size=600) | st.text(alphabet="a./\\\u202e\x00 ", max_size=20))
def test_cleaned_names_are_short_visible_and_no_paths(name: str) -> None:
    cleaned = clean_filename(name)
    if cleaned is None:
        return
    assert 0 < len(cleaned) <= 255
    assert not set("/\\\x00\u202e\n") & set(cleaned)
    assert cleaned not in {".", ".."}
    assert clean_filename(cleaned) == cleaned
    cleaned.encode()


@given(st.text(), st.none() | st.text())
def test_host_check_survives_any_header(host: str, origin: str | None) -> None:
    find_foreign(host, origin, set())


@given(st.binary(max_size=64))
def test_type_is_found_or_refused(head: bytes) -> None:
    with contextlib.suppress(RequestError):
        assert find_media_type(head, frozenset({MediaType.PNG})) is MediaType.PNG


@pytest.mark.parametrize("name", ["model", "engine"])
def test_both_names_of_the_model_mean_the_same(name: str) -> None:
    catalog = load_catalog()
    assert read_options([(name, "tesseract")], catalog, LIMITS).model == "tesseract"
    both = [("model", "tesseract"), ("engine", "tesseract")]
    assert read_options(both, catalog, LIMITS).model == "tesseract"
    assert read_options([(name, "")], catalog, LIMITS).model is None
