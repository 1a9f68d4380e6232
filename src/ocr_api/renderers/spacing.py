"""Where a line has space between its words: not in every script."""

from __future__ import annotations

from ocr_api.pages import Line


def spaces_after(line: Line) -> tuple[bool, ...]:
    """Tells of each word of a line whether space follows it before the next word.

    Decided by the text of the line, which joins words as the script does (Chinese: without
    space). From the first word on that is not found there, space is taken to follow each word.
    The last word has none.
    """
    following = [True] * len(line.words)
    place = 0
    for index, word in enumerate(line.words[:-1]):
        start = line.text.find(word.text, place)
        if start < 0:
            break
        place = start + len(word.text)
        following[index] = not line.text.startswith(line.words[index + 1].text, place)
    if following:
        following[-1] = False
    return tuple(following)
