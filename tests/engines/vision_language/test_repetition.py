"""Answers that go round in circles are found and cut to one round."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocr_api.engines.vision_language.ngram_guard import NgramRule
from ocr_api.engines.vision_language.repetition import find_loop

TOKENS = st.integers(0, 50)


@given(st.lists(TOKENS, max_size=40), st.lists(TOKENS, min_size=1, max_size=40))
def test_loop_is_cut_to_what_explains_it(head: list[int], period: list[int]) -> None:
    rounds = max(8, -(-128 // len(period))) + 1
    tokens = head + period * rounds

    loop = find_loop(tokens)

    assert loop is not None
    assert loop.end <= len(head) + len(period)
    kept, rest = tokens[: loop.end], tokens[loop.end :]
    again = kept[loop.start :]
    assert all(token == again[place % loop.period] for place, token in enumerate(rest))


@given(st.lists(st.integers(0, 1_000_000), unique=True, max_size=400))
def test_answer_without_repetition_has_no_loop(tokens: list[int]) -> None:
    assert find_loop(tokens) is None


def test_leaders_and_a_paragraph_that_comes_twice_are_no_loop() -> None:
    paragraph = list(range(100))

    assert find_loop([1, 2, 3] + [9] * 100) is None
    assert find_loop(paragraph * 2) is None
    assert find_loop(paragraph * 2 + [9]) is None


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(2, 4), st.integers(5, 30))
def test_banned_tokens_are_those_that_would_repeat_a_run(
    tokens: list[int], size: int, window: int
) -> None:
    rule = NgramRule(size, window, frozenset((3,)))
    banned = rule.banned(tokens)

    def repeats(token: int) -> bool:
        recent = tokens[-window:]
        if len(recent) < size:
            return False
        run = [*recent[len(recent) - size + 1 :], token]
        return any(recent[at : at + size] == run for at in range(len(recent) - size + 1))

    assert banned == {token for token in range(3) if repeats(token)}
