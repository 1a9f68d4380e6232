"""Whose turn it is to change what is in memory, so that not all workers change at once."""

from __future__ import annotations

from redis.asyncio import Redis

from ocr_api.store import keys
from ocr_api.store.commands import commands
from ocr_api.store.failures import redis_failures
from ocr_api.store.limits import ModelTurn
from ocr_api.store.scripts import Script, Scripts


class ModelTurns:
    """The part of the store about workers that load models."""

    def __init__(self, redis: Redis, scripts: Scripts) -> None:
        self._commands = commands(redis)
        self._scripts = scripts

    async def take_turn(self, turn: ModelTurn, *, is_alone: bool, ttl_s: float) -> bool:
        """Begins a change, or goes on with it; False = it is to wait.

        Of n live workers at most n / 2, and always one, change at a time where a model leaves for
        another; the others go on with what they have.

        Args:
            turn: Who changes what.
            is_alone: It waits too while another worker is loading the same model.
            ttl_s: Seconds until the turn is over by itself; to be taken again before.
        """
        arguments = (turn.worker, turn.model, int(is_alone), int(turn.evicts), ttl_s)
        return bool(await self._scripts.call(Script.TAKE_TURN, *arguments))

    async def end_turn(self, turn: ModelTurn) -> None:
        """Ends a change."""
        with redis_failures():
            await self._commands.zrem(keys.MODEL_TURNS, str(turn))
