"""Pieces of text come in reading order, each once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocr_api.pages import Box
from ocr_api.pages.reading_order import Piece, order_pieces

LONG = 40


def piece(name: str, left: int, top: int, width: int, characters: int = LONG) -> Piece[str]:
    return Piece(Box(left, top, left + width, top + 20), characters, name)


def ordered(*pieces: Piece[str]) -> list[list[str]]:
    return [
        [" ".join(item.content for item in row) for row in block] for block in order_pieces(pieces)
    ]


def test_rows_go_from_top_to_bottom_and_pieces_from_left_to_right() -> None:
    found = ordered(piece("b", 0, 30, 400), piece("a2", 300, 3, 100), piece("a1", 0, 0, 250))

    assert found == [["a1 a2", "b"]]


def test_columns_of_running_text_are_read_one_after_the_other() -> None:
    left = [piece(f"l{row}", 0, 30 * row, 400) for row in range(4)]
    right = [piece(f"r{row}", 440, 30 * row, 400) for row in range(4)]

    assert ordered(*right, *left) == [["l0", "l1", "l2", "l3"], ["r0", "r1", "r2", "r3"]]


def test_heading_across_columns_comes_first_and_footer_last() -> None:
    columns = [
        piece(f"{side}{row}", left, 60 + 30 * row, 400)
        for side, left in (("l", 0), ("r", 440))
        for row in range(3)
    ]

    found = ordered(piece("foot", 0, 170, 840), *columns, piece("head", 0, 0, 840))

    assert found == [["head"], ["l0", "l1", "l2"], ["r0", "r1", "r2"], ["foot"]]


def test_cells_of_a_table_are_read_by_row() -> None:
    cells = [
        piece(f"{name}{row}", left, 30 * row, width, characters)
        for name, left, width, characters in (("item", 0, 120, 9), ("price", 600, 60, 5))
        for row in range(4)
    ]

    assert ordered(*cells) == [[f"item{row} price{row}" for row in range(4)]]


def test_right_to_left_pages_begin_with_the_right_column() -> None:
    columns = [
        piece(f"{side}{row}", left, 30 * row, 400)
        for side, left in (("l", 0), ("r", 440))
        for row in range(3)
    ]

    blocks = order_pieces(columns, right_to_left=True)

    assert [[row[0].content for row in block] for block in blocks] == [
        ["r0", "r1", "r2"],
        ["l0", "l1", "l2"],
    ]


def test_large_heading_over_three_columns_comes_first() -> None:
    columns = [
        piece(f"{side}{row}", left, 100 + 30 * row, 300)
        for side, left in (("a", 0), ("b", 340), ("c", 680))
        for row in range(3)
    ]
    heading = Piece(Box(380, 0, 600, 50), 16, "head")

    found = ordered(*columns, heading)

    assert [block[0] for block in found] == ["head", "a0", "b0", "c0"]


def test_half_lines_of_verse_are_read_by_row() -> None:
    verse = [
        piece(f"{side}{row}", left, 40 * row, 300, 25)
        for side, left in (("l", 0), ("r", 400))
        for row in range(4)
    ]

    assert ordered(*verse)[0][0] == "l0 r0"


def test_far_rows_are_blocks_of_their_own() -> None:
    assert ordered(piece("a", 0, 0, 400), piece("b", 0, 100, 400)) == [["a"], ["b"]]


boxes = st.builds(
    lambda left, top, width, height: Box(left, top, left + width, top + height),
    st.integers(0, 900),
    st.integers(0, 900),
    st.integers(0, 300),
    st.integers(0, 80),
)


@given(st.lists(st.tuples(boxes, st.integers(0, 60)), max_size=30), st.booleans())
def test_every_piece_comes_exactly_once(
    found: list[tuple[Box, int]],
    right_to_left: bool,  # noqa: FBT001 - drawn by Hypothesis
) -> None:
    pieces = [Piece(box, length, number) for number, (box, length) in enumerate(found)]

    blocks = order_pieces(pieces, right_to_left=right_to_left)
    contents = [item.content for block in blocks for row in block for item in row]

    assert sorted(contents) == list(range(len(pieces)))
