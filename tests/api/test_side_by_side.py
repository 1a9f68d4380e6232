"""Two steps at once: both ends, either failure."""

from __future__ import annotations

import anyio
import pytest

from ocr_api.api.side_by_side import side_by_side
from ocr_api.errors import EmptyUploadError, StoreUnavailableError

pytestmark = pytest.mark.anyio


async def give_seven() -> int:
    await anyio.sleep(0.01)
    return 7


async def fail_upload() -> int:
    raise EmptyUploadError("empty")


async def fail_store() -> None:
    raise StoreUnavailableError("away")


async def test_answer_comes_once_both_have_ended() -> None:
    ended: list[bool] = []

    async def last() -> None:
        await anyio.sleep(0.03)
        ended.append(True)

    assert await side_by_side(give_seven, last) == 7
    assert ended == [True]


async def test_either_failure_is_raised_itself_and_stops_the_other() -> None:
    with anyio.fail_after(2):
        with pytest.raises(StoreUnavailableError):
            await side_by_side(anyio.sleep_forever, fail_store)
        with pytest.raises(EmptyUploadError):
            await side_by_side(fail_upload, anyio.sleep_forever)


async def test_cancellation_from_outside_goes_through() -> None:
    with anyio.move_on_after(0.02) as scope:
        await side_by_side(anyio.sleep_forever, anyio.sleep_forever)
    assert scope.cancelled_caught
