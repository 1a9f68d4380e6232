"""Messages survive the way to a child and back."""

from __future__ import annotations

import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_api.child.channel import Channel, ParentGoneError
from ocr_api.errors import DamagedDocumentError, TooManyPixelsError
from ocr_api.messages import (
    HEADER,
    MAX_BODY_BYTES,
    MAX_FILES,
    Failed,
    ImageHeader,
    InspectPage,
    Message,
    PageInspected,
    PagesRead,
    Ready,
    TextRead,
    decode_body,
    decode_header,
    encode_body,
)
from ocr_api.pages import Block, Box, Direction, Line, PageText, PageTraits, Script, Word

_counts = st.integers(0, 100_000)
_boxes = st.builds(Box, _counts, _counts, _counts, _counts)
_texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
_confidences = st.none() | st.floats(0, 1)
_words = st.builds(Word, _texts, _boxes, _confidences)
_lines = st.builds(
    Line,
    _texts,
    _boxes,
    st.lists(_words, max_size=3).map(tuple),
    st.sampled_from(Direction),
    _confidences,
)
_blocks = st.builds(Block, st.lists(_lines, max_size=3).map(tuple), _boxes)
_page_texts = st.builds(
    PageText,
    _counts,
    _counts,
    st.lists(_blocks, max_size=3).map(tuple),
    st.none() | _texts,
    st.lists(_texts, max_size=2).map(tuple),
)
_traits = st.builds(
    PageTraits,
    is_blank=st.booleans(),
    rotation_deg=st.sampled_from([0, 90, 180, 270]),
    skew_deg=st.floats(-15, 15),
    scripts=st.lists(st.sampled_from(Script), max_size=3).map(tuple),
    rotation_confidence=_confidences,
)
_messages = (
    st.builds(PagesRead, st.lists(_page_texts, max_size=2).map(tuple))
    | st.builds(PageInspected, _traits)
    | st.builds(TextRead, _counts, _texts)
    | st.builds(Failed, _texts, _texts)
    | st.just(Ready())
)


@given(_messages)
def test_every_message_survives_its_json(message: Message) -> None:
    assert decode_body(encode_body(message)) == message


def test_error_keeps_class_sentence_and_facts() -> None:
    error = Failed.of(TooManyPixelsError("Too large.", limit=7)).to_error()
    assert isinstance(error, TooManyPixelsError)
    assert (error.detail, error.facts) == ("Too large.", {"limit": 7})


@pytest.mark.parametrize("sizes", [(MAX_BODY_BYTES + 1, 0), (1, MAX_FILES + 1)])
def test_frame_beyond_the_bounds_is_refused(sizes: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="beyond the bounds"):
        decode_header(HEADER.pack(*sizes))


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="union_tag_invalid"):
        decode_body(b'{"kind":"exec"}')


def test_descriptors_travel_beside_a_message() -> None:
    ours, theirs = socket.socketpair()
    with Channel(ours) as sender, Channel(theirs) as receiver:
        file = os.memfd_create("pixels")
        os.write(file, b"abc")
        sender.send(InspectPage(ImageHeader(3, 1, "L")), [file])
        os.close(file)
        message, files = receiver.receive()
        assert isinstance(message, InspectPage)
        assert os.pread(files[0], 10, 0) == b"abc"
        os.close(files[0])


def test_gone_parent_ends_the_conversation() -> None:
    ours, theirs = socket.socketpair()
    with Channel(theirs) as channel:
        ours.close()
        with pytest.raises(ParentGoneError):
            channel.receive()
        with pytest.raises(ParentGoneError):
            channel.send(Failed.of(DamagedDocumentError("x")))
