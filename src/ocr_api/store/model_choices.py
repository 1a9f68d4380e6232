"""Which model is the default now, and which ones are to be loaded or unloaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from redis.asyncio import Redis

from ocr_api.store import keys
from ocr_api.store.commands import commands
from ocr_api.store.failures import redis_failures
from ocr_api.store.limits import (
    CurrentModel,
    ModelAction,
    ModelWish,
    Serving,
    SwitchFailure,
)
from ocr_api.store.records import decode_fields
from ocr_api.store.scripts import Script, Scripts

_MICROSECONDS = 1e6


class ModelChoices:
    """The part of the store about what callers want of models.

    Workers look here and follow; every switch and wish has a number, so that what comes late
    about an earlier one changes nothing.
    """

    def __init__(self, redis: Redis, scripts: Scripts) -> None:
        self._commands = commands(redis)
        self._scripts = scripts

    async def current_model(self) -> CurrentModel | None:
        """Gives the default model chosen at run time; None = it was never switched."""
        with redis_failures():
            fields = decode_fields(await self._commands.hgetall(keys.CURRENT_MODEL))
        return _current(fields) if fields else None

    async def switch_model(
        self,
        model: str,
        default: str,
        *,
        serving: Serving | None = None,
        needs_loading: bool = True,
        by: str = "",
    ) -> CurrentModel:
        """Makes a model the default.

        Args:
            model: Its id.
            default: What was the default if nobody switched before.
            serving: What served until now, to which jobs go back should the model fail to load;
                None = the default itself.
            needs_loading: The switch holds for good only once the model is loaded somewhere.
            by: Address of the caller, for the record.
        """
        seen = serving or Serving(default, default)
        arguments = (model, default, seen.requested, seen.model, int(needs_loading), by)
        reply = await self._scripts.call(Script.SWITCH_MODEL, *arguments)
        return _current(decode_fields(reply))

    async def settle_switch(self, number: int) -> bool:
        """Notes that a switch's model is loaded; False where that switch is over or settled."""
        return bool(await self._scripts.call(Script.SETTLE_SWITCH, number))

    async def fall_back(self, number: int, reason: str) -> bool:
        """Takes a switch back whose model cannot be loaded anywhere.

        Jobs that got the model by default since then go to the one that served before; pages
        that are claimed right now follow when they come back.

        Args:
            number: Of the switch.
            reason: Told to callers.

        Returns:
            False where another switch holds by now, or this one is settled: nothing changed.
        """
        is_taken_back = bool(await self._scripts.call(Script.FALL_BACK, number, reason))
        if is_taken_back:
            await self.move_stranded_pages()
        return is_taken_back

    async def move_stranded_pages(self) -> None:
        """Moves the pages that wait for a model to which a switch was taken back, in batches.

        Should it be cut off, each page still moves when it is queued or claimed next.
        """
        passed = 0
        while passed >= 0:
            passed = cast("int", await self._scripts.call(Script.RELANE, passed))

    async def wish_model(self, model: str, action: ModelAction) -> ModelWish:
        """Asks all workers to load or unload a model; the latest wish about a model counts."""
        reply = await self._scripts.call(Script.WISH_MODEL, model, action.value)
        return ModelWish(model, action, int(cast("bytes", reply)))

    async def model_wishes(self) -> list[ModelWish]:
        """Gives the latest wish about each model that there ever was one about."""
        with redis_failures():
            fields = decode_fields(await self._commands.hgetall(keys.MODEL_WISHES))
        return [_wish(model, text) for model, text in fields.items()]


def _wish(model: str, text: str) -> ModelWish:
    number, _, action = text.partition(" ")
    return ModelWish(model, ModelAction(action), int(number))


def _current(fields: Mapping[str, str]) -> CurrentModel:
    changed_at = float(fields["changed_at"])
    # An earlier release gave its switches no number.
    number = int(fields.get("number") or changed_at * _MICROSECONDS)
    is_settled = fields.get("state", "settled") == "settled"
    previous = fields["previous"]
    return CurrentModel(fields["model"], previous, changed_at, number, is_settled, _failure(fields))


def _failure(fields: Mapping[str, str]) -> SwitchFailure | None:
    if "failed_model" not in fields:
        return None
    return SwitchFailure(
        fields["failed_model"],
        int(fields["failed_number"]),
        fields["failed_reason"],
        float(fields["failed_at"]),
    )
