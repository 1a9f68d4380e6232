"""Two steps of one request at the same time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

T = TypeVar("T")


async def side_by_side(
    main: Callable[[], Awaitable[T]], beside: Callable[[], Awaitable[object]]
) -> T:
    """Gives the answer of `main` once both have ended well.

    The failure of one cancels the other and is raised as it is, not in a group.
    """
    answers: list[T] = []
    failures: list[Exception] = []

    async def note_failure(step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except Exception as exc:  # noqa: BLE001 - raised again below, outside the group
            failures.append(exc)
            group.cancel_scope.cancel()

    async def do_main() -> None:
        answers.append(await main())

    async def do_beside() -> None:
        await beside()

    async with anyio.create_task_group() as group:
        group.start_soon(note_failure, do_beside)
        await note_failure(do_main)
    if failures:
        raise failures[0]
    return answers[0]
